/** Ships the log to all its sinks, each on its own: one that fails holds up no other. */
import { join } from 'node:path'
import type { SinkConfig, WitnessConfig } from '../config/index.ts'
import { createCompile, gatewayFolders } from '../opa/index.ts'
import type { LogName } from '../records/index.ts'
import { createSink } from './create-sink.ts'
import { loadMasks } from './mask-records.ts'
import { createShape } from './shape.ts'
import { createShipping, type Opened, type Progress, type ShippingOptions } from './ship.ts'
import type { Sink } from './sink.ts'
import { createWitnessing } from './witnessing.ts'

export interface ShipperSettings {
  /** Of the log. */
  readonly folder: string
  readonly sinks: readonly SinkConfig[]
  readonly witness: WitnessConfig | null
  /** Folders of the gateway's state: where cursors are, compiled rules, and programs of the compiler. */
  readonly state: { readonly sinks: string; readonly policies: string; readonly compiler: string }
  readonly version: string
}

export interface ShipperOptions extends ShipperSettings {
  readonly note: ShippingOptions['note']
  /** The rules of a sink fail on a record. */
  readonly onMaskFailure: (sink: string, error: Error) => void
}

export interface Shipper {
  progress(): readonly Progress[]
  /** Files that were renamed are opened anew. */
  reopen(): void
  /** Ships what is below `upTo` within this time, and ends. */
  close(upTo: number, withinMs: number): Promise<void>
}

/** Of one delivery: a receiver that takes little at a time is not sent more than it can answer within its time. */
const maxBytes = 1024 * 1024

export function createShipper({ folder, sinks, witness, state, version, note, onMaskFailure }: ShipperOptions): Shipper {
  const open = new Set<Sink>()
  const compile = createCompile(gatewayFolders(state.compiler))

  async function opened(config: SinkConfig, { origin, verifierKey }: LogName): Promise<Opened> {
    const onFailure = (error: Error) => onMaskFailure(config.name, error)
    const mask =
      config.rules === undefined ? null : await loadMasks({ folder: config.rules, cacheFolder: state.policies, compile, onFailure })
    const shape = createShape({ view: config.view, mask, context: { origin, version } })
    const sink = await createSink(config, { origin, verifierKey, folder, version })
    open.add(sink)
    const close = async () => {
      open.delete(sink)
      await sink.close()
    }
    return { sink: { ...sink, close }, shape }
  }

  const sinkShippings = sinks.map((config) =>
    createShipping({
      ...{ name: config.name, folder, maxBytes, note },
      cursorFile: join(state.sinks, `${config.name}.json`),
      maxRecords: config.batch,
      timeoutMs: config.timeout,
      maxDelayMs: config.maxDelay,
      open: (log) => opened(config, log),
    }),
  )

  const shippings = witness === null ? sinkShippings : [...sinkShippings, createWitnessing({ folder, witness })]

  return {
    progress: () => shippings.map((shipping) => shipping.progress()),
    reopen() {
      for (const sink of open) sink.reopen?.()
    },
    async close(upTo, withinMs) {
      await Promise.all(shippings.map((shipping) => shipping.close(upTo, withinMs)))
    },
  }
}
