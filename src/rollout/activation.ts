/** Activates manifests, rules and bundles: one set at a time, all of it or nothing, and the last good set stays active. */

import type { BundleSet, SnapshotBundle } from '../bundles/index.ts'
import type { Integration } from '../core/index.ts'
import type { IntegrationRegistry } from '../manifests/index.ts'
import type { RegoSources } from '../opa/index.ts'
import type { PolicySet, PreparedPolicy } from '../policy/index.ts'
import { createActivationQueue, Preempted, unlessAborted, type Work } from './activation-queue.ts'
import { boundedChanges, changedNames, changesBetween } from './changes.ts'
import { type Activated, type History, HistoryError, UnknownRevision } from './history/index.ts'
import type { InForce, ReloadCause } from './in-force.ts'

export interface ReloadResult {
  readonly ok: boolean
  /** The active revision; empty where there is none yet. */
  readonly revision: string
  /** Why the new set was rejected. */
  readonly problem?: string
  /** The folders and bundles are not followed: this revision was chosen. */
  readonly pinned?: string
  /** sallyport.yaml has changed since the start: what it says now waits for a restart. */
  readonly needsRestart?: boolean
  /** Bundles that are missing: until they are there, everything is denied. */
  readonly missing?: readonly string[]
}

export interface ActivationOptions {
  readonly registry: IntegrationRegistry
  /** Builds every program of the set, touching nothing that is active. `activate` puts all of them into force in one turn of the event loop. */
  readonly prepare: (set: PolicySet, signal: AbortSignal) => Promise<PreparedPolicy>
  /** Of the active policy. */
  readonly revision: () => string | null
  readonly history: History
  readonly readRules: () => Promise<RegoSources>
  readonly bundles: {
    readonly names: readonly string[]
    /** Some come from servers, and so may their correction. */
    readonly areFetched: boolean
    /** What is there at the start. */
    readonly load: () => Promise<BundleSet>
  }
  /** Throws where the manifests name what the configuration does not have. */
  readonly requireKnown: (integrations: readonly Integration[]) => void
  /** In the turn of the event loop in which the policy changed: no request sees the one new and the other old. */
  readonly onActivated: (inForce: InForce) => void
  /** Still within this turn of the queue, for what follows an activation and may take its time. */
  readonly postActivate: (inForce: InForce, signal: AbortSignal) => Promise<void>
  /** `error`: what made it bad, unless it was a bundle, whose failure its source reports. */
  readonly onRejected: (problem: string, error: unknown) => void
  /** It is active, and could not be added to the list of revisions. */
  readonly onUnlisted: (revision: string, error: Error) => void
}

export interface Activation {
  /** Activates the pinned revision, or the folders with the persisted bundles. Throws what makes it bad. */
  start(): Promise<void>
  /** Activates the folders as they are, unless a revision is pinned. Of several reloads at once only the newest is built. `from`, here and below: who asks. */
  reload(by: ReloadCause, from?: string): Promise<ReloadResult>
  /** A new bundle with all that there is beside it; `origin` is for messages. */
  offer(name: string, bundle: SnapshotBundle, origin: string): Promise<ReloadResult>
  /** A revision of the history; it stays through changes of the folders and bundles and restarts, until `follow`. */
  activate(revision: string, from?: string): Promise<ReloadResult>
  /** The revision before the active one. */
  rollback(from?: string): Promise<ReloadResult>
  /** The folders and bundles again. */
  follow(from?: string): Promise<ReloadResult>
  list(): Promise<{ readonly active: string | null; readonly pinned: string | null; readonly activations: readonly Activated[] }>
  /** Why the last set was rejected; `null` where it was not. */
  rejected(): string | null
  /** The revision that was chosen; `null` where the folders and bundles are followed. */
  pinned(): string | null
  /** Nothing is activated after it; what is being built is aborted. */
  close(): Promise<void>
}

