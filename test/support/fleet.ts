/** Gateways as the consumer of a fleet's records sees them: what they send to the topic, signed as they sign it. */
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkpointText, rawPublicKey, signedNote, verifierKey } from '../../src/audit/note.ts'
import { Tree } from '../../src/audit/tree/index.ts'
import { headers } from '../../src/kafka/index.ts'
import { tilePath } from '../../src/records/index.ts'
import { messageOf, type TopicMessage } from '../../src/sinks/kafka/messages.ts'
import type { Shipped, ShippedCheckpoint, ShippedRecord } from '../../src/sinks/sink.ts'
import { shippedRecord } from './shipped.ts'

export interface FleetGateway {
  readonly origin: string
  readonly verifierKey: string
  /** The next records of its log. `variant` makes them others at the same places. */
  records(count: number, variant?: string): ShippedRecord[]
  /** Of all records so far. */
  checkpoint(): ShippedCheckpoint
  /** A gateway with the same key whose log ends with `size` of these records. */
  rolledBack(size: number): FleetGateway
  messages(items: readonly Shipped[]): TopicMessage[]
  /** Of the checkpoint, as a header. */
  range(): Buffer
  /** The tiles of its log so far. */
  writeTiles(folder: string): void
}

interface Log {
  readonly origin: string
  readonly keys: ReturnType<typeof generateKeyPairSync>
  readonly records: ShippedRecord[]
}

const time = '2026-11-28T04:00:00.000Z'

export function fleetGateway(origin = `sallyport/${randomUUID()}`): FleetGateway {
  return gatewayOf({ origin, keys: generateKeyPairSync('ed25519'), records: [] })
}

function gatewayOf(log: Log): FleetGateway {
  const { origin, keys, records } = log
  const publicKey = rawPublicKey(keys.privateKey)
  const key = verifierKey(origin, publicKey)
  const tree = new Tree()
  const full: ReturnType<Tree['takeFull']>[number][] = []
  for (const { leaf } of records) tree.append(Buffer.from(leaf, 'hex'))
  return {
    origin,
    verifierKey: key,
    records(count, variant = '') {
      const made = Array.from({ length: count }, (_, place) => shippedRecord({ seq: tree.size + place, time, type: 'settled', variant }))
      for (const { leaf } of made) tree.append(Buffer.from(leaf, 'hex'))
      full.push(...tree.takeFull())
      records.push(...made)
      return made
    },
    checkpoint() {
      const text = checkpointText({ origin, size: tree.size, root: tree.root() })
      const note = signedNote(text, origin, publicKey, sign(null, Buffer.from(text), keys.privateKey))
      const document = { type: 'checkpoint', size: tree.size, note }
      return { kind: 'checkpoint', size: tree.size, note, time, text: JSON.stringify(document), document }
    },
    rolledBack: (size) => gatewayOf({ ...log, records: records.slice(0, size) }),
    messages: (items) => items.map((item) => messageOf(item, { topic: 'audit', origin, verifierKey: key, view: 'json' })),
    writeTiles(folder) {
      for (const { level, index, width, hashes } of [...full, ...tree.partialTiles()]) {
        const file = join(folder, tilePath(level, index, width))
        mkdirSync(dirname(file), { recursive: true })
        writeFileSync(file, hashes)
      }
    },
    range: () => rangeOf(records.map(({ leaf }) => Buffer.from(leaf, 'hex'))),
  }
}

/** As the client of Kafka gives it to a consumer. */
export function receivedMessage({ key, value, headers: sent, timestamp }: TopicMessage) {
  return { key, value, headers: new Map([...sent].map(([name, content]) => [name.toString(), content])), timestampMs: Number(timestamp) }
}

/** With a compact range, for consumers that begin in the middle. */
export function withRange(message: TopicMessage, range: Buffer): TopicMessage {
  return { ...message, headers: new Map([...message.headers, [Buffer.from(headers.range), range]]) }
}

/** The roots of the perfect trees that the leaves are made of, largest first. */
function rangeOf(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return Buffer.alloc(0)
  const width = 2 ** Math.floor(Math.log2(leaves.length))
  const tree = new Tree()
  for (const leaf of leaves.slice(0, width)) tree.append(leaf)
  return Buffer.concat([tree.root(), rangeOf(leaves.slice(width))])
}
