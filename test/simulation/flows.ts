/** What is simulated of a minute, put together as the gateway would: one flow per integration and destination. */
import type { Flow } from '../../src/watch/index.ts'
import type { Random } from './random.ts'

/** Part of what one integration did with one destination in one minute. */
export interface Traffic {
  readonly destination: string
  readonly requests: number
  readonly denied?: number
  readonly failed?: number
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly latencyMs?: number
  /** Within the minute, in milliseconds; at random where absent. */
  readonly startedAt?: readonly number[]
  /** Minute of the slice. */
  readonly minute?: number
  readonly paths?: number
}

export function flowsOf(integration: string, traffic: readonly Traffic[], from: number, chance: Random): Flow[] {
  const byDestination = Map.groupBy(
    traffic.filter(({ requests, sentBytes }) => requests > 0 || sentBytes > 0),
    ({ destination }) => destination,
  )
  return [...byDestination].map(([destination, parts]) => {
    const sum = (of: (part: Traffic) => number | undefined) => Math.round(parts.reduce((all, part) => all + (of(part) ?? 0), 0))
    const requests = sum((part) => part.requests)
    const startedAt = parts
      .flatMap(({ startedAt, requests, minute = 0 }) =>
        (startedAt ?? Array.from({ length: Math.min(64, requests) }, () => chance() * 60_000)).map((at) => at + minute * 60_000),
      )
      .slice(0, 64)
      .map((at) => from + Math.floor(at))
      .sort((a, b) => a - b)
    const paths = Math.min(32, Math.max(...parts.map((part) => part.paths ?? 5)), requests)
    return {
      integration,
      owner: 'team',
      destination,
      requests,
      denied: sum((part) => part.denied),
      limited: 0,
      failed: sum((part) => part.failed),
      originErrors: 0,
      sentBytes: sum((part) => part.sentBytes),
      receivedBytes: sum((part) => part.receivedBytes),
      durationMs: { count: requests, sum: sum((part) => part.requests * (part.latencyMs ?? 50)), max: 200 },
      pathHashes: Array.from({ length: paths }, (_, index) => Math.imul(index + 1, 0x9e3779b1) >>> 0),
      startedAt,
      labelEntropy: entropyOf(destination),
      isFirstUse: false,
      ids: [`${integration}-${from}`],
    }
  })
}

const known = new Map<string, number>()

/** Bits per character of the longest label. */
export function entropyOf(destination: string): number {
  const before = known.get(destination)
  if (before !== undefined) return before
  const label = destination
    .replace(/:\d+$/, '')
    .split('.')
    .reduce((longest, part) => (part.length > longest.length ? part : longest), '')
  const counts = [...Map.groupBy(label, (letter) => letter).values()].map((letters) => letters.length / label.length)
  const entropy = -counts.reduce((bits, share) => bits + share * Math.log2(share), 0)
  known.set(destination, entropy)
  return entropy
}
