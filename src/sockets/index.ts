/** Sockets that servers listen on. */
export { claimSocketPath, listenOnSocket } from './unix.ts'
