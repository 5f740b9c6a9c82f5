/** Starts the process that watches, and keeps it running; nothing of the path waits for it. */
import { join } from 'node:path'
import type { AlertChange, ReceiverChange } from '../alerts/index.ts'
import type { Finding, WatchEvent } from '../detect/index.ts'
import { forkOwn, type KeptOptions, keepRunning } from '../processes/index.ts'
import type { Slice } from '../watch/index.ts'
import type { Args, FromWatcher, ToWatcher, WatcherSettings, WatcherStatus } from './messages.ts'
import { createOpenQuestions } from './open-questions.ts'

type Kept = KeptOptions<ToWatcher, FromWatcher>

export interface WatcherHandlers extends Pick<Kept, 'onEnd' | 'delays'> {
  readonly onFindings: (findings: readonly Finding[]) => void
  readonly onAlert: (change: AlertChange) => void
  readonly onReceiver: (change: ReceiverChange) => void
  /** Each second. */
  readonly onStatus: (status: WatcherStatus) => void
  /** Slices that it had not looked at when it ended. */
  readonly onLost: (slices: number) => void
  /** May throw. */
  readonly startProcess?: Kept['start']
}

export interface WatcherProcess {
  /** `null` while there is none. */
  readonly pid: number | null
  /** Slices that it has not looked at yet. */
  readonly waiting: number
  /** The newest that it said of itself; `null` before that. */
  status(): WatcherStatus | null
  /** `false`: there is no process, or it is too far behind, and the slice is not taken. */
  take(slice: Slice): boolean
  /** Dropped where there is no process, or it is too far behind. */
  event(event: WatchEvent): void
  /** Rejects with an Error that says why there is no answer. */
  ask(question: string, args?: Args): Promise<unknown>
  close(): Promise<void>
}

const processFile = join(import.meta.dirname, 'watcher-process.ts')
const heap = ['--max-old-space-size=256', '--max-semi-space-size=1', '--optimize-for-size']
/** Of glibc: what threads free stays with each of its arenas, which is 4 MB of a process that has time. */
const oneArena = { MALLOC_ARENA_MAX: '1' }
const closeMs = 2000
/** What may wait in the channel, whose memory is ours. */
const maxWaitingSlices = 64
const maxWaitingFlows = 2000

export function startWatcher(settings: WatcherSettings, handlers: WatcherHandlers): WatcherProcess {
  const {
    onFindings,
    onAlert,
    onReceiver,
    onStatus,
    onEnd,
    onLost,
    delays,
    startProcess = () => forkOwn(processFile, heap, oneArena),
  } = handlers
  const questions = createOpenQuestions()
  let status: WatcherStatus | null = null
  /** Flows of each slice that it has not looked at. */
  let waiting: number[] = []
  let waitingFlows = 0

  function hear(message: FromWatcher): void {
    switch (message.kind) {
      case 'took':
        waitingFlows -= waiting.shift() ?? 0
        break
      case 'findings':
        onFindings(message.findings)
        break
      case 'alert':
        onAlert(message.change)
        break
      case 'receiver':
        onReceiver(message.change)
        break
      case 'answer':
        questions.answer(message.id, message.result, message.problem)
        break
      case 'status':
        status = message.status
        onStatus(status)
    }
  }

  function forget(): void {
    onLost(waiting.length)
    waiting = []
    waitingFlows = 0
    status = null
    questions.fail('the process that watches has ended, and is started again')
  }

  const watcher = keepRunning<ToWatcher, FromWatcher>({
    start: startProcess,
    first: { kind: 'start', settings },
    onMessage: hear,
    onEnd(how, words) {
      forget()
      onEnd(how, words)
    },
    delays,
  })
  const isBehind = () => waiting.length >= maxWaitingSlices || waitingFlows >= maxWaitingFlows

  return {
    get pid() {
      return watcher.pid
    },
    get waiting() {
      return waiting.length
    },
    status: () => status,
    take(slice) {
      if (isBehind() || !watcher.tell({ kind: 'slice', slice })) return false
      waiting.push(slice.flows.length)
      waitingFlows += slice.flows.length
      return true
    },
    event(event) {
      if (waiting.length < maxWaitingSlices) watcher.tell({ kind: 'event', event })
    },
    async ask(question, args = {}) {
      return await questions.ask((id) => watcher.tell({ kind: 'ask', id, question, args }))
    },
    async close() {
      await watcher.close({ kind: 'close' }, closeMs)
      questions.fail('the gateway is shutting down')
    },
  }
}
