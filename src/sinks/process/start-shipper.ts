/** Starts the process that ships the log, and keeps it running; the gateway waits for nothing of it. */
import { join } from 'node:path'
import { forkOwn, type KeptOptions, keepRunning } from '../../processes/index.ts'
import type { Progress, SinkEvent, SinkFact } from '../ship.ts'
import type { ShipperSettings } from '../shipper.ts'
import type { FromShipper, ToShipper } from './messages.ts'

type Kept = KeptOptions<ToShipper, FromShipper>

export interface ShipperHandlers extends Pick<Kept, 'onEnd' | 'delays'> {
  readonly onProgress: (sinks: readonly Progress[]) => void
  /** Resolves once the record is durable. */
  readonly note: (event: SinkEvent, facts: SinkFact) => Promise<void>
  readonly onMaskFailure: (sink: string, problem: string) => void
  /** May throw. */
  readonly startProcess?: Kept['start']
}

export interface ShipperProcess {
  /** `null` while there is none. */
  readonly pid: number | null
  reopen(): void
  /** What is below `upTo` is shipped if that can be done within this time. */
  close(upTo: number, withinMs: number): Promise<void>
}

const processFile = join(import.meta.dirname, 'shipper-process.ts')
/** Beyond the time in which it ships: it then ends by itself. */
const graceMs = 1000

export function startShipper(settings: ShipperSettings, handlers: ShipperHandlers): ShipperProcess {
  const { onProgress, note, onMaskFailure, onEnd, delays, startProcess = () => forkOwn(processFile) } = handlers

  const onMessage: Kept['onMessage'] = (message, answer) => {
    switch (message.kind) {
      case 'progress':
        onProgress(message.sinks)
        break
      case 'mask-failed':
        onMaskFailure(message.sink, message.problem)
        break
      case 'note':
        // Where it cannot be recorded, the sink stands still: what it is about is not passed over.
        note(message.event, message.facts).then(
          () => answer({ kind: 'noted', number: message.number, problem: null }),
          (error: Error) => answer({ kind: 'noted', number: message.number, problem: error.message }),
        )
    }
  }

  const shipper = keepRunning({ start: startProcess, first: { kind: 'start', settings }, onMessage, onEnd, delays })

  return {
    get pid() {
      return shipper.pid
    },
    reopen: () => void shipper.tell({ kind: 'reopen' }),
    close: (upTo, withinMs) => shipper.close({ kind: 'close', upTo, withinMs }, withinMs + graceMs),
  }
}
