/** What is done with slices and events: they are looked at, what is found is told, and what is learned is kept. */
import { createDetector, type Finding, type WatchEvent } from '../detect/index.ts'
import type { Slice } from '../watch/index.ts'
import { createBaselines } from './baselines.ts'
import { createDestinations } from './destinations.ts'
import type { Args, WatcherSettings, WatcherStatus } from './messages.ts'
import { migrate } from './migrations.ts'
import { answer } from './questions.ts'
import { openStore } from './store.ts'
import { createUsageSeries } from './usage-series.ts'

export interface Watcher {
  take(slice: Slice): void
  event(event: WatchEvent): void
  /** Throws an Error that says why there is no answer. */
  ask(question: string, args: Args): unknown
  /** Call it each second: what is learned is written, and the store is looked after. */
  tick(): void
  status(): WatcherStatus
  close(): void
}

export interface WatcherOptions extends WatcherSettings {
  readonly onFindings: (findings: readonly Finding[]) => void
}

export function createWatcher({ file, rules, onFindings }: WatcherOptions): Watcher {
  const store = openStore(file, migrate)
  const destinations = createDestinations(store)
  const usage = createUsageSeries(store)
  const detector = createDetector({ rules, baselines: createBaselines(store) })
  let slices = 0

  const tell = (findings: readonly Finding[]) => {
    if (findings.length > 0) onFindings(findings)
  }
  const status = () => ({ store: store.state(), slices })

  return {
    take(slice) {
      slices += 1
      usage.take(slice)
      tell(detector.take(destinations.mark(slice)))
    },
    event: (event) => tell(detector.event(event)),
    ask: (question, args) => answer({ destinations, status, usage }, question, args),
    tick() {
      store.check()
      destinations.save()
      detector.saveSome()
      usage.tick()
    },
    status,
    close() {
      destinations.save()
      detector.save()
      usage.save()
      store.close()
    },
  }
}
