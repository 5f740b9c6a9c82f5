/**
 * What is known of alerts and of messages that wait: held in memory, and written to the store. Where the store takes nothing (a full
 * disk, a damaged file), it is kept here, said, and written later; nobody waits for it.
 */
import { type Alert, keyOf } from './alert.ts'
import { type AlertFilter, type AlertStore, matches } from './alert-store.ts'
import type { Dropped, Notice } from './receiver.ts'

export interface Ledger {
  active(): IterableIterator<Alert>
  readonly activeCount: number
  /** The newest of this key, resolved ones too. */
  find(key: string): Alert | null
  byId(id: string): Alert | null
  save(alert: Alert): void
  /** For a receiver, in their order. */
  waiting(receiver: string): readonly Notice[]
  /** Receivers for which something waits. */
  receivers(): readonly string[]
  readonly dropped: ReadonlyMap<string, Dropped>
  queue(notice: Omit<Notice, 'seq'>): void
  remove(notice: Notice): void
  setDropped(receiver: string, dropped: Dropped | null): void
  /** `isWhole: false`: resolved ones may be missing, since the store cannot be read. */
  list(filter: AlertFilter): { readonly alerts: readonly Alert[]; readonly isWhole: boolean }
  forget(before: number): void
  /** Writes what is not written. */
  flush(): void
  /** Why the store takes nothing; `null` where all is well. */
  readonly problem: string | null
}

export function createLedger(store: AlertStore): Ledger {
  let problem: string | null = null
  let { database } = store
  const active = new Map<string, Alert>()
  const waiting = new Map<string, readonly Notice[]>()
  const dropped = new Map<string, Dropped>()
  /** By id. */
  const unsavedAlerts = new Map<string, Alert>()
  const unsavedNotices = new Map<number, Notice>()
  const gone = new Set<number>()
  const unsavedDropped = new Map<string, Dropped | null>()

  /** What the store cannot say is not known. */
  function ask<T>(question: () => T, otherwise: T): T {
    try {
      return question()
    } catch (error) {
      problem = (error as Error).message
      return otherwise
    }
  }

  for (const alert of ask(store.active, [])) active.set(keyOf(alert), alert)
  const before = ask(store.waiting, [])
  for (const [receiver, notices] of Map.groupBy(before, (notice) => notice.receiver)) waiting.set(receiver, notices)
  for (const [receiver, what] of ask(store.dropped, new Map())) dropped.set(receiver, what)
  let seq = before.at(-1)?.seq ?? 0

  const inMemory = (matching: (alert: Alert) => boolean) => [...unsavedAlerts.values(), ...active.values()].find(matching) ?? null

  /** The store was removed, or was damaged: what is known is written into the one that was begun again. */
  function beginAgain(): void {
    database = store.database
    for (const alert of active.values()) unsavedAlerts.set(alert.id, alert)
    for (const notice of [...waiting.values()].flat()) unsavedNotices.set(notice.seq, notice)
    for (const [receiver, what] of dropped) unsavedDropped.set(receiver, what)
  }

  function flush(): void {
    if (store.database !== database) beginAgain()
    if (unsavedAlerts.size + unsavedNotices.size + gone.size + unsavedDropped.size === 0) return
    const isWritten = store.write({
      alerts: [...unsavedAlerts.values()],
      queued: [...unsavedNotices.values()],
      gone: [...gone],
      dropped: [...unsavedDropped],
    })
    problem = isWritten ? null : (store.problem() ?? 'it cannot be written')
    if (isWritten) for (const part of [unsavedAlerts, unsavedNotices, gone, unsavedDropped]) part.clear()
  }

  return {
    active: () => active.values(),
    get activeCount() {
      return active.size
    },
    find: (key) => active.get(key) ?? inMemory((alert) => keyOf(alert) === key) ?? ask(() => store.newestOf(key), null),
    byId: (id) => inMemory((alert) => alert.id === id) ?? ask(() => store.byId(id), null),
    save(alert) {
      if (alert.state === 'resolved') active.delete(keyOf(alert))
      else active.set(keyOf(alert), alert)
      unsavedAlerts.set(alert.id, alert)
    },
    waiting: (receiver) => waiting.get(receiver) ?? [],
    receivers: () => [...waiting.keys()],
    dropped,
    queue(given) {
      seq += 1
      const notice = { ...given, seq }
      waiting.set(notice.receiver, [...(waiting.get(notice.receiver) ?? []), notice])
      unsavedNotices.set(seq, notice)
    },
    remove(notice) {
      const left = (waiting.get(notice.receiver) ?? []).filter((other) => other.seq !== notice.seq)
      waiting.set(notice.receiver, left)
      // One that never was written needs no removal.
      if (!unsavedNotices.delete(notice.seq)) gone.add(notice.seq)
    },
    setDropped(receiver, what) {
      if (what === null) dropped.delete(receiver)
      else dropped.set(receiver, what)
      unsavedDropped.set(receiver, what)
    },
    list(filter) {
      flush()
      const stored = problem === null ? ask(() => store.list(filter), null) : null
      if (stored !== null) return { alerts: stored, isWhole: true }
      const known = [...active.values()].filter((alert) => matches(alert, filter)).sort((one, other) => other.lastAt - one.lastAt)
      return { alerts: known.slice(0, filter.limit), isWhole: false }
    },
    forget: (before) => ask(() => store.forget(before), undefined),
    flush,
    get problem() {
      return problem
    },
  }
}
