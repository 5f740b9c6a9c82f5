/** What a scheduled review leaves to the next one: a file, with facts about all that was recorded before. */
import { readFile } from 'node:fs/promises'
import { writeAtomically } from '../files/index.ts'
import type { Facts } from './facts.ts'
import type { Message } from './webhook.ts'

export interface Kept {
  /** Rises when the facts change: what an earlier version kept is read from the log again. */
  readonly format: number
  /** Of the log that it is about. */
  readonly origin: string
  /** ISO 8601: where the last window ended. */
  readonly until: string
  readonly facts: Facts
  /** What the webhook has not taken. */
  readonly outbox: readonly Message[]
}

export const format = 1

/** `null`: there is none, or what is there cannot be used. */
export async function readKept(file: string): Promise<Kept | null> {
  try {
    const kept = JSON.parse(await readFile(file, 'utf8'), revive) as Kept
    return kept.format === format ? kept : null
  } catch {
    return null
  }
}

export function writeKept(file: string, kept: Kept): Promise<void> {
  return writeAtomically(file, JSON.stringify(kept, replace), 0o600)
}

/** No object of the facts has one key of these names. */
function replace(_key: string, value: unknown): unknown {
  if (value instanceof Map) return { map: [...value] }
  return value instanceof Set ? { set: [...value] } : value
}

function revive(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const [[name, list] = [], ...others] = Object.entries(value)
  if (others.length > 0 || !Array.isArray(list)) return value
  if (name === 'map') return new Map(list as [unknown, unknown][])
  return name === 'set' ? new Set(list) : value
}
