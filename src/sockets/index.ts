/** Sockets that servers listen on. */
export { boundConnections } from './bound-connections.ts'
export { claimSocketPath, listenOnPort, listenOnSocket } from './listen.ts'
