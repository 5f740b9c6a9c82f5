/** Questions to the audit log: an index that is made from it, and can be thrown away at any time. */
export type { Entry } from './entry.ts'
export type { Filter } from './filter.ts'
export { type IndexOptions, type LogIndex, openIndex } from './indexed-log.ts'
export type { Sum } from './sums.ts'
