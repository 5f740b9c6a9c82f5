/** Takes manifests and rules into force: one set at a time, all of it or nothing, and the last good one stays. */
import type { Integration } from '../core/index.ts'
import { type Activated, type History, HistoryError, type ManifestTexts } from './history.ts'
import type { Directory } from './manifests/index.ts'
import type { PolicyStation } from './policy.ts'
import type { RegoSources } from './rego-files.ts'

export interface ReloadResult {
  readonly ok: boolean
  /** The revision that decides now. */
  readonly revision: string
  /** Why the new set was rejected. */
  readonly problem?: string
  /** The folders are not followed: this revision was chosen. */
  readonly pinned?: string
}

export interface ActivationOptions {
  readonly directory: Directory
  readonly policy: PolicyStation
  readonly history: History
  readonly readRules: () => Promise<RegoSources>
  /** Throws where the manifests name what the configuration does not have. */
  readonly requireKnown: (integrations: readonly Integration[]) => void
  /** In the turn of the event loop in which the policy changed: no request sees the one new and the other old. */
  readonly onActivated: (integrations: readonly Integration[], revision: string) => void
  /** Still within this turn of the queue, for what follows an activation and may take its time. */
  readonly afterwards: (integrations: readonly Integration[]) => Promise<void>
  readonly onRejected: (problem: string) => void
}

export interface Activation {
  /** The chosen revision, or what lies in the folders. Throws what makes it bad. */
  start(): Promise<void>
  /** What lies in the folders now, unless a revision was chosen. */
  reload(): Promise<ReloadResult>
  /** A revision of the history; it stays through changes of the folders and restarts, until `follow`. */
  activate(revision: string): Promise<ReloadResult>
  /** The revision before the one that decides. */
  rollback(): Promise<ReloadResult>
  /** The folders again. */
  follow(): Promise<ReloadResult>
  list(): Promise<{ readonly active: string | null; readonly pinned: string | null; readonly activations: readonly Activated[] }>
  /** Why the last set was not taken; `null` where it was. */
  rejected(): string | null
}

interface Candidate {
  readonly integrations: readonly Integration[]
  readonly manifests: ManifestTexts
  readonly rules: RegoSources
}

export function createActivation(options: ActivationOptions): Activation {
  const { directory, policy, history, readRules, requireKnown, onActivated, afterwards, onRejected } = options
  let rejected: string | null = null
  let working: Promise<unknown> = Promise.resolve()

  /** One at a time; a change during a reload is seen by the next. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = working.then(work)
    working = next.catch(() => {})
    return next
  }

  async function fromFolders(): Promise<Candidate> {
    const { integrations, texts } = await directory.readSet()
    return { integrations, manifests: texts, rules: await readRules() }
  }

  async function fromHistory(revision: string): Promise<Candidate> {
    const { manifests, rules } = await history.read(revision)
    return { integrations: directory.decode(manifests), manifests, rules }
  }

  /** Another set than the chosen one is not taken without being told to. */
  async function fromPinned(revision: string): Promise<Candidate> {
    try {
      return await fromHistory(revision)
    } catch (error) {
      throw new HistoryError(
        `the chosen revision cannot be used: ${(error as Error).message}; to follow the folders, remove ${history.pinFile}`,
      )
    }
  }

  async function take({ integrations, manifests, rules }: Candidate, how: Activated['how']): Promise<void> {
    requireKnown(integrations)
    const { revision, activate } = await policy.prepare(integrations, rules)
    const changed = revision !== policy.revision()
    activate()
    directory.replace(integrations)
    onActivated(integrations, revision)
    if (changed) await history.record({ revision, at: new Date().toISOString(), how }, { manifests, rules })
    await afterwards(integrations)
  }

  async function attempt(how: Activated['how'], find: () => Promise<Candidate>, after: () => Promise<void> = async () => {}) {
    try {
      await take(await find(), how)
      await after()
      rejected = null
      return { ok: true, revision: policy.revision() ?? '' }
    } catch (error) {
      rejected = (error as Error).message
      onRejected(rejected)
      return { ok: false, revision: policy.revision() ?? '', problem: rejected }
    }
  }

  const activate = (revision: string, how: 'activate' | 'rollback') =>
    attempt(
      how,
      () => fromHistory(revision),
      () => history.pin(revision),
    )

  return {
    async start() {
      const pinned = await history.pinned()
      await take(pinned === null ? await fromFolders() : await fromPinned(pinned), 'start')
    },
    reload: () =>
      inTurn(async () => {
        const pinned = await history.pinned()
        return pinned === null ? attempt('reload', fromFolders) : { ok: true, revision: policy.revision() ?? '', pinned }
      }),
    activate: (revision) => inTurn(() => activate(revision, 'activate')),
    rollback: () =>
      inTurn(async () => {
        const now = policy.revision() ?? ''
        const before = (await history.list()).find(({ revision }) => revision !== now)
        if (before === undefined) return { ok: false, revision: now, problem: 'there is no earlier revision' }
        return activate(before.revision, 'rollback')
      }),
    follow: () => inTurn(() => attempt('reload', fromFolders, () => history.pin(null))),
    list: async () => ({ active: policy.revision(), pinned: await history.pinned(), activations: await history.list() }),
    rejected: () => rejected,
  }
}
