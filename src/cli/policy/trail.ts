/** What the log says about one request: its decision or refusal, how it ended, and the requests inside it. */
import type { Config } from '../../config/index.ts'
import { type DecidedRecord, isDecided } from '../../policy/index.ts'
import { CommandError } from '../exit.ts'
import { records } from './log.ts'

export interface Trail {
  readonly decided: DecidedRecord | null
  readonly refused: { readonly code: string; readonly detail: string } | null
  readonly settled: { readonly status: number; readonly problem?: string; readonly complete: boolean } | null
  /** An open tunnel that a later revision cut. */
  readonly revoked: { readonly rule: string; readonly revision: string } | null
  /** Ids of the requests inside an opened tunnel, the first hundred. */
  readonly inside: readonly string[]
  readonly insideCount: number
}

const types = ['decided', 'refused', 'settled', 'revoked'] as const
/** As a refusal shows it (RFC 9457 `instance`). */
const instance = /^urn:sallyport:request:/
const maxInside = 100

/** `asked`: the id, or the `instance` of a refusal. Throws `CommandError` where nothing of it is recorded, with what that may mean. */
export async function readTrail(config: Config, asked: string): Promise<Trail> {
  const id = asked.replace(instance, '')
  const found: Record<string, unknown> = {}
  const inside: string[] = []
  let insideCount = 0
  for await (const record of records(config, types, id)) {
    const { id: own, parent, type } = record as { id?: string; parent?: string; type: string }
    if (own === id) found[type] = record
    if (parent === id && own !== undefined) {
      insideCount += 1
      if (inside.length < maxInside) inside.push(own)
    }
  }
  const { decided, refused } = found
  if (!isDecided(decided) && refused === undefined) throw new CommandError(unknown(id, await countSummed(config)))
  return {
    decided: isDecided(decided) ? decided : null,
    refused: (refused as Trail['refused']) ?? null,
    settled: (found['settled'] as Trail['settled']) ?? null,
    revoked: (found['revoked'] as Trail['revoked']) ?? null,
    inside,
    insideCount,
  }
}

async function countSummed(config: Config): Promise<number> {
  let summed = 0
  for await (const record of records(config, ['summed'])) summed += (record as { count?: number }).count ?? 0
  return summed
}

function unknown(id: string, summed: number): string {
  const sums =
    summed === 0
      ? ''
      : `\nIn a flood requests are refused and only counted: ${summed} are in the log’s sums without their ids ("sallyport audit tail" shows them)`
  return `the log has no decision about ${id}; the id is what a reply carries as Sallyport-Request-Id${sums}`
}
