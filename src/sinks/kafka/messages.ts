/** What a gateway sends to the topic: a message for each record, with its place and hash, and one for each checkpoint. */
import { hash } from 'node:crypto'
import { headers } from '../../kafka/index.ts'
import type { Shipped, ShippedRecord } from '../sink.ts'

export interface TopicMessage {
  readonly topic: string
  readonly key: Buffer
  readonly value: Buffer
  readonly headers: Map<Buffer, Buffer>
  /** Milliseconds since 1970, when it was sent: that a gateway is silent is told by it. */
  readonly timestamp: bigint
}

export interface MessageContext {
  readonly topic: string
  /** The key: of one partition, and so in order. */
  readonly origin: string
  /** Null in a log that is not signed. */
  readonly verifierKey: string | null
  /** Of what is sent, by its name. */
  readonly view: string
}

/** `range`: of a checkpoint, where it is known. */
export function messageOf(item: Shipped, context: MessageContext, range: readonly Buffer[] | null = null): TopicMessage {
  const { verifierKey, view } = context
  if (item.kind === 'record')
    return message(item.kind, Buffer.from(item.text), context, [
      [names.index, Buffer.from(String(item.index))],
      [names.leaf, Buffer.from(item.leaf)],
      ...(item.leftOut > 0 ? [[names.leftOut, Buffer.from(String(item.leftOut))] as const] : []),
      ...(isWhole(item) ? [] : [[names.view, Buffer.from(view)] as const]),
    ])
  // A checkpoint is proven by its own text, in whatever view the records are.
  return message(item.kind, Buffer.from(item.note), context, [
    ...(verifierKey === null ? [] : [[names.verifierKey, Buffer.from(verifierKey)] as const]),
    ...(range === null ? [] : [[names.range, Buffer.concat(range)] as const]),
  ])
}

/** The hashes of records that do not come: 32 bytes each, from the index on. */
export function leavesMessage(index: number, hashes: Buffer, context: MessageContext): TopicMessage {
  return message('leaves', hashes, context, [[names.index, Buffer.from(String(index))]])
}

function message(
  kind: string,
  value: Buffer,
  { topic, origin }: MessageContext,
  own: readonly (readonly [Buffer, Buffer])[],
): TopicMessage {
  const all = new Map([[names.kind, Buffer.from(kind)], ...own])
  return { topic, key: Buffer.from(origin), value, headers: all, timestamp: BigInt(Date.now()) }
}

/** Neither in another form nor masked: the bytes of the log. */
function isWhole({ text, leaf }: ShippedRecord): boolean {
  return hash('sha256', Buffer.concat([Buffer.of(0), Buffer.from(text)]), 'hex') === leaf
}

const names = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])) as Record<
  keyof typeof headers,
  Buffer
>
