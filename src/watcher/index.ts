/** The process that watches: what it keeps, and what it can be asked. */
export type { Args, WatcherStatus } from './messages.ts'
export { replay, replayedTypes } from './replay.ts'
export { createSender } from './send-slices.ts'
export { startWatcher, type WatcherProcess } from './start-watcher.ts'
