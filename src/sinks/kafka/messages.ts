/** What a gateway sends to the topic: a message for each record, with its place and hash, and one for each checkpoint. */
import { hash } from 'node:crypto'
import type { Shipped, ShippedRecord } from '../sink.ts'

/** Names of the messages' headers; their values are text, except where it is said. */
export const headers = {
  /** `record`, `leaves` or `checkpoint`. */
  kind: 'kind',
  /** Of the record: its place in the log, from 0. */
  index: 'index',
  /** Hex: SHA-256(0x00 || the record's bytes), as it stands in the log. */
  leaf: 'leaf',
  /** Says what the value is where it is not the record as it stands in the log. */
  view: 'view',
  /** With a checkpoint: the gateway's verifier key (C2SP signed-note). */
  verifierKey: 'verifier-key',
  /** With a checkpoint, where it is known: the compact range at its size, bytes. */
  range: 'range',
} as const

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

export function messageOf(item: Shipped, { topic, origin, verifierKey, view }: MessageContext): TopicMessage {
  const found = new Map<Buffer, Buffer>([[names.kind, Buffer.from(item.kind)]])
  if (item.kind === 'record') {
    found.set(names.index, Buffer.from(String(item.index)))
    found.set(names.leaf, Buffer.from(item.leaf))
    if (!isWhole(item)) found.set(names.view, Buffer.from(view))
  } else if (verifierKey !== null) found.set(names.verifierKey, Buffer.from(verifierKey))
  return {
    topic,
    key: Buffer.from(origin),
    // A checkpoint is proven by its own text, in whatever view the records are.
    value: Buffer.from(item.kind === 'record' ? item.text : item.note),
    headers: found,
    timestamp: BigInt(Date.now()),
  }
}

/** Neither in another form nor masked: the bytes of the log. */
function isWhole({ text, leaf }: ShippedRecord): boolean {
  return hash('sha256', Buffer.concat([Buffer.of(0), Buffer.from(text)]), 'hex') === leaf
}

const names = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])) as Record<
  keyof typeof headers,
  Buffer
>
