/** The audit log as the commands for authors read it, and what it says about one request. */
import type { Config } from '../../config/index.ts'
import { type DecidedRecord, isDecided } from '../../policy/index.ts'
import { readAudit, readAuditBackward } from '../../records/index.ts'
import { CommandError, exitCodes } from '../exit.ts'

export interface LogFilter {
  readonly integration?: string | undefined
  readonly id?: string | undefined
  /** Milliseconds since the epoch. */
  readonly since?: number | undefined
}

/** Decisions that pass the filter, oldest first. */
export async function* decided(config: Config, { integration, id, since }: LogFilter): AsyncGenerator<DecidedRecord> {
  for await (const record of records(config, ['decided'], id ?? null)) {
    if (!isDecided(record)) continue
    if (integration !== undefined && record.integration !== integration) continue
    if (id !== undefined && record.id !== id) continue
    if (since !== undefined && !(Date.parse(record.time) >= since)) continue
    yield record
  }
}

/** Every record of these types that contains `mention`; without them, every record. Throws `CommandError` where there is no log. */
export function records(
  { audit: { folder } }: Config,
  types: readonly string[] = [],
  mention: string | null = null,
): AsyncGenerator<unknown> {
  return orCommandError(folder, readAudit(folder, types, mention))
}

async function* orCommandError(folder: string, read: AsyncGenerator<unknown>): AsyncGenerator<unknown> {
  try {
    yield* read
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT')
      throw new CommandError(`there is no audit log yet (${folder}); it begins when the gateway first starts`, exitCodes.unavailable)
    if (code === 'EACCES') throw new CommandError(`the audit log cannot be read by you (${folder})`)
    throw error
  }
}

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
  const { folder } = config.audit
  for await (const record of orCommandError(folder, readAuditBackward(folder, types, id))) {
    const { id: own, parent, type } = record as { id?: string; parent?: string; type: string }
    if (parent === id && own !== undefined) {
      insideCount += 1
      inside.push(own)
      if (inside.length > maxInside) inside.shift()
    }
    if (own !== id) continue
    found[type] = record
    // With this it began: whatever else is recorded of it was newer.
    if (type === 'decided' || type === 'refused') break
  }
  inside.reverse()
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