export function createActivation(options: ActivationOptions): Activation {
  const { registry, prepare, revision: activeRevision, history, readRules, bundles, requireKnown } = options
  const { onActivated, postActivate, onRejected, onUnlisted } = options
  let rejected: string | null = null
  let pinned: string | null = null
  const queue = createActivationQueue()
  const queued = (work: Work<ReloadResult>) => queue.enqueue(work).catch(afterClose)
  const chosen = (work: Work<ReloadResult>) => queue.choose(work).catch(afterClose)
  /** The newest good ones. */
  let current: BundleSet = new Map()
  /** Of the active set. */
  let texts: Pick<PolicySet, 'manifests' | 'rules'> = { manifests: {}, rules: {} }

  async function fromFolders(set: BundleSet): Promise<PolicySet> {
    const { integrations, manifests } = await registry.read()
    requireKnown(integrations)
    return { integrations, manifests, rules: await readRules(), bundles: set, defaults: registry.defaults }
  }

  async function fromHistory(revision: string): Promise<PolicySet> {
    const kept = await history.read(revision)
    const integrations = registry.decode(kept.manifests, kept.defaults)
    requireKnown(integrations)
    return { ...kept, integrations }
  }

  /** No other set takes the place of a pinned revision unless the operator asks for it. */
  async function fromPinned(revision: string): Promise<PolicySet> {
    try {
      return await fromHistory(revision)
    } catch (error) {
      throw new HistoryError(
        `the chosen revision cannot be used: ${(error as Error).message}; to follow the folders, remove ${history.pinFile}`,
      )
    }
  }

  /** `before` runs once the whole set is prepared, and before it is activated: where either fails, nothing has changed. */
  async function apply(set: PolicySet, { how, by, from, before, signal = neverAborted }: Way): Promise<void> {
    const { integrations, bundles: active } = set
    const { revision, activate } = await unlessAborted(signal, prepare(set, signal))
    const previous = activeRevision()
    const isOther = revision !== previous
    if (isOther) await history.keep(revision, set)
    signal.throwIfAborted()
    const changed = changesBetween(registry.all(), integrations)
    const undo = await before?.()
    try {
      activate()
    } catch (error) {
      await undo?.()
      throw error
    }
    registry.replace(integrations)
    const files = [...changedNames(texts.manifests, set.manifests), ...changedNames(texts.rules, set.rules)]
    const isNews = isOther || rejected !== null
    const inForce = {
      integrations,
      bundles: active,
      activated: { revision, how, by, from: from ?? null, previous, files, isNews, changed },
    }
    rejected = null
    texts = set
    onActivated(inForce)
    if (isOther)
      await history
        .record({ revision, at: new Date().toISOString(), how, by, changed: boundedChanges(changed) })
        .catch((error: Error) => onUnlisted(revision, error))
    await postActivate(inForce, signal)
  }

  /** The integrations are known, so that their callers learn what is missing; nothing is allowed. */
  function publishWithoutPolicy(integrations: readonly Integration[]): void {
    registry.replace(integrations)
    onActivated({ integrations, bundles: new Map(), activated: null })
  }

  const now = () => activeRevision() ?? ''
  const afterClose = (error: unknown): ReloadResult => {
    if (error instanceof Preempted) return { ok: false, revision: now(), problem: error.message }
    throw error
  }
  const missingIn = (set: BundleSet) => bundles.names.filter((name) => !set.has(name))

  interface Attempt extends Way {
    readonly find: () => Promise<PolicySet>
    /** Stands before the problem. */
    readonly origin?: string
  }

  async function attempt({ find, origin, ...way }: Attempt): Promise<ReloadResult> {
    try {
      await apply(await find(), way)
      return { ok: true, revision: now() }
    } catch (error) {
      // What was preempted is not bad: it is tried again.
      if (way.signal?.aborted === true) throw way.signal.reason
      // A mistyped name is not a problem of the present files.
      if (error instanceof UnknownRevision) return { ok: false, revision: now(), problem: error.message }
      const problem = `${origin === undefined ? '' : `${origin}: `}${(error as Error).message}`
      // A bundle is tried again and again.
      if (origin === undefined || problem !== rejected) onRejected(problem, origin === undefined ? error : null)
      // A revision that could not be activated says nothing about the folders.
      if (way.how !== 'activate' && way.how !== 'rollback') rejected = problem
      return { ok: false, revision: now(), problem }
    }
  }

  /** Gives what pins the one before again. */
  async function pin(revision: string | null): Promise<() => Promise<void>> {
    const earlier = pinned
    const set = async (chosen: string | null) => {
      await history.pin(chosen)
      pinned = chosen
    }
    await set(revision)
    return () => set(earlier)
  }

  const activate = (revision: string, how: 'activate' | 'rollback', signal: AbortSignal, from?: string) =>
    attempt({ how, by: 'operator', from, signal, find: () => fromHistory(revision), before: () => pin(revision) })

  async function reloadFromDisk(by: ReloadCause, signal: AbortSignal, from?: string): Promise<ReloadResult> {
    const missing = missingIn(current)
    if (missing.length === 0) return attempt({ how: 'reload', by, from, signal, find: () => fromFolders(current) })
    try {
      publishWithoutPolicy((await fromFolders(current)).integrations)
      return { ok: true, revision: now(), missing }
    } catch (error) {
      rejected = (error as Error).message
      onRejected(rejected, error)
      return { ok: false, revision: now(), problem: rejected }
    }
  }

  return {
    async start() {
      pinned = await history.pinned()
      if (pinned !== null) {
        // The pinned revision has its own bundles: what is wrong with the present ones is reported, and does not stop the start.
        current = await bundles.load().catch((error: Error) => {
          rejected = error.message
          onRejected(error.message, error)
          return new Map()
        })
        return apply(await fromPinned(pinned), { how: 'start', by: 'operator' })
      }
      current = await bundles.load()
      const found = await fromFolders(current)
      if (missingIn(current).length > 0) return publishWithoutPolicy(found.integrations)
      try {
        await apply(found, { how: 'start', by: 'folders' })
      } catch (error) {
        if (!bundles.areFetched) throw error
        rejected = (error as Error).message
        onRejected(rejected, error)
        publishWithoutPolicy(found.integrations)
      }
    },
    reload: (by, from) =>
      queue
        .reload(async (signal) => (pinned === null ? reloadFromDisk(by, signal, from) : { ok: true, revision: now(), pinned }))
        .catch(afterClose),
    offer: (name, bundle, origin) =>
      queued(async (signal) => {
        const set = new Map(current).set(name, bundle)
        const missing = missingIn(set)
        const isLater = pinned !== null || missing.length > 0
        const result: ReloadResult = isLater
          ? { ok: true, revision: now(), missing, ...(pinned !== null && { pinned }) }
          : await attempt({ how: 'bundle', by: name, from: origin, signal, find: () => fromFolders(set), origin })
        if (result.ok) current = set
        return result
      }),
    activate: (revision, from) => chosen((signal) => activate(revision, 'activate', signal, from)),
    rollback: (from) =>
      chosen(async (signal) => {
        const before = revisionBefore(await history.list(), now())
        if (before === null) return { ok: false, revision: now(), problem: 'there is no earlier revision' }
        return activate(before, 'rollback', signal, from)
      }),
    // A choice as well: put back behind a revision that was chosen later, it would undo it.
    follow: (from) =>
      chosen(async (signal) => {
        const missing = missingIn(current)
        if (missing.length > 0) return { ok: false, revision: now(), problem: `bundles are missing: ${missing.join(', ')}` }
        return attempt({ how: 'reload', by: 'operator', from, signal, find: () => fromFolders(current), before: () => pin(null) })
      }),
    list: async () => ({ active: activeRevision(), pinned, activations: await history.list() }),
    rejected: () => rejected,
    pinned: () => pinned,
    close: queue.close,
  }
}

/** Nothing can preempt the first activation. */
const neverAborted = new AbortController().signal

interface Way {
  readonly how: Activated['how']
  readonly by: string
  readonly from?: string | undefined
  /** Gives what undoes it. */
  readonly before?: () => Promise<() => Promise<void>>
  /** Where it is aborted before the activation, nothing has changed. */
  readonly signal?: AbortSignal
}

/** Before the first activation of the present revision: a second rollback must not return to the revision that the first one left. `activations`: newest first. */
function revisionBefore(activations: readonly Activated[], present: string): string | null {
  const came = activations.findIndex(({ revision, how }) => revision === present && how !== 'rollback')
  const earlier = activations.slice(came < 0 ? activations.findLastIndex(({ revision }) => revision === present) + 1 : came + 1)
  return earlier.find(({ revision }) => revision !== present)?.revision ?? null
}
