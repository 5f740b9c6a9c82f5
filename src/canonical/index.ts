/** One spelling of hosts, addresses, paths and their patterns, and what one pattern covers of another. */

export { type Authority, canonicalHost, formatAuthority, parseAuthority, requireWellFormedHost } from './host.ts'
export { canonicalHostPattern, hostCovers } from './host-pattern.ts'
export { canonicalAddress, covers, type IpAddress, type IpBlock, isMapped, readAddress, readBlock } from './ip-block.ts'
export { canonicalPath, segmentsOf } from './path.ts'
export { globCovers, markForms, pathCovers } from './path-covers.ts'
export { choicesFor, pathForms } from './path-forms.ts'
export { patternOfPath } from './path-pattern.ts'
