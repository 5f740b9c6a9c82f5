/** The revisions that were active. */
export { type Activated, createHistory, type History, type Made, type ManifestTexts } from './history.ts'
export { HistoryError } from './history-error.ts'
