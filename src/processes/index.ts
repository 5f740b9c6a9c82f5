/** Processes of the gateway's own that run beside it. */
export { forkOwn, type KeptOptions, keepRunning } from './keep-running.ts'
