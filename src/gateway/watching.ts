/** Joins watching (`watch:`): what is counted of requests goes to a process of its own, and what that finds is said. */
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditStation } from '../audit/index.ts'
import type { Config } from '../config/index.ts'
import type { Containment } from '../containment/index.ts'
import type { Watch } from '../core/index.ts'
import type { Finding, Learned, WatchEvent } from '../detect/index.ts'
import type { LimitsStation } from '../limits/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import type { Slice } from '../watch/index.ts'
import type { Args, WatcherProcess } from '../watcher/index.ts'
import { type AlertsSummary, createAlertReports } from './alert-reports.ts'
import { createStoreReports } from './store-reports.ts'
import { type ConditionSources, type Conditions, createConditions } from './watched-conditions.ts'

export interface Watching {
  /** The station of the path; `null` where nothing is watched. */
  readonly station: Watch | null
  /** Once the gateway serves; from then on its own conditions are watched too. */
  start(sources: WatchedSources): void
  /** `null` where nothing is watched. */
  status(): WatchingStatus | null
  event(event: WatchEvent): void
  /** What of the gateway itself is in danger now. */
  conditions(): readonly object[]
  /** Rejects with an Error that says why there is no answer. */
  ask(question: string, args?: Args): Promise<unknown>
  close(): Promise<void>
}

export interface WatchedSources extends ConditionSources, Pick<Containment, 'set'> {
  readonly limits: ConditionSources['limits'] & Pick<LimitsStation, 'lowest'>
}

export interface WatchingStatus {
  /** Of the process; `null` while there is none. */
  readonly pid: number | null
  readonly restarts: number
  readonly slices: { readonly taken: number; readonly dropped: number }
  /** `null` until the process has said it. */
  readonly store: { readonly kept: 'file' | 'memory'; readonly problem: string | null; readonly since: string } | null
  readonly learned: Learned | null
  /** `null` until the process has said it. */
  readonly alerts: AlertsSummary | null
}

export interface WatchingOptions {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  readonly note: AuditStation['note']
  readonly noted: AuditStation['noted']
}

const sliceMs = 1000
/** After a destination was used for the first time. */
const earlyMs = 250
const conditionsMs = 1000
/** For what was counted last, and alerts that were just recorded, when the gateway ends. */
const lastSendMs = 500

