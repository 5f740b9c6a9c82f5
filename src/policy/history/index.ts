/** The revisions that were active. */
export { type Activated, createHistory, type History, type Made } from './history.ts'
