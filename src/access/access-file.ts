/** What is kept over restarts: the tokens of manifests that may be unreadable by then. */
import { readFile } from 'node:fs/promises'
import { writeAtomically } from '../files/index.ts'

/** The kept file cannot be used, and the next start would fail in the same way. */
export class AccessError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AccessError'
  }
}

/** Of an earlier version, which kept suspensions here. */
interface Suspension {
  /** ISO 8601, UTC. */
  readonly since: string
  /** ISO 8601, UTC; `null`: until it is resumed. */
  readonly until: string | null
  readonly reason: string | null
}

export interface KeptIdentity {
  readonly name: string
  /** SHA-256 of each token, in hexadecimal. */
  readonly tokens: readonly string[]
}

export interface Kept {
  /** By the manifest's file name. */
  readonly manifests: Readonly<Record<string, KeptIdentity>>
  /** Absent once `containment` has taken them over. */
  readonly suspended?: Readonly<Record<string, Suspension>>
}

/** `null` if nothing is kept yet. Throws `AccessError`, which names the file, if it cannot be used. */
export async function readKept(file: string): Promise<Kept | null> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new AccessError(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`, { cause: error })
  }
  const kept = parsed(text)
  if (kept === null)
    throw new AccessError(
      `${file} is not what a gateway keeps of tokens. Restore it, or remove it: then tokens are read from the manifests again`,
    )
  return kept
}

function parsed(text: string): Kept | null {
  try {
    const { manifests, suspended } = JSON.parse(text) as Partial<Kept>
    if (manifests === undefined || !isMap(manifests) || !Object.values(manifests).every(isIdentity)) return null
    if (suspended === undefined) return { manifests }
    return isMap(suspended) && Object.values(suspended).every(isSuspension) ? { manifests, suspended } : null
  } catch {
    return null
  }
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isIdentity({ name, tokens }: Partial<KeptIdentity>): boolean {
  return typeof name === 'string' && Array.isArray(tokens) && tokens.every((token) => /^[0-9a-f]{64}$/.test(token))
}

function isSuspension({ since, until }: Partial<Suspension>): boolean {
  return isTime(since) && (until === null || isTime(until))
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value))
}

/** Writes all of it or nothing, and resolves once it is on disk; its folder must exist. */
export async function writeKept(file: string, kept: Kept): Promise<void> {
  await writeAtomically(file, `${JSON.stringify(kept)}\n`, 0o600)
}
