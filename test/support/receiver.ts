/** A sink in memory that a test lets fail, hang, refuse or take half; and what ships to it. */
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createShape } from '../../src/sinks/shape.ts'
import { createShipping, type Shipping, type ShippingOptions } from '../../src/sinks/ship.ts'
import type { PartlyRefused, Shipped, Sink } from '../../src/sinks/sink.ts'
import { createFolder } from './folder.ts'
import type { GrowingLog } from './growing-log.ts'

export interface Receiver {
  readonly sink: Sink
  /** Each delivery that was taken. */
  readonly taken: readonly (readonly Shipped[])[]
  /** Texts of what was taken, in its order. */
  texts(): readonly string[]
  /** Decides on each delivery before it is taken: throws, waits, or gives what is refused of it. */
  on(delivery: (batch: readonly Shipped[], signal: AbortSignal) => unknown): void
}

export function createReceiver(): Receiver {
  const taken: (readonly Shipped[])[] = []
  let before: (batch: readonly Shipped[], signal: AbortSignal) => unknown = () => {}
  return {
    taken,
    texts: () => taken.flat().map(({ text }) => text),
    on(delivery) {
      before = delivery
    },
    sink: {
      async deliver(batch, signal) {
        const partlyRefused = await before(batch, signal)
        taken.push(batch)
        return partlyRefused as PartlyRefused | undefined
      },
      close: async () => {},
    },
  }
}

export interface ShippedTo extends Shipping {
  readonly notes: readonly object[]
  readonly cursorFile: string
}

/** Ends with the test. */
export function shipTo(
  t: TestContext,
  log: GrowingLog,
  receiver: Pick<Receiver, 'sink'>,
  options: Partial<ShippingOptions> = {},
): ShippedTo {
  const notes: object[] = []
  const cursorFile = options.cursorFile ?? join(createFolder(t), 'siem.json')
  const shipping = createShipping({
    ...{ name: 'siem', folder: log.folder, cursorFile, maxRecords: 100, maxBytes: 1024 * 1024, timeoutMs: 5000, maxDelayMs: 20 },
    async open({ origin }) {
      return { sink: receiver.sink, shape: createShape({ view: 'json', mask: null, context: { origin, version: '0.1.0' } }) }
    },
    async note(event, facts) {
      notes.push({ event, ...facts })
    },
    ...options,
  })
  t.after(() => shipping.close(0, 0))
  return { ...shipping, notes, cursorFile }
}
