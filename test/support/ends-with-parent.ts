/**
 * Loaded into a process that a test or a benchmark starts (`--import`): it ends when the one that started it does, also by a
 * SIGKILL, which no handler sees. By the parent's id, so that it holds behind launchers that are replaced by what they launch.
 * `node --test` loads it into the files that it runs and not into itself: so a file ends its runner where npm has ended (Linux).
 */
import { readFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

const everyMs = 250
const parent = process.ppid

/** `null` where that cannot be told. */
function parentOf(id: number): number | null {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1])
  } catch {
    return null
  }
}

function isRunner(id: number): boolean {
  try {
    return readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0').includes('--test')
  } catch {
    return false
  }
}

function watch(): void {
  const above = isRunner(parent) ? parentOf(parent) : null
  setInterval(() => {
    const isOrphan = process.ppid !== parent
    const isRunnerOrphan = !isOrphan && above !== null && ![above, null].includes(parentOf(parent))
    if (isRunnerOrphan) process.kill(parent, 'SIGKILL')
    if (isOrphan || isRunnerOrphan) process.kill(process.pid, 'SIGKILL')
  }, everyMs).unref()
}

if (isMainThread) watch()
