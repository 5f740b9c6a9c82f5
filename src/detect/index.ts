/** What is unusual about what integrations do. */

export type { Learned } from './baseline/index.ts'
export {
  createDetector,
  type Detector,
} from './detector.ts'
export type {
  /** @knipignore the alerts' */
  Containing,
  Finding,
  Measured,
  RuleName,
} from './finding.ts'
export { measuredText } from './measured-text.ts'
export {
  type BaselineRow,
  type BaselineStore,
  createMemoryStore,
} from './store.ts'
export type { Usual } from './usual.ts'
export type { WatchEvent } from './watch-event.ts'
