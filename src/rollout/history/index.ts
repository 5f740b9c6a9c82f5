/** The revisions that were active. */

export { type Activated, createHistory, type History } from './history.ts'
export { HistoryError, UnknownRevision } from './revision-folder.ts'
