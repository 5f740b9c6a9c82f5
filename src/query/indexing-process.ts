/** The process of `audit.index`: keeps the index of a log current, with what the processor has left over, and is gone with its parent. */
import { constants, setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { openIndex } from './indexed-log.ts'

const everyMs = 1000
/** The disk may be full, and the index may belong to another user. */
const retryMs = 10_000

process.on('disconnect', () => process.exit(0))
// They are for the gateway, which ends this process.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {})
try {
  setPriority(constants.priority.PRIORITY_LOW)
} catch {
  // Where that is not allowed, requests and the index share the processor.
}
await keep(process.argv[2] ?? '', process.argv[3] ?? '')

async function keep(log: string, folder: string): Promise<never> {
  const reported = { problem: '' }
  const report = (problem: string) => {
    if (problem !== '' && problem !== reported.problem) process.send?.(problem, () => {})
    reported.problem = problem
  }
  for (;;) {
    try {
      const index = openIndex({ log, folder, cacheMiB: 16 })
      for (;;) {
        await index.catchUp()
        report('')
        await sleep(everyMs)
      }
    } catch (error) {
      report((error as Error).message)
      await sleep(retryMs)
    }
  }
}
