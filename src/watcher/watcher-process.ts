/**
 * The process that watches: told what passed through the channel of its parent, and gone with it. It is given what the processor
 * has left over, so that requests come first.
 */
import { constants, setPriority } from 'node:os'
import type { FromWatcher, ToWatcher } from './messages.ts'
import { createWatcher, type Watcher } from './watcher.ts'

const tickMs = 1000

const running: { watcher: Watcher | null } = { watcher: null }

process.on('disconnect', () => process.exit(0))
// They are for the gateway, which says what they mean here.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {})
try {
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
} catch {
  // Where that is not allowed, requests and watching share the processor.
}

process.on('message', (message: ToWatcher) => {
  const { watcher } = running
  switch (message.kind) {
    case 'start':
      running.watcher = createWatcher({
        ...message.settings,
        onFindings: (findings) => tell({ kind: 'findings', findings }),
        onAlert: (change) => tell({ kind: 'alert', change }),
        onReceiver: (change) => tell({ kind: 'receiver', change }),
      })
      report()
      setInterval(() => {
        running.watcher?.tick()
        report()
      }, tickMs)
      break
    case 'slice':
      watcher?.take(message.slice)
      tell({ kind: 'took' })
      break
    case 'event':
      watcher?.event(message.event)
      break
    case 'ask':
      void answerOf(message).then((answer) => tell({ kind: 'answer', id: message.id, ...answer }))
      break
    case 'close':
      void Promise.resolve(watcher?.close()).finally(() => process.disconnect())
  }
})

async function answerOf({ question, args }: Extract<ToWatcher, { kind: 'ask' }>): Promise<{ result: unknown; problem: string | null }> {
  try {
    return { result: await running.watcher?.ask(question, args), problem: null }
  } catch (error) {
    return { result: null, problem: (error as Error).message }
  }
}

function report(): void {
  if (running.watcher !== null) tell({ kind: 'status', status: running.watcher.status() })
}

function tell(message: FromWatcher): void {
  // The gateway may be gone, and this process is gone next.
  process.send?.(message, () => {})
}
