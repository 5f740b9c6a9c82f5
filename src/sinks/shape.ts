/** Makes of stored records what one sink is given: masked, in its view, or left out. */
import { createHash } from 'node:crypto'
import type { JsonObject } from '../core/index.ts'
import type { StoredRecord } from '../records/index.ts'
import type { Checkpoint } from './feed.ts'
import type { MaskRecord } from './mask-records.ts'
import type { ShippedCheckpoint, ShippedRecord } from './sink.ts'
import { type ViewContext, type ViewName, viewNamed } from './views/index.ts'

export interface Shape {
  /** `null`: the sink's rules drop it, or its view has no place for it. */
  record(stored: StoredRecord, leftOut: number): ShippedRecord | null
  checkpoint(checkpoint: Checkpoint, time: string): ShippedCheckpoint
}

export interface ShapeOptions {
  readonly view: ViewName
  /** `null`: nothing is masked. */
  readonly mask: MaskRecord | null
  readonly context: ViewContext
}

export function createShape({ view: name, mask, context }: ShapeOptions): Shape {
  const view = viewNamed(name)

  /** Undefined: dropped. */
  function textIn(text: string): string | undefined {
    const masked = mask === null ? text : mask(text)
    if (masked === null) return undefined
    if (name === 'json') return masked
    const document = view.record(parsed(masked), context)
    return document === null ? undefined : JSON.stringify(document)
  }

  return {
    record({ index, text: stored }, leftOut) {
      const text = textIn(stored)
      if (text === undefined) return null
      const { time, type } = headOf(stored)
      return {
        ...{ kind: 'record', index, leftOut, leaf: leafOf(stored), time, type, text },
        get document() {
          return parsed(text)
        },
      }
    },
    checkpoint({ size, note }, time) {
      const document = view.checkpoint({ size, note, time }, context)
      return { kind: 'checkpoint', size, note, time, text: JSON.stringify(document), document }
    },
  }
}

const leafPrefix = Buffer.of(0)

function leafOf(text: string): string {
  return createHash('sha256').update(leafPrefix).update(text).digest('hex')
}

const head = /^\{"seq":\d+,"time":"([^"\\]*)","type":"([^"\\]*)"/

/** As records are written, without parsing them. */
function headOf(text: string): { readonly time: string; readonly type: string } {
  const found = head.exec(text)
  if (found !== null) return { time: found[1] ?? '', type: found[2] ?? '' }
  const { time = '', type = '' } = parsed(text)
  return { time: String(time), type: String(type) }
}

/** A line that is no record is shipped as what it is: who looks for what was changed needs it most of all. */
function parsed(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  } catch {
    // It is told below.
  }
  return { type: 'unreadable', text }
}
