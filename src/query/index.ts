/** Questions to the audit log: an index that is made from it, and can be thrown away at any time. */
export { decisions, type Entry } from './entry.ts'
export { type Filter, FilterError } from './filter.ts'
export { placeIndex } from './index-place.ts'
export { type IndexOptions, type LogIndex, openIndex } from './indexed-log.ts'
export { type Indexing, startIndexing } from './indexing.ts'
export { createSelection } from './selection.ts'
export type { Shown } from './show.ts'
export { type By, type Sum, sumKeys } from './sums.ts'
