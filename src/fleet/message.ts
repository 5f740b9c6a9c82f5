/** Reads a message of the topic: a record, hashes of records that are kept from it, or a checkpoint. */
import { headers } from '../kafka/index.ts'

export interface RecordMessage {
  readonly kind: 'record'
  readonly origin: string
  readonly index: number
  readonly leaf: Buffer
  readonly value: Buffer
  /** Records directly before it that do not come; only their hashes do. */
  readonly leftOut: number
  /** The value is not the record as the log has it, but a view of it, or masked. */
  readonly isView: boolean
}

export interface LeavesMessage {
  readonly kind: 'leaves'
  readonly origin: string
  /** Index of the first. */
  readonly index: number
  readonly leaves: readonly Buffer[]
}

export interface CheckpointMessage {
  readonly kind: 'checkpoint'
  readonly origin: string
  readonly note: string
  /** The key that the gateway says is its own, as a verifier key (C2SP signed-note). */
  readonly key: string | null
  /** The compact range at the checkpoint's size, for who has not read all before. */
  readonly range: readonly Buffer[] | null
}

export type FleetMessage = RecordMessage | LeavesMessage | CheckpointMessage

/** As the client of Kafka gives it. */
export interface RawMessage {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: ReadonlyMap<string, Buffer>
  /** Milliseconds since 1970. */
  readonly timestampMs: number
}

/** A string says what is wrong with it. */
export function readMessage({ key, value, headers: found }: RawMessage): FleetMessage | string {
  const origin = key?.toString('utf8') ?? ''
  if (origin === '') return 'it has no key, which names the gateway'
  if (value === null) return 'it has no value'
  const kind = found.get(headers.kind)?.toString('latin1')
  if (kind === 'checkpoint') {
    const range = found.get(headers.range)
    return {
      kind,
      origin,
      note: value.toString('utf8'),
      key: found.get(headers.verifierKey)?.toString('utf8') ?? null,
      range: range === undefined ? null : hashesOf(range),
    }
  }
  if (kind !== 'record' && kind !== 'leaves') return `its header "${headers.kind}" is not known`
  const index = Number(found.get(headers.index)?.toString('latin1') ?? Number.NaN)
  if (!Number.isSafeInteger(index) || index < 0) return `its header "${headers.index}" is not a number of a record`
  if (kind === 'leaves') {
    const leaves = hashesOf(value)
    return leaves.length === 0 ? 'it has no hashes' : { kind, origin, index, leaves }
  }
  const leaf = Buffer.from(found.get(headers.leaf)?.toString('latin1') ?? '', 'hex')
  if (leaf.byteLength !== hashBytes) return `its header "${headers.leaf}" is not a SHA-256`
  const leftOut = Number(found.get(headers.leftOut)?.toString('latin1') ?? 0)
  if (!Number.isSafeInteger(leftOut) || leftOut < 0 || leftOut > index) return `its header "${headers.leftOut}" is not a number of records`
  return { kind, origin, index, leaf, value, leftOut, isView: found.has(headers.view) }
}

const hashBytes = 32

/** Empty where the length is not that of whole hashes. */
function hashesOf(bytes: Buffer): Buffer[] {
  if (bytes.byteLength % hashBytes !== 0) return []
  return Array.from({ length: bytes.byteLength / hashBytes }, (_, place) => bytes.subarray(place * hashBytes, (place + 1) * hashBytes))
}
