/** Holds as they are kept over restarts, and as the log has them. */
import { readFile } from 'node:fs/promises'
import { writeAtomically } from '../files/index.ts'

export interface Hold {
  readonly id: string
  /** Indexes of the first and the last record that are held; `to`: `null` where that is whatever comes. */
  readonly from: number
  readonly to: number | null
  /** Records of this integration alone are meant; `null`: all. Retention removes whole bundles, and leaves those between as well. */
  readonly integration: string | null
  readonly reason: string
  /** Who asked for it. */
  readonly who: string
  /** ISO 8601, UTC. */
  readonly since: string
  /** ISO 8601, UTC, when it ends by itself; `null`: when it is released. */
  readonly until: string | null
  /** No record of the log about it has a lower index: it is held as well. */
  readonly record: number
}

/** Its file cannot be used, and nothing may be removed meanwhile. */
export class HoldsError extends Error {
  override readonly name = 'HoldsError'
}

/** `null`: nothing is kept. Throws `HoldsError`, which names the file. */
export async function readHolds(file: string): Promise<readonly Hold[] | null> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw new HoldsError(`${file} cannot be read: ${code}`, { cause: error })
  }
  const holds = parsed(text)
  if (holds === null)
    throw new HoldsError(`${file} is not what a gateway keeps of legal holds. Restore it, or remove it: they are then read from the log`)
  return holds
}

/** Resolves once it is on disk. */
export async function writeHolds(file: string, holds: readonly Hold[]): Promise<void> {
  await writeAtomically(file, `${JSON.stringify({ holds })}\n`, 0o600)
}

function parsed(text: string): readonly Hold[] | null {
  try {
    const { holds } = JSON.parse(text) as { holds?: unknown }
    return Array.isArray(holds) && holds.every(isHold) ? holds : null
  } catch {
    return null
  }
}

function isHold(value: unknown): value is Hold {
  const { id, from, to, integration, reason, who, since, until, record } = (value ?? {}) as Readonly<Record<keyof Hold, unknown>>
  const isIndex = (index: unknown) => Number.isSafeInteger(index) && Number(index) >= 0
  const isText = (given: unknown) => typeof given === 'string'
  const isTime = (given: unknown) => isText(given) && !Number.isNaN(Date.parse(String(given)))
  return (
    [id, reason, who].every(isText) &&
    [from, record].every(isIndex) &&
    (to === null || isIndex(to)) &&
    (integration === null || isText(integration)) &&
    isTime(since) &&
    (until === null || isTime(until))
  )
}

/** The holds that records of the log make, oldest first, and that none of them releases. Others are passed over. */
export async function holdsOf(records: AsyncIterable<unknown>): Promise<readonly Hold[]> {
  const holds = new Map<string, Hold>()
  for await (const record of records) {
    const { type, time: since, hold: id, ...facts } = (record ?? {}) as Readonly<Record<string, unknown>>
    if (type === 'released') holds.delete(String(id))
    if (type !== 'hold') continue
    const { from, to = null, integration = null, reason, who, until = null, record: own } = facts
    const made = { id, from, to, integration, reason, who, since, until, record: own }
    if (isHold(made)) holds.set(made.id, made)
  }
  return [...holds.values()]
}
