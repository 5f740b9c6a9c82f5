/** What is unusual about what integrations do. */

export {
  createDetector,
  type Detector,
} from './detector.ts'
export type {
  /** @knipignore the alerts' */
  Containing,
  Finding,
  /** @knipignore the alerts' */
  Measured,
  RuleName,
} from './finding.ts'
export { measuredText } from './measured-text.ts'
export {
  /** @knipignore the watcher's */
  type BaselineRow,
  type BaselineStore,
  createMemoryStore,
} from './store.ts'
export type { Usual } from './usual.ts'
export type { WatchEvent } from './watch-event.ts'
