/** Days of an integration that does the same every working day, in slices of 5 minutes, and what the detector finds after them. */
import { rulesFrom, watchRulesSchema } from '../../src/config/index.ts'
import { createDetector, createMemoryStore, type Detector, type Finding } from '../../src/detect/index.ts'
import type { Flow } from '../../src/watch/index.ts'

export const monday = Date.UTC(2026, 10, 2)
export const minutes = 60_000
export const hours = 60 * minutes
const sliceMs = 5 * minutes

export const flow = (own: Partial<Flow> = {}): Flow => ({
  integration: 'alpha',
  owner: 'team-a',
  destination: 'api.example.com:443',
  requests: 40,
  denied: 0,
  limited: 0,
  failed: 0,
  originErrors: 0,
  sentBytes: 200_000,
  receivedBytes: 4_000_000,
  durationMs: { count: 40, sum: 800, max: 50 },
  pathHashes: [1],
  startedAt: [],
  labelEntropy: 2,
  isFirstUse: false,
  ids: ['r1'],
  ...own,
})

const refused = { destination: 'telemetry.example.com:443', requests: 8, denied: 8, sentBytes: 0, receivedBytes: 0 }

/** From 8 to 18 o’clock as usual, and at night next to nothing. */
export function usual(at: number): readonly Flow[] {
  const hour = new Date(at).getUTCHours()
  return hour >= 8 && hour < 18 ? [flow(), flow(refused)] : []
}

export const detectorWith = (given: unknown = {}, baselines = createMemoryStore(), timeZone = 'UTC'): Detector =>
  createDetector({ rules: rulesFrom(watchRulesSchema.parse(given)), baselines, timeZone })

/** Slices from `from` to `to`, each with what is usual then and `more`; what was found. */
export function pass(detector: Detector, from: number, to: number, more: (at: number) => readonly Flow[] = () => []): readonly Finding[] {
  const slices = Array.from({ length: Math.round((to - from) / sliceMs) }, (_, index) => from + index * sliceMs)
  return slices.flatMap((at) => [...detector.take({ from: at, to: at + sliceMs, flows: [...usual(at), ...more(at)] })])
}

export const thursday = monday + 72 * hours

/** What `more` from `from` to `to` on Thursday leads to, after three days as usual. `given`: `watch.rules`. */
export function foundOnThursday(given: unknown, from: number, to: number, more: (at: number) => readonly Flow[]): readonly Finding[] {
  const detector = detectorWith(given)
  pass(detector, monday, thursday + from)
  return pass(detector, thursday + from, thursday + to, more)
}
