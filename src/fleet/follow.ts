/** Follows a topic: reads on from where it came to, checks what it reads, and keeps both in one step. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConnection } from '../kafka/index.ts'
import { type Finding, finding } from './finding.ts'
import type { Gateway } from './gateway.ts'
import type { Keys } from './keys.ts'
import type { FleetMessage } from './message.ts'
import { openStore, type Store } from './store.ts'
import { type Bounds, type Fetched, openTopic, type TopicReader } from './topic.ts'
import { createFleetVerifier, type FleetVerifier } from './verifier.ts'

export interface FollowOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  /** Where the consumer keeps what it knows. */
  readonly folder: string
  readonly keys: Keys
  /** Ends where the topic ended when it began, instead of waiting for more. */
  readonly isOnce: boolean
  /** Longer silence of a gateway is a finding. */
  readonly silentAfterMs: number
  /** Gateways that are gone, whose silence is none. */
  readonly retired?: readonly string[]
  readonly signal: AbortSignal
  /** Each finding before it is kept: after a crash it can come twice. */
  onFinding(finding: Finding): void
  /** What came for the first time, before it is kept; in order per gateway. */
  onMessages(messages: readonly FleetMessage[]): Promise<void>
  /** The cluster cannot be read now; it is tried again. */
  onFailure(error: Error): void
}

export interface FollowResult {
  readonly gateways: readonly Gateway[]
  readonly errors: number
}

const retryMs = 1000
/** Partitions that are added are seen by then. */
const lookEveryMs = 30_000

/** Rejects where it is to end with the topic, and that cannot be read. */
export async function follow(options: FollowOptions): Promise<FollowResult> {
  const { connection, topic, folder, keys, isOnce, signal, onFailure } = options
  const store = openStore(folder, topic)
  const reader = await openTopic(connection, topic)
  let errors = 0
  const report = (found: Finding) => {
    if (found.level === 'error') errors += 1
    store.putFinding(found)
    options.onFinding(found)
  }
  const rounds = createRounds({ ...options, onFinding: report }, store, reader, createFleetVerifier(store, keys, options.retired))
  try {
    while (!signal.aborted) {
      const fetched = await rounds.read().catch(async (error: Error) => {
        if (isOnce) throw error
        onFailure(error)
        await sleep(retryMs, undefined, { signal }).catch(() => {})
        return null
      })
      // What fails from here on is not tried again: what was read would count as read before.
      if (!signal.aborted && (await rounds.take(fetched ?? [])) && isOnce) break
    }
    return { gateways: [...store.gateways.values()], errors }
  } finally {
    await reader.close()
    store.close()
  }
}

interface Rounds {
  /** Rejects where the cluster cannot be read; nothing has changed then. */
  read(): Promise<readonly Fetched[]>
  /** True at the end of what the topic held when it was first looked at. */
  take(fetched: readonly Fetched[]): Promise<boolean>
}

function createRounds(options: FollowOptions, store: Store, reader: TopicReader, verifier: FleetVerifier): Rounds {
  const { topic, silentAfterMs, isOnce, onFinding, onMessages } = options
  /** By partition, the next one to be read. */
  const offsets = new Map<number, bigint>()
  let ends: ReadonlyMap<number, Bounds> | null = null
  let lookedAt = Number.NEGATIVE_INFINITY

  async function look(): Promise<void> {
    const bounds = await reader.bounds()
    for (const [partition, { oldest, end }] of bounds) {
      const next = store.offset(partition)
      const from = next === null || next < oldest || next > end ? oldest : next
      if (next !== null && from !== next) {
        const what = next < oldest ? `messages ${next} to ${oldest - 1n} were removed before they were read` : 'it is shorter than it was'
        onFinding(finding('topic-cut', `${topic}/${partition}`, null, `${what}: the topic was cut, or made anew`))
      }
      offsets.set(partition, from)
    }
    ends ??= bounds
    lookedAt = performance.now()
  }

  function isAtEnd(): boolean {
    return ends !== null && [...ends].every(([partition, { end }]) => (offsets.get(partition) ?? 0n) >= end)
  }

  return {
    async read() {
      if (performance.now() - lookedAt > lookEveryMs) await look()
      if (isOnce && isAtEnd()) return []
      try {
        return await reader.fetch(offsets)
      } catch (error) {
        // An offset that cannot be read any more is found by looking.
        lookedAt = Number.NEGATIVE_INFINITY
        throw error
      }
    },
    async take(fetched) {
      const messages: FleetMessage[] = []
      for (const { partition, messages: read, next } of fetched) {
        for (const { offset, raw } of read) {
          const { message, findings } = verifier.take(raw, `${topic}/${partition}@${offset}`)
          if (message !== null) messages.push(message)
          findings.forEach(onFinding)
        }
        store.setOffset(partition, next)
        offsets.set(partition, next)
      }
      if (!isOnce || isAtEnd()) verifier.findSilent(Date.now(), silentAfterMs).forEach(onFinding)
      if (messages.length > 0) await onMessages(messages)
      store.commit()
      return isAtEnd()
    },
  }
}
