/** One spelling of hosts, addresses, paths and their patterns, and what one pattern covers of another. */

export { type Authority, canonicalHost, formatAuthority, parseAuthority, requireWellFormedHost } from './host.ts'
export { canonicalHostPattern, hostCovers } from './host-pattern.ts'
export { canonicalAddress, covers, type IpAddress, type IpBlock, isMapped, readAddress, readBlock } from './ip-block.ts'
export { canonicalPath, choicesFor, pathForms, segmentsOf } from './path.ts'
export { globCovers, markForms, pathCovers, patternOfPath } from './path-pattern.ts'
export { judgedQueryOf, queryCovers } from './query-conditions.ts'
