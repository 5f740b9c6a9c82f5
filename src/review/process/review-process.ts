/** The process of one scheduled review: asked by its parent, and gone with it. Requests come first. */
import { constants, setPriority } from 'node:os'
import { runScheduled } from '../scheduled.ts'
import type { FromReview, ToReview } from './messages.ts'

process.on('disconnect', () => process.exit(0))
// They are for the gateway, which ends this process.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {})
try {
  setPriority(constants.priority.PRIORITY_LOW)
} catch {
  // Where that is not allowed, requests and reviews share the processor.
}

const recorded = Promise.withResolvers<void>()

process.on('message', (message: ToReview) => {
  if (message.kind === 'recorded') recorded.resolve()
  else
    run(message)
      .catch((error: Error) => tell({ kind: 'failed', problem: error.message }))
      .finally(() => process.disconnect())
})

async function run({ settings }: ToReview & { kind: 'run' }): Promise<void> {
  const { result, conclude } = await runScheduled(settings)
  await tell({ kind: 'found', result })
  await recorded.promise
  await tell({ kind: 'done', ...(await conclude()) })
}

/** Resolves once it is on its way: the channel is closed only then. */
function tell(message: FromReview): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, () => resolve())
  })
}
