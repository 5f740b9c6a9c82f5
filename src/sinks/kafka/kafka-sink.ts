/** A sink that is a topic of Kafka. */
import type { Producer } from '@platformatic/kafka'
import type { SinkConfig } from '../../config/index.ts'
import { type KafkaConnection, kafkaOptions } from '../../kafka/index.ts'
import { Refused, type Sink, type SinkContext } from '../sink.ts'
import type { TopicMessage } from './messages.ts'
import { createOutgoing } from './outgoing.ts'

/** As sallyport.yaml states it. */
export interface KafkaSettings extends KafkaConnection {
  readonly topic: string
  readonly compression: Extract<SinkConfig, { readonly type: 'kafka' }>['compression']
  /** Of what is sent, by its name. */
  readonly view: string
  /** How many milliseconds nothing is sent before the last checkpoint is sent again: a gateway without work is no silent one. */
  readonly heartbeat: number
  /** Folder of the rules that keep records from the topic, or mask them. */
  readonly rules?: string | undefined
}

/** Of one request: a broker takes a megabyte (`message.max.bytes`) unless it is told otherwise. */
const maxRequestBytes = 512 * 1024

/** What the headers and the batch's own fields add to a value, at most. */
const overheadBytes = 512

/**
 * Resolves when all in-sync replicas have a batch. The producer is idempotent and has one request under way, so that neither a retry
 * nor a change of the leader reorders records. After a failure it is made anew, and the batch is sent again from its beginning: what
 * was taken the first time comes twice, and each record comes for the first time behind those before it.
 */
export function createKafkaSink(settings: KafkaSettings, { origin, verifierKey, folder }: SinkContext): Sink {
  const { topic, compression, view, heartbeat: heartbeatMs } = settings
  const outgoing = createOutgoing({ topic, origin, verifierKey, view, folder, isFiltered: view !== 'json' || settings.rules !== undefined })
  let producer: Producer | null = null
  let sending: Promise<void> = Promise.resolve()
  let lastCheckpoint: TopicMessage | null = null

  async function send(messages: TopicMessage[]): Promise<void> {
    producer ??= await createProducer(settings)
    try {
      await producer.send({ messages, acks: allReplicas, ...(compression === 'none' ? {} : { compression }) })
    } catch (error) {
      await discard()
      throw error
    }
  }

  async function discard(): Promise<void> {
    const failed = producer
    producer = null
    await failed?.close(true).catch(() => {})
  }

  async function sendAll(messages: readonly TopicMessage[], signal: AbortSignal): Promise<void> {
    for (const part of inRequests(messages)) {
      signal.throwIfAborted()
      await send(part)
    }
    heartbeat.refresh()
  }

  const heartbeat = setTimeout(() => {
    // What fails here is not due: the next delivery says so where it fails too.
    if (lastCheckpoint !== null)
      sending = sending.then(() => send([{ ...(lastCheckpoint as TopicMessage), timestamp: BigInt(Date.now()) }])).catch(() => {})
    heartbeat.refresh()
  }, heartbeatMs).unref()

  return {
    async deliver(batch, signal) {
      const prepared = await outgoing.prepare(batch)
      const { messages } = prepared
      const sent = untilAborted(
        sending.then(() => sendAll(messages, signal)),
        signal,
        discard,
      )
      sending = sent.catch(() => {})
      await sent.catch((error: Error) => {
        signal.throwIfAborted()
        const message = `Kafka: ${reasonOf(error)}`
        throw isTooLarge(error) ? new Refused(message) : new Error(message, { cause: error })
      })
      outgoing.sent(prepared)
      // It is the last of a batch.
      if (batch.at(-1)?.kind === 'checkpoint') lastCheckpoint = messages.at(-1) ?? null
    },
    async close() {
      clearTimeout(heartbeat)
      await sending
      await discard()
    },
  }
}

const allReplicas = -1

async function createProducer(settings: KafkaSettings): Promise<Producer> {
  const { Producer, compatibilityPartitioner } = await import('@platformatic/kafka')
  // The partition that Java's clients give the key; computed once, since all messages have the same.
  let partition: number | null = null
  return new Producer({
    ...kafkaOptions(settings),
    idempotent: true,
    retries: 3,
    retryDelay: 500,
    partitioner: (message, key) => {
      partition ??= compatibilityPartitioner(message, key)
      return partition
    },
  })
}

function* inRequests(messages: readonly TopicMessage[]): Generator<TopicMessage[]> {
  let part: TopicMessage[] = []
  let bytes = 0
  for (const message of messages) {
    const size = message.value.byteLength + overheadBytes
    if (part.length > 0 && bytes + size > maxRequestBytes) {
      yield part
      part = []
      bytes = 0
    }
    part.push(message)
    bytes += size
  }
  if (part.length > 0) yield part
}

/** A broker that does not answer is not waited for: its connections are closed. */
async function untilAborted(sent: Promise<void>, signal: AbortSignal, cancel: () => Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => {
    void cancel()
    reject(signal.reason)
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([sent, promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

const tooLarge = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']

function isTooLarge(error: Error): boolean {
  return causesOf(error).some((cause) => tooLarge.includes(String((cause as { apiId?: unknown }).apiId)))
}

/** The innermost: those around it say that producing has failed. */
function reasonOf(error: Error): string {
  return causesOf(error).at(-1)?.message ?? error.message
}

function causesOf(error: unknown): readonly Error[] {
  if (!(error instanceof Error)) return []
  const inner = [...(error instanceof AggregateError ? error.errors : []), error.cause]
  return [error, ...inner.flatMap(causesOf)]
}
