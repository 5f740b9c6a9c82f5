/**
 * The process that ships the log: told what to do through the channel of its parent, and gone with it. It is given what the
 * processor has left over, so that requests come first.
 */
import { constants, setPriority } from 'node:os'
import { createShipper, type Shipper, type ShipperSettings } from '../shipper.ts'
import type { FromShipper, ToShipper } from './messages.ts'

const progressMs = 1000

const waiting = new Map<number, PromiseWithResolvers<void>>()
const running: { shipper: Shipper | null; notes: number } = { shipper: null, notes: 0 }

process.on('disconnect', () => process.exit(0))
// They are for the gateway, which says what they mean here.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {})
try {
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
} catch {
  // Where that is not allowed, requests and shipping share the processor.
}

process.on('message', (message: ToShipper) => {
  switch (message.kind) {
    case 'start':
      start(message.settings)
      break
    case 'noted':
      noted(message.number, message.problem)
      break
    case 'reopen':
      running.shipper?.reopen()
      break
    case 'close':
      void close(message.upTo, message.withinMs)
  }
})

function start(settings: ShipperSettings): void {
  running.shipper = createShipper({
    ...settings,
    note(event, facts) {
      const answer = Promise.withResolvers<void>()
      const number = running.notes++
      waiting.set(number, answer)
      tell({ kind: 'note', number, event, facts })
      return answer.promise
    },
    onMaskFailure: (sink, { message }) => tell({ kind: 'mask-failed', sink, problem: message }),
  })
  setInterval(report, progressMs)
}

function noted(number: number, problem: string | null): void {
  const answer = waiting.get(number)
  waiting.delete(number)
  if (problem === null) answer?.resolve()
  else answer?.reject(new Error(problem))
}

function report(): void {
  if (running.shipper !== null) tell({ kind: 'progress', sinks: running.shipper.progress() })
}

async function close(upTo: number, withinMs: number): Promise<void> {
  await running.shipper?.close(upTo, withinMs)
  report()
  process.disconnect()
}

function tell(message: FromShipper): void {
  // The gateway may be gone, and this process is gone next.
  process.send?.(message, () => {})
}
