/** The detector: slices go in, findings come out. It has no clock but the slices' times, and no timer. */
import type { WatchRules } from '../config/index.ts'
import type { Flow, Slice } from '../watch/index.ts'
import type { Finding } from './finding.ts'
import type { BaselineStore } from './store.ts'
import type { WatchEvent } from './watch-event.ts'

export interface Detector {
  take(slice: Slice): readonly Finding[]
  event(event: WatchEvent): readonly Finding[]
  /** Writes what was learned to the store. */
  save(): void
}

interface Pair {
  readonly firstAt: number
  sentBytes: number
  receivedBytes: number
  isReported: boolean
}

export interface Watched {
  readonly rules: WatchRules
  readonly baselines: BaselineStore
}

export function createDetector({ rules }: Watched): Detector {
  const integrations = new Map<string, Map<string, Pair>>()

  const judge = (flow: Flow, at: number): readonly Finding[] => {
    const known = integrations.get(flow.integration) ?? new Map<string, Pair>()
    integrations.set(flow.integration, known)
    const pair = known.get(flow.destination) ?? { firstAt: at, sentBytes: 0, receivedBytes: 0, isReported: false }
    known.set(flow.destination, pair)
    pair.sentBytes += flow.sentBytes
    pair.receivedBytes += flow.receivedBytes
    const { enabled, minUpload, newFor, severity, contain } = rules.exfiltration
    if (!enabled || pair.isReported || pair.sentBytes < minUpload || at - pair.firstAt > newFor) return []
    pair.isReported = true
    const measure = { median: null, mad: null, deviations: null, samples: 0, hourOfWeek: 0 }
    return [
      {
        rule: 'exfiltration',
        severity,
        integration: flow.integration,
        owner: flow.owner,
        destination: flow.destination,
        title: `A large upload to a new destination, ${flow.destination}`,
        detail: `${pair.sentBytes} bytes were sent to it since it was first used.`,
        measures: [{ measure: 'sentBytes', value: pair.sentBytes, ...measure }],
        ids: flow.ids,
        at,
        contain: contain ? { state: contain.state, forMs: contain.for } : null,
        playbook: 'exfiltration',
      },
    ]
  }

  return {
    take: (slice) => slice.flows.flatMap((flow) => judge(flow, slice.to)),
    event: () => [],
    save: () => {},
  }
}
