/** The deadline that a call of gRPC brings with it. */
import { type HeaderList, Refusal } from '../../core/index.ts'
import { headersOf } from '../../text/index.ts'

const unitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000001 }

/** Milliseconds in its `grpc-timeout` (gRPC's PROTOCOL-HTTP2.md); infinite where there is none. */
export function grpcTimeoutMs(headers: HeaderList): number {
  const [, count, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(headersOf(headers)['grpc-timeout']?.[0] ?? '') ?? []
  return count === undefined ? Number.POSITIVE_INFINITY : Number(count) * (unitsMs[unit] ?? 0)
}

/** A server of gRPC ends what its caller no longer waits for. With a 504 the caller's library gets the DEADLINE_EXCEEDED that it would give itself. */
export function givenUpAtDeadline(host: string): Refusal {
  return new Refusal('origin-timeout', `${host} gave the call up at its deadline`, { originWorks: true })
}
