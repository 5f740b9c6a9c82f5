/** Packs events into uploads: JSON arrays, gzip'd, each of no more compressed bytes than the server takes. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { EventBuffer } from './event-buffer.ts'

const compress = promisify(gzip)

export interface Chunk {
  readonly body: Buffer
  readonly events: number
}

/** An event of no more than `maxBytes`, as JSON. */
export type Shorten = (event: Buffer, maxBytes: number) => Buffer | null

export interface Packer {
  /** The oldest events of the buffer; `null` where there is none. */
  next(): Promise<Chunk | null>
}

/** How far a guess goes beyond what was seen: JSON of one kind compresses alike. */
const confidence = 0.9
const maxRatio = 64

/**
 * An event that does not fit even alone is packed as `shorten` makes it; `onTooLarge` is called for each that it cannot make
 * short enough (`null`), which is given up.
 */
export function createPacker(buffer: EventBuffer, maxBytes: number, onTooLarge: () => void, shorten: Shorten = () => null): Packer {
  /** Bytes of JSON that one compressed byte held; learnt from each chunk, so that few are packed twice. */
  let ratio = 1

  return {
    async next() {
      for (;;) {
        const events = buffer.take(maxBytes * ratio)
        if (events.length === 0) return null
        const json = Buffer.concat([open, ...events.flatMap((event, index) => (index === 0 ? [event] : [comma, event])), close])
        const body = await compress(json)
        if (body.byteLength <= maxBytes) {
          // Never less than before: a chunk of few events compresses badly, and says nothing of a full one.
          ratio = Math.max(ratio, Math.min(maxRatio, (json.byteLength / body.byteLength) * confidence))
          return { body, events: events.length }
        }
        // Half as much, until it fits or a single event is left.
        ratio = Math.min(ratio, json.byteLength / maxBytes) / 2
        const [event] = events
        if (events.length > 1 || event === undefined) buffer.putBack(events)
        else {
          const shorter = shorten(event, maxBytes - overheadOf(maxBytes))
          if (shorter === null) onTooLarge()
          else buffer.putBack([shorter])
        }
      }
    },
  }
}

/** What the brackets and gzip add at most to what it cannot compress (RFC 1952, RFC 1951 §3.2.4). */
function overheadOf(bytes: number): number {
  return 64 + Math.ceil(bytes / 1000)
}

const open = Buffer.from('[')
const comma = Buffer.from(',')
const close = Buffer.from(']')
