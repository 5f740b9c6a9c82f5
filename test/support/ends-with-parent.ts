/**
 * Loaded into a process that a test or a benchmark starts (`--import`): it ends when the one that started it does, also by a
 * SIGKILL, which no handler sees. By the parent's id, so that it holds behind launchers that are replaced by what they launch.
 */
import { isMainThread } from 'node:worker_threads'

const everyMs = 250
const parent = process.ppid

if (isMainThread)
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL')
  }, everyMs).unref()
