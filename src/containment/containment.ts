/**
 * Which state each integration is held in. Rules and operators enter one, operators alone lift one, and the integration neither. A
 * state that ends gives way to a less strict one that is still in force.
 */
import { type Contained, type ContainmentState, strictnessOf } from '../core/index.ts'
import { readEntries, writeEntries } from './containment-file.ts'
import { type Entry, endOf, type Layer, nextEndOf, nothing, type Pending, pruned, strictestOf, withHand, withRule } from './entry.ts'
import {
  type ApprovalNeeded,
  ContainmentRefused,
  isRule,
  lowering,
  type Step,
  stepOfApproval,
  stepOfHand,
  stepOfResumption,
  stepOfRule,
} from './steps.ts'

export interface ContainmentChange {
  /** `*`: all. */
  readonly integration: string
  /** `requested`: it waits for a second operator. `ended`: its time is over. */
  readonly change: Step['change'] | 'ended'
  readonly before: ContainmentState
  /** In force from now on. */
  readonly state: ContainmentState
  /** That was asked for: with `requested` it is not in force yet, and a stricter one may be. */
  readonly asked: ContainmentState
  readonly until: string | null
  readonly reason: string | null
  readonly by: string
}

/** An integration’s state has changed, and is in force. It must not throw. */
export type StateListener = (integration: string, state: ContainmentState, before: ContainmentState) => void

export interface ContainmentOptions {
  /** What is kept over restarts. */
  readonly file: string
  readonly approval: readonly ApprovalNeeded[]
  /** Names of the integrations that have a manifest. */
  readonly names: () => readonly string[]
  /** Looks what the kill switch names now, `*` for all: nothing of these is lifted. */
  readonly held: () => Promise<ReadonlySet<string>>
  /** Called with a change once it is in force, before the listeners: it is recorded before anything is cut. */
  readonly onChange: (change: ContainmentChange) => void
  /** Resolves once all changes that `onChange` was called with are recorded. Rejects if they cannot be. */
  readonly recorded: () => Promise<void>
  /** A change is in force, and would not outlive a restart. */
  readonly onUnkept: (error: Error) => void
  /** Milliseconds since the epoch. */
  readonly wallClock?: () => number
}

export interface Asking {
  /** For operators and the record; callers do not see it. */
  readonly reason: string | null
  /** `rule:` and the rule’s name, or the operator: `socket`, or what proved it and the name (`token alice`). */
  readonly by: string
}

export interface Setting extends Asking {
  readonly state: ContainmentState
  /** `null`: until it is lifted. */
  readonly forMs: number | null
}

/** `state` is in force; `pending`: what waits for a second operator. */
export interface Listed extends Layer {
  /** `*`: all. */
  readonly integration: string
  readonly pending: Pending | null
}

/** What an earlier version kept of an integration that was suspended. */
export type Suspension = Pick<Layer, 'since' | 'until' | 'reason'>

export interface Containment {
  /** Reads what was kept. `suspended` is taken over into it. `wasKept: false`: there was no file. Throws `ContainmentFileError`. */
  start(suspended: Readonly<Record<string, Suspension>>): Promise<{ readonly wasKept: boolean }>
  /** `null`: normal. Asked for every request. */
  of(integration: string): (Contained & Pick<Layer, 'reason'>) | null
  /**
   * In force before this first waits; resolves once it is recorded and kept. A rule never lowers a state; an operator does, and then
   * it rejects if that cannot be recorded, and what was in force is back after a restart. Rejects with `ContainmentRefused`.
   */
  set(integration: string, setting: Setting): Promise<Listed>
  /** Back to normal; as `set`. */
  lift(integration: string, asking: Asking): Promise<Listed>
  /** Takes back what suspends it, and nothing less strict. `null`: it is not suspended. As `set`. */
  resume(integration: string, asking: Asking): Promise<Listed | null>
  /** By another operator than the one who asked. As `set`. */
  approve(integration: string, by: string): Promise<Listed>
  /** What kills without the API, and without approval. `*`: everything, and what comes later. In force when it returns. */
  kill(integrations: readonly string[], asking: Asking): void
  /** All that are not normal, or wait; `*` first. */
  list(): readonly Listed[]
  /**
   * The seam for what runs an integration: under `sallyport run` a sandbox is to freeze at `suspended`, to end its processes at
   * `killed`, and to go on at every other state. Called in the turn in which a state comes into force, in the order in which
   * listeners came; not for states that hold from the start, which `of` answers. Returns what takes the listener off.
   */
  onState(listener: StateListener): () => void
  close(): void
}

