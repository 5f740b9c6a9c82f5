/**
 * Which integrations may come in: by the tokens of the newest readable manifests. This is separate from the policy, which says what
 * they may do: a rollback brings no token back, and an error in a rule or in another manifest keeps no token valid.
 */
import type { Integration } from '../core/index.ts'
import { type Kept, type KeptIdentity, readKept, writeKept } from './access-file.ts'

type Identity = Pick<Integration, 'name' | 'tokenHashes'>

export interface AccessOptions {
  /** What is kept over restarts. */
  readonly file: string
  /** File name → identity; `null` where the manifest cannot be read. Rejects where the folder cannot. */
  readonly readIdentities: () => Promise<ReadonlyMap<string, Identity | null>>
  /** Called with all changes of one moment, once they are in force. */
  readonly onChanges: (changes: readonly AccessChange[]) => void
  /** Resolves once all changes that `onChanges` was called with are recorded. Rejects if they cannot be. */
  readonly recorded: () => Promise<void>
  /** A change is in force, and would not outlive a restart. */
  readonly onUnkept: (error: Error) => void
}

export interface AccessChange {
  readonly integration: string
  readonly change: 'admitted' | 'tokens' | 'removed'
}

export interface AccessStatus {
  /** Manifests whose identity cannot be read now, so that their earlier tokens stay valid. */
  readonly unreadable: readonly string[]
}

export interface Access {
  /** Reads what was kept, and the folder. Throws an Error that names what cannot be read. */
  start(): Promise<void>
  /** Reads the folder again. Never rejects: what cannot be read stays as it was. */
  refresh(): Promise<void>
  /** SHA-256 of each token that proves `name`; `null`: it has no manifest, and no caller is accepted under that name. */
  tokensOf(name: string): readonly Buffer[] | null
  /** Whether this is the SHA-256 of a token in any manifest, also of one that proves nothing because two manifests do not agree. */
  isToken(digest: Buffer): boolean
  /** Those that a caller is accepted under. */
  names(): readonly string[]
  status(): AccessStatus
}

export function createAccess(options: AccessOptions): Access {
  const { file, readIdentities, onChanges, recorded, onUnkept } = options
  const manifests = new Map<string, KeptIdentity>()
  let tokens: ReadonlyMap<string, readonly Buffer[]> = new Map()
  let everyToken: ReadonlySet<string> = new Set()
  let unreadable: readonly string[] = []
  let looking: Promise<void> = Promise.resolve()
  let keeping: Promise<void> = Promise.resolve()

  /**
   * One write after the other: older content never overwrites newer. What outlives this process was recorded before, unless no
   * record can be kept: even then, what was taken away stays away.
   */
  function keep(): Promise<void> {
    const kept: Kept = { manifests: Object.fromEntries(manifests) }
    const isRecorded = recorded().catch(() => {})
    const written = keeping.then(() => isRecorded).then(() => writeKept(file, kept))
    keeping = written.catch(() => {})
    return written
  }

  /** Returns what changed; `null` if nothing did, not even a file's name. */
  function take(found: ReadonlyMap<string, Identity | null>): AccessChange[] | null {
    unreadable = [...found].flatMap(([source, identity]) => (identity === null ? [source] : []))
    let isSame = true
    for (const source of manifests.keys()) {
      if (found.has(source)) continue
      manifests.delete(source)
      isSame = false
    }
    for (const [source, identity] of found) {
      if (identity === null) continue
      const kept = keptOf(identity)
      if (isAlike(manifests.get(source), kept)) continue
      manifests.set(source, kept)
      isSame = false
    }
    if (isSame) return null
    const old = tokens
    takeTokens()
    return [...new Set([...old.keys(), ...tokens.keys()])].flatMap((integration) => {
      const change = changeOf(old.get(integration), tokens.get(integration))
      return change === null ? [] : [{ integration, change }]
    })
  }

  function takeTokens(): void {
    const identities = [...manifests.values()]
    tokens = tokensIn(identities)
    everyToken = new Set(identities.flatMap(({ tokens: hashes }) => hashes))
  }

  async function look(): Promise<void> {
    // Reported where the manifests are read as a set; earlier tokens stay valid.
    const found = await readIdentities().catch(() => null)
    const changes = found === null ? null : take(found)
    if (changes === null) return
    onChanges(changes)
    await keep().catch(onUnkept)
  }

  return {
    async start() {
      const kept = await readKept(file)
      for (const [source, identity] of Object.entries(kept?.manifests ?? {})) manifests.set(source, identity)
      takeTokens()
      const found = await readIdentities().catch((error: Error) => {
        if (kept === null) throw error
        return null
      })
      const changes = found === null ? null : take(found)
      // Changes while no gateway ran are reported; at the first start everything is new.
      if (changes !== null && kept !== null) onChanges(changes)
      // Suspensions of an earlier version were taken over before.
      if (changes !== null || kept === null || kept.suspended !== undefined) await keep().catch(onUnkept)
    },
    // Also after a failure: otherwise no later call would look.
    refresh: () => (looking = looking.then(look, look)),
    tokensOf: (name) => tokens.get(name) ?? null,
    isToken: (digest) => everyToken.has(digest.toString('hex')),
    names: () => [...tokens.keys()],
    status: () => ({ unreadable }),
  }
}

function isAlike(kept: KeptIdentity | undefined, other: KeptIdentity): boolean {
  return kept !== undefined && kept.name === other.name && kept.tokens.join() === other.tokens.join()
}

function keptOf({ name, tokenHashes }: Identity): KeptIdentity {
  return { name, tokens: tokenHashes.map((hash) => hash.toString('hex')) }
}

/** Of two manifests with the same name, only tokens of both are valid: neither may keep what the other took away. */
function tokensIn(identities: readonly KeptIdentity[]): ReadonlyMap<string, readonly Buffer[]> {
  const byName = new Map<string, readonly string[]>()
  for (const { name, tokens } of identities) {
    const others = byName.get(name)
    byName.set(name, others === undefined ? tokens : others.filter((token) => tokens.includes(token)))
  }
  return new Map(Array.from(byName, ([name, tokens]) => [name, tokens.map((token) => Buffer.from(token, 'hex'))]))
}

function changeOf(before: readonly Buffer[] | undefined, now: readonly Buffer[] | undefined): 'admitted' | 'tokens' | 'removed' | null {
  if (before === undefined) return now === undefined ? null : 'admitted'
  if (now === undefined) return 'removed'
  return Buffer.concat(before).equals(Buffer.concat(now)) ? null : 'tokens'
}
