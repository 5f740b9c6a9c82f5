/** What integrations are held in, kept over restarts. */
import { readFile } from 'node:fs/promises'
import { containmentStates } from '../core/index.ts'
import { writeAtomically } from '../files/index.ts'
import type { Entry, Layer, Pending } from './entry.ts'

/** The kept file cannot be used, and the next start would fail in the same way. */
export class ContainmentFileError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ContainmentFileError'
  }
}

/** By the integration’s name; `*`: all of them, those that come later as well. */
export type KeptEntries = Readonly<Record<string, Entry>>

/** `null` if there is no such file. Throws `ContainmentFileError`, which names it, if it cannot be used. */
export async function readEntries(file: string): Promise<KeptEntries | null> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new ContainmentFileError(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`, { cause: error })
  }
  const entries = parsed(text)
  if (entries === null)
    throw new ContainmentFileError(
      `${file} is not what a gateway keeps of contained integrations. Restore it, or remove it: then no integration is contained`,
    )
  return entries
}

/** Writes all of it or nothing, and resolves once it is on disk; its folder must exist. */
export async function writeEntries(file: string, integrations: KeptEntries): Promise<void> {
  await writeAtomically(file, `${JSON.stringify({ version: 1, integrations })}\n`, 0o600)
}

function parsed(text: string): KeptEntries | null {
  try {
    const { version, integrations } = JSON.parse(text) as { readonly version?: unknown; readonly integrations?: KeptEntries }
    const isWhole = version === 1 && isMap(integrations) && Object.values(integrations).every(isEntry)
    return isWhole ? integrations : null
  } catch {
    return null
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isEntry({ layers, pending }: Partial<Entry>): boolean {
  return Array.isArray(layers) && layers.every(isLayer) && (pending === null || (isMap(pending) && isPending(pending)))
}

function isLayer({ state, since, until, reason, by, approvals }: Partial<Layer>): boolean {
  const isSaid = isTextOrNull(reason) && typeof by === 'string' && Array.isArray(approvals)
  return state !== 'normal' && isState(state) && isTime(since) && (until === null || isTime(until)) && isSaid
}

function isPending({ act, state, until, at, reason, by }: Partial<Pending>): boolean {
  const isSaid = isTextOrNull(reason) && typeof by === 'string'
  return (act === 'kill' || act === 'lower') && isState(state) && (until === null || isTime(until)) && isTime(at) && isSaid
}

function isState(value: unknown): boolean {
  return containmentStates.some((state) => state === value)
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string'
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value))
}
