/**
 * Which integrations may come in: by the tokens of the newest readable manifests, and unless an operator has suspended them. This is
 * separate from the policy, which says what they may do: a rollback brings no token back, and an error in a rule or in another
 * manifest keeps no token valid.
 */
import type { Integration } from '../core/index.ts'
import { isInForce, type Kept, type KeptIdentity, readKept, type Suspension, writeKept } from './access-file.ts'

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
  /** Milliseconds since the epoch. */
  readonly wallClock?: () => number
}

export type AccessChange =
  | { readonly integration: string; readonly change: 'admitted' | 'tokens' | 'removed' }
  | { readonly integration: string; readonly change: 'suspended'; readonly until: string | null; readonly reason: string | null }
  | { readonly integration: string; readonly change: 'resumed'; readonly reason: string | null }

export interface AccessStatus {
  readonly suspended: Readonly<Record<string, Suspension>>
  /** Manifests whose identity cannot be read now, so that their earlier tokens stay valid. */
  readonly unreadable: readonly string[]
}

export type { Suspension }

export interface Access {
  /** Reads what was kept, and the folder. Throws an Error that names what cannot be read. */
  start(): Promise<void>
  /** Reads the folder again. Never rejects: what cannot be read stays as it was. */
  refresh(): Promise<void>
  /** SHA-256 of each token that proves `name`; `null`: it has no manifest, and no caller is accepted under that name. */
  tokensOf(name: string): readonly Buffer[] | null
  /** Whether this is the SHA-256 of a token in any manifest, also of one that proves nothing because two manifests do not agree. */
  isToken(digest: Buffer): boolean
  suspensionOf(name: string): Suspension | null
  /** Takes effect at once, and cuts open connections. `forMs`: `null` until it is resumed. Rejects if it is in force and cannot be kept. */
  suspend(name: string, options: { readonly forMs: number | null; readonly reason: string | null }): Promise<Suspension>
  /** `false`: it was not suspended. Rejects if it cannot be recorded or kept: then it holds until a restart. */
  resume(name: string, reason: string | null): Promise<boolean>
  status(): AccessStatus
  close(): void
}

export function createAccess(options: AccessOptions): Access {
  const { file, readIdentities, onChanges, recorded, onUnkept, wallClock = Date.now } = options
  const manifests = new Map<string, KeptIdentity>()
  const suspended = new Map<string, Suspension>()
  let tokens: ReadonlyMap<string, readonly Buffer[]> = new Map()
  let everyToken: ReadonlySet<string> = new Set()
  let unreadable: readonly string[] = []
  let looking: Promise<void> = Promise.resolve()
  let keeping: Promise<void> = Promise.resolve()
  const timers = new Map<string, NodeJS.Timeout>()

  /**
   * One write after the other: older content never overwrites newer. What outlives this process was recorded before, unless no
   * record can be kept: even then, what was taken away stays away.
   */
  function keep(): Promise<void> {
    const kept: Kept = { manifests: Object.fromEntries(manifests), suspended: Object.fromEntries(suspended) }
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

  function expireLater(name: string): void {
    clearTimeout(timers.get(name))
    timers.delete(name)
    const until = suspended.get(name)?.until ?? null
    if (until === null) return
    const leftMs = Math.max(0, Date.parse(until) - wallClock())
    const look = () => {
      if (suspensionOf(name) !== null) return expireLater(name)
      void resume(name, 'its time is over').catch(onUnkept)
    }
    timers.set(name, setTimeout(look, Math.min(leftMs, longestTimerMs)).unref())
  }

  function suspensionOf(name: string): Suspension | null {
    const found = suspended.get(name) ?? null
    return found === null || isInForce(found, wallClock()) ? found : null
  }

  async function resume(name: string, reason: string | null): Promise<boolean> {
    if (!suspended.delete(name)) return false
    expireLater(name)
    onChanges([{ integration: name, change: 'resumed', reason }])
    // If the resumption cannot be recorded, the suspension is back after a restart.
    await recorded()
    await keep()
    return true
  }

  return {
    async start() {
      const kept = await readKept(file)
      for (const [name, suspension] of Object.entries(kept?.suspended ?? {})) {
        suspended.set(name, suspension)
        expireLater(name)
      }
      for (const [source, identity] of Object.entries(kept?.manifests ?? {})) manifests.set(source, identity)
      takeTokens()
      const found = await readIdentities().catch((error: Error) => {
        if (kept === null) throw error
        return null
      })
      const changes = found === null ? null : take(found)
      // Changes while no gateway ran are reported; at the first start everything is new.
      if (changes !== null && kept !== null) onChanges(changes)
      if (changes !== null || kept === null) await keep().catch(onUnkept)
    },
    // Also after a failure: otherwise no later call would look.
    refresh: () => (looking = looking.then(look, look)),
    tokensOf: (name) => tokens.get(name) ?? null,
    isToken: (digest) => everyToken.has(digest.toString('hex')),
    suspensionOf,
    async suspend(name, { forMs, reason }) {
      const now = wallClock()
      const until = forMs === null ? null : new Date(now + forMs).toISOString()
      const suspension = { since: new Date(now).toISOString(), until, reason }
      suspended.set(name, suspension)
      expireLater(name)
      onChanges([{ integration: name, change: 'suspended', until, reason }])
      await keep()
      return suspension
    },
    resume,
    status: () => ({
      suspended: Object.fromEntries([...suspended].filter(([name]) => suspensionOf(name) !== null)),
      unreadable,
    }),
    close() {
      for (const timer of timers.values()) clearTimeout(timer)
    },
  }
}

/** Node fires a longer timer at once. */
const longestTimerMs = 2 ** 31 - 1

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
