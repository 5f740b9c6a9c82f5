/** Sockets that servers listen on, and the CAs that a TLS client trusts. */
export { type Http2Overhead, watchOverhead } from './http2-overhead.ts'
export { boundConnections, claimSocketPath, listenOnPort, listenOnSocket } from './listen.ts'
export { createSessionKeeper, type KeptPart, type SessionKeeper } from './outlive-streams.ts'
export { Client, Pool } from './pool.ts'
export { RequestLines } from './request-lines.ts'
export { trustedRoots } from './trusted-roots.ts'
