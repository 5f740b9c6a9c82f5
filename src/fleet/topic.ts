/** Reads all partitions of a topic from offsets that the consumer keeps itself: it joins no group, and commits nothing to the cluster. */
import type { Consumer } from '@platformatic/kafka'
import { type KafkaConnection, kafkaOptions } from '../kafka/index.ts'
import type { RawMessage } from './message.ts'

export interface Fetched {
  readonly partition: number
  readonly messages: readonly { readonly offset: bigint; readonly raw: RawMessage }[]
  /** Behind all of them. */
  readonly next: bigint
}

/** Oldest and next offset of a partition. */
export interface Bounds {
  readonly oldest: bigint
  readonly end: bigint
}

export interface TopicReader {
  /** By partition. */
  bounds(): Promise<ReadonlyMap<number, Bounds>>
  /** Waits for up to a second where there is nothing. Rejects where a partition cannot be read from its offset. */
  fetch(offsets: ReadonlyMap<number, bigint>): Promise<readonly Fetched[]>
  close(): Promise<void>
}

const maxWaitMs = 1000
const maxBytes = 8 * 1024 * 1024
const maxPartitionBytes = 1024 * 1024

const earliest = -2n
const latest = -1n
/** In the attributes of a batch: it holds the end of a transaction, and no records. */
const isControl = 0x20

export async function openTopic(connection: KafkaConnection, topic: string): Promise<TopicReader> {
  const { Consumer } = await import('@platformatic/kafka')
  const consumer: Consumer = new Consumer({
    ...kafkaOptions(connection),
    // A name that the client asks for; no group of it is ever joined.
    groupId: 'sallyport-audit-follow',
    autocommit: false,
    retries: 2,
    retryDelay: 500,
    maxWaitTime: maxWaitMs,
    maxBytes,
  })
  consumer.topics.track(topic)

  async function fetchFrom(node: number, topicId: string, wanted: ReadonlyMap<number, bigint>): Promise<readonly Fetched[]> {
    const partitions = [...wanted].map(([partition, fetchOffset]) => ({
      ...{ partition, fetchOffset, currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes: maxPartitionBytes },
    }))
    const { responses } = await consumer.fetch({ node, topics: [{ topicId, partitions }] })
    return responses.flatMap((response) =>
      response.partitions.flatMap(({ partitionIndex, records }) => {
        const from = wanted.get(partitionIndex)
        return from === undefined || records == null || records.length === 0 ? [] : [readBatches(partitionIndex, from, records)]
      }),
    )
  }

  return {
    async bounds() {
      const [oldest, end] = await Promise.all(
        [earliest, latest].map(async (timestamp) => (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic) ?? []),
      )
      return new Map((oldest ?? []).map((offset, partition) => [partition, { oldest: offset, end: end?.[partition] ?? offset }]))
    },
    async fetch(offsets) {
      const metadata = await consumer.metadata({ topics: [topic] })
      const found = metadata.topics.get(topic)
      if (found === undefined) throw new Error(`the cluster has no topic "${topic}"`)
      const byLeader = Map.groupBy(offsets, ([partition]) => found.partitions[partition]?.leader ?? -1)
      const fetched = await Promise.all([...byLeader].map(([leader, wanted]) => fetchFrom(leader, found.id, new Map(wanted))))
      return fetched.flat()
    },
    close: () => consumer.close(true).catch(() => {}),
  }
}

interface Batch {
  readonly firstOffset: bigint
  readonly lastOffsetDelta: number
  readonly firstTimestamp: bigint
  readonly attributes: number
  readonly records: readonly BatchRecord[]
}

interface BatchRecord {
  readonly offsetDelta: number
  readonly timestampDelta: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [Buffer | null, Buffer | null])[]
}

/** A batch is given whole, also where it begins before the offset that was asked for. */
function readBatches(partition: number, from: bigint, batches: readonly Batch[]): Fetched {
  const messages = batches
    .filter(({ attributes }) => (attributes & isControl) === 0)
    .flatMap(({ firstOffset, firstTimestamp, records }) =>
      records.map((record) => ({ offset: firstOffset + BigInt(record.offsetDelta), raw: rawOf(record, firstTimestamp) })),
    )
    .filter(({ offset }) => offset >= from)
  const last = batches.at(-1) as Batch
  return { partition, messages, next: last.firstOffset + BigInt(last.lastOffsetDelta) + 1n }
}

function rawOf({ key, value, headers, timestampDelta }: BatchRecord, firstTimestamp: bigint): RawMessage {
  const found = headers.flatMap(([name, content]) =>
    name === null || content === null ? [] : [[name.toString('latin1'), content] as const],
  )
  return { key, value, headers: new Map(found), timestampMs: Number(firstTimestamp + timestampDelta) }
}