/** Nothing is started, and nothing loaded, without `watch:`. */
export async function createWatching({ config, logger, metrics, note, noted }: WatchingOptions): Promise<Watching> {
  const { watch } = config
  if (watch === null) return off
  const { rules, rulesFor, timeZone, receivers, resolveAfterMs } = watch
  const [{ createObserver }, { createSender, startWatcher }] = await Promise.all([
    import('../watch/index.ts'),
    import('../watcher/index.ts'),
  ])
  let watcher: WatcherProcess | null = null
  let restarts = 0
  let lost = 0
  let isDropping = false
  let timer: NodeJS.Timeout | null = null
  let early: NodeJS.Timeout | null = null
  let looking: NodeJS.Timeout | null = null
  let conditions: Conditions | null = null
  const observer = createObserver({
    onFirstUse() {
      early ??= setTimeout(() => {
        early = null
        void send()
      }, earlyMs).unref()
    },
  })

  let lowest: WatchedSources['limits']['lowest'] = () => null

  /** With the levels of the buckets of those that are in it. */
  function* cut(): Iterable<Slice> {
    for (const slice of observer.cut()) yield { ...slice, lowest: lowestIn(slice, lowest) }
  }

  const sender = createSender({ cut, take: (slice) => watcher?.take(slice) ?? false, onDropped: drop })

  async function send(): Promise<void> {
    const before = lost
    await sender.send()
    sayDropped(before)
  }

  async function look(conditions: Conditions): Promise<void> {
    try {
      for (const event of await conditions.look()) watcher?.event(event)
    } catch (error) {
      logger.error({ err: error }, 'conditions of the gateway cannot be watched')
    }
  }

  /** As its rule says, before anybody is told. */
  function contain({ rule, integration, title, contain: asked }: Finding, set: Containment['set']): void {
    if (integration === null || asked === null) return
    const { state, forMs } = asked
    set(integration, { state, forMs, reason: title, by: `rule:${rule}` }).catch((error) =>
      logger.error({ err: error, rule, integration, state }, 'an integration cannot be held as a rule says, or that cannot be recorded'),
    )
  }

  function drop(slices: number): void {
    lost += slices
    droppedSlices.inc(slices)
  }

  function sayDropped(before: number): void {
    const isNow = lost > before
    if (isNow === isDropping) return
    isDropping = isNow
    if (isNow)
      logger.warn({ waiting: watcher?.waiting }, 'the process that watches is behind or gone: what passes meanwhile is not watched')
    else logger.info({ dropped: lost }, 'what passes is watched again')
  }

  const droppedSlices = metrics.counter('sallyport_watch_slices_dropped_total', 'Slices of what passed that were not watched.')
  const restartsTotal = metrics.counter('sallyport_watch_restarts_total', 'How often the process that watches had to be started again.')
  metrics.gauge('sallyport_watch_store_kept', 'Whether what watching learns is kept over restarts.', () =>
    watcher?.status()?.store.kept === 'file' ? 1 : 0,
  )

  const reportStore = createStoreReports(logger)
  const alerts = createAlertReports({
    ...{ receivers, note, noted, logger, metrics, status: () => watcher?.status()?.alerts ?? null },
    confirm: async (changes) => watcher?.ask('alerts.recorded', { changes: changes.join(',') }),
  })

  return {
    station: observer,
    start(sources) {
      lowest = sources.limits.lowest
      watcher = startWatcher(
        { file: config.state.watch, rules, rulesFor, timeZone, receivers, resolveAfterMs, gateway: hostname() },
        {
          onFindings(findings) {
            for (const finding of findings) contain(finding, sources.set)
          },
          onAlert: alerts.onAlert,
          onReceiver: alerts.onReceiver,
          onStatus(status) {
            alerts.count(status.alerts)
            reportStore(status)
          },
          onLost: drop,
          onEnd(how, words) {
            restarts += 1
            restartsTotal.inc()
            logger.error({ how, words }, 'the process that watches has ended, and is started again')
          },
        },
      )
      timer = setInterval(() => void send(), sliceMs).unref()
      const watched = createConditions(sources)
      conditions = watched
      looking = setInterval(() => void look(watched), conditionsMs).unref()
    },
    status() {
      const { store, learned = null } = watcher?.status() ?? {}
      return {
        pid: watcher?.pid ?? null,
        restarts,
        slices: { taken: sender.taken(), dropped: lost },
        store: store === undefined ? null : { ...store, since: new Date(store.since).toISOString() },
        learned,
        alerts: alerts.summary(),
      }
    },
    event: (event) => watcher?.event(event),
    conditions: () => conditions?.holding() ?? [],
    ask: (question, args) => watcher?.ask(question, args) ?? Promise.reject(new Error('the gateway is starting')),
    async close() {
      for (const pending of [timer, early, looking]) if (pending !== null) clearTimeout(pending)
      // Without a process there is nobody to wait for.
      if (watcher?.pid) await Promise.race([send().then(alerts.confirmed), sleep(lastSendMs, undefined, { ref: false })])
      await watcher?.close()
    },
  }
}

function lowestIn({ flows }: Slice, lowest: WatchedSources['limits']['lowest']): NonNullable<Slice['lowest']> {
  const names = new Set(flows.map(({ integration }) => integration))
  return Object.fromEntries(
    [...names].flatMap((name) => {
      const levels = lowest(name)
      return levels === null ? [] : [[name, levels]]
    }),
  )
}

const off: Watching = {
  station: null,
  start: () => {},
  status: () => null,
  event: () => {},
  conditions: () => [],
  ask: () => Promise.reject(new Error('nothing is watched: sallyport.yaml has no watch')),
  close: async () => {},
}