export const everything = '*'

export function createContainment(options: ContainmentOptions): Containment {
  const { file, approval, names, held, onChange, recorded, onUnkept, wallClock = Date.now } = options
  const entries = new Map<string, Entry>()
  /** As the listeners were told last; time ends a state without an act. */
  const told = new Map<string, ContainmentState>()
  const listeners = new Set<StateListener>()
  let keeping: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined

  const entryOf = (name: string) => entries.get(name) ?? nothing
  const iso = (ms: number) => new Date(ms).toISOString()
  const situation = () => ({ approval, now: wallClock() })

  function of(name: string): Layer | null {
    if (entries.size === 0) return null
    const now = wallClock()
    const own = strictestOf(entryOf(name), now)
    const all = strictestOf(entryOf(everything), now)
    return strictnessOf(all?.state ?? 'normal') > strictnessOf(own?.state ?? 'normal') ? all : own
  }

  const stateOf = (name: string): ContainmentState => of(name)?.state ?? 'normal'

  /** One write after the other: older content never overwrites newer. What outlives this process was recorded before, unless no record can be kept. */
  function keep(): Promise<void> {
    const kept = Object.fromEntries(entries)
    const isRecorded = recorded().catch(() => {})
    const written = keeping.then(() => isRecorded).then(() => writeEntries(file, kept))
    keeping = written.catch(() => {})
    return written
  }

  function put(name: string, entry: Entry, change: Omit<ContainmentChange, 'integration' | 'before' | 'state'>): void {
    if (entry.layers.length === 0 && entry.pending === null) entries.delete(name)
    else entries.set(name, entry)
    endLater()
    const before = told.get(name) ?? 'normal'
    try {
      onChange({ integration: name, ...change, before, state: stateOf(name) })
    } finally {
      // It is in force, whether it can be said or not.
      tell(name === everything ? [everything, ...names()] : [name])
    }
  }

  function tell(affected: readonly string[]): void {
    const changed = affected.map((known) => ({ known, was: told.get(known) ?? 'normal', state: stateOf(known) }))
    for (const { known, state } of changed) told.set(known, state)
    for (const { known, was, state } of changed)
      if (known !== everything && state !== was) for (const listener of listeners) listener(known, state, was)
  }

  function endLater(): void {
    clearTimeout(timer)
    const ends = [...entries.values()].flatMap((entry) => nextEndOf(entry) ?? [])
    if (ends.length === 0) return
    const leftMs = Math.max(0, Math.min(...ends) - wallClock())
    timer = setTimeout(endWhatIsOver, Math.min(leftMs + 1, longestWaitMs)).unref()
  }

  function endWhatIsOver(): void {
    const now = wallClock()
    const over = [...entries].filter(([, entry]) => (nextEndOf(entry) ?? Number.POSITIVE_INFINITY) <= now)
    for (const [name, entry] of over) {
      const by = entry.layers.findLast(({ until }) => endOf(until) <= now)?.by ?? entry.pending?.by ?? ''
      put(name, pruned(entry, now), { change: 'ended', asked: stateOf(name), until: null, reason: 'its time is over', by })
    }
    endLater()
    if (over.length > 0) void recorded().then(keep).catch(onUnkept)
  }

  /** `compute` is asked again after a wait: a rule may have entered a state meanwhile. `null`: nothing is to be done. */
  async function take(name: string, compute: () => Step | null): Promise<Listed> {
    let step = compute()
    if (step?.lowers === true) {
      await requireNotHeld(name)
      step = compute()
    }
    if (step === null) return listed(name)
    const { entry, loosens, lowers: _, ...change } = step
    put(name, entry, change)
    // If it cannot be recorded, what was in force is back after a restart.
    if (loosens) await recorded()
    await keep()
    return listed(name)
  }

  function listed(name: string): Listed {
    const layer = of(name) ?? { state: 'normal', since: iso(wallClock()), until: null, reason: null, by: '', approvals: [] }
    return { integration: name, ...layer, pending: entryOf(name).pending }
  }

  async function requireNotHeld(name: string): Promise<void> {
    const named = await held()
    const holder = [name, everything].find((known) => named.has(known))
    if (holder !== undefined)
      throw new ContainmentRefused(`the kill switch names "${holder}": remove that from its file first, and then lift it here`)
  }

  function requireKnown(name: string): void {
    const known = names()
    if (known.includes(name)) return
    throw new ContainmentRefused(
      `there is no integration "${name}"; ${known.length === 0 ? 'there is none' : `known are: ${known.join(', ')}`}`,
    )
  }

  function layerOf({ state, forMs, reason, by }: Setting): Layer {
    const now = wallClock()
    return { state, since: iso(now), until: forMs === null ? null : iso(now + forMs), reason, by, approvals: [] }
  }

  return {
    async start(suspended) {
      const kept = await readEntries(file)
      for (const [name, entry] of Object.entries(kept ?? {})) entries.set(name, entry)
      for (const [name, suspension] of Object.entries(suspended))
        entries.set(name, withRule(entryOf(name), { ...suspension, state: 'suspended', by: 'socket', approvals: [] }))
      for (const name of entries.keys()) told.set(name, stateOf(name))
      endLater()
      if (kept === null || Object.keys(suspended).length > 0) await keep()
      return { wasKept: kept !== null }
    },
    of,
    async set(name, setting) {
      requireKnown(name)
      const { by, forMs } = setting
      const asked = layerOf(setting)
      return take(name, () =>
        isRule(by) ? stepOfRule(entryOf(name), asked, forMs, situation()) : stepOfHand(entryOf(name), asked, situation()),
      )
    },
    async lift(name, { reason, by }) {
      const asked = layerOf({ state: 'normal', forMs: null, reason, by })
      return take(name, () => {
        const entry = entryOf(name)
        if (entry === nothing) throw new ContainmentRefused(notContained(name, stateOf(name)))
        return lowering(entry, nothing, asked, situation())
      })
    },
    async resume(name, { reason, by }) {
      const state = stateOf(name)
      if (state === 'killed') throw new ContainmentRefused(`"${name}" is killed: "sallyport contain lift ${name}" ends that`)
      if (state !== 'suspended') return null
      return take(name, () => stepOfResumption(entryOf(name), layerOf({ state: 'normal', forMs: null, reason, by }), situation()))
    },
    approve: (name, by) => take(name, () => stepOfApproval(name, entryOf(name), by, situation())),
    kill(killed, { reason, by }) {
      const since = iso(wallClock())
      const fresh = killed.filter((name) => !entryOf(name).layers.some(({ state, until }) => state === 'killed' && until === null))
      try {
        for (const name of fresh) {
          const layer: Layer = { state: 'killed', since, until: null, reason, by, approvals: [] }
          put(name, withHand(entryOf(name), layer), { change: 'set', asked: 'killed', until: null, reason, by })
        }
      } finally {
        if (fresh.length > 0) void keep().catch(onUnkept)
      }
    },
    list() {
      const order = (name: string) => (name === everything ? '' : name)
      const known = [...entries.keys()].sort((a, b) => (order(a) < order(b) ? -1 : 1))
      return known.map(listed).filter(({ state, pending }) => state !== 'normal' || pending !== null)
    },
    onState(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close: () => clearTimeout(timer),
  }
}

/** A clock may be set meanwhile, so that it is looked at from time to time. */
const longestWaitMs = 60_000

function notContained(name: string, state: ContainmentState): string {
  if (name === everything) return 'nothing has stopped everything'
  if (state === 'normal') return `"${name}" is not contained`
  return `"${name}" is ${state} because everything is: "sallyport contain lift '*'" ends that`
}
