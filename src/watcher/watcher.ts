/** What is done with slices and events: they are looked at, what is found is told, and what is learned is kept. */
import { type AlertChange, createAlertStore, createAlerts, createReceiver, type ReceiverChange } from '../alerts/index.ts'
import { createDetector, type Finding, type WatchEvent } from '../detect/index.ts'
import type { Slice } from '../watch/index.ts'
import { createBaselines } from './baselines.ts'
import { createDestinations } from './destinations.ts'
import type { Args, WatcherSettings, WatcherStatus } from './messages.ts'
import { migrate } from './migrations.ts'
import { answer } from './questions.ts'
import { createNameSharing } from './shared-names.ts'
import { openStore } from './store.ts'
import { createUsageSeries } from './usage-series.ts'

export interface Watcher {
  take(slice: Slice): void
  event(event: WatchEvent): void
  /** Rejects with an Error that says why there is no answer. */
  ask(question: string, args: Args): Promise<unknown>
  /** Call it each second: what is learned is written, and the store is looked after. */
  tick(): void
  status(): WatcherStatus
  close(): Promise<void>
}

export interface WatcherOptions extends WatcherSettings {
  readonly onFindings: (findings: readonly Finding[]) => void
  readonly onAlert: (change: AlertChange) => void
  readonly onReceiver: (change: ReceiverChange) => void
}

export function createWatcher(options: WatcherOptions): Watcher {
  const { file, rules, rulesFor, timeZone, receivers, resolveAfterMs, gateway, onFindings, onAlert, onReceiver } = options
  const store = openStore(file, migrate)
  const destinations = createDestinations(store)
  const usage = createUsageSeries(store)
  const detector = createDetector({ rules, rulesFor, timeZone, baselines: createBaselines(store) })
  const alerts = createAlerts({
    ...{ store: createAlertStore(store), resolveAfterMs, now: Date.now, onReceiver, onChange: onAlert },
    receivers: receivers.map((receiver) => createReceiver(receiver, { gateway, now: Date.now })),
  })
  const shareNames = createNameSharing()
  let slices = 0

  function tell(findings: readonly Finding[]): void {
    if (findings.length === 0) return
    // What is done about it comes first.
    onFindings(findings)
    for (const finding of findings) alerts.take(finding)
  }

  const status = () => ({ store: store.state(), slices, learned: detector.learned(), alerts: alerts.status() })

  return {
    take(given) {
      const slice = shareNames(given)
      slices += 1
      usage.take(slice)
      tell(detector.take(destinations.mark(slice)))
    },
    event: (event) => tell(detector.event(event)),
    ask: async (question, args) =>
      answer({ scores: detector.scores, destinations, usual: detector.usual, alerts, status, usage }, question, args),
    tick() {
      store.check()
      destinations.save()
      detector.saveSome()
      usage.tick()
      alerts.tick()
    },
    status,
    async close() {
      destinations.save()
      detector.save()
      usage.save()
      await alerts.close()
      store.close()
    },
  }
}
