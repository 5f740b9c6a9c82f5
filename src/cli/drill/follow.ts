/** What the log says of a drill while it is made: the alert, the containment and its end. */
import { readRecords } from '../../records/index.ts'
import { drillName } from './manifest.ts'

export interface Sign {
  /** Milliseconds since the epoch: of the record. */
  readonly at: number
  /** Its index in the log. */
  readonly record: number
  /** Rule of the alert, or state of the containment. */
  readonly what: string
  /** By a rule, of itself. */
  readonly isByRule: boolean
  /** Id of the alert. */
  readonly alert: string | null
}

export interface Signs {
  /** The first alert about the drill by one of the rules; `null`: none within the time, or it was stopped. */
  detected(rules: readonly string[], withinMs: number): Promise<Sign | null>
  /** The first containment from a time on; `null` as above. */
  contained(withinMs: number, from: number): Promise<Sign | null>
  /** The same after the drill was stopped: a rule may contain what was sent before. */
  containedLate(withinMs: number): Promise<Sign | null>
  close(): void
}

type Facts = Readonly<Record<string, unknown>>

/** From the record with this index on. */
export function followSigns(log: string, from: number, signal: AbortSignal): Signs {
  const stop = new AbortController()
  const seen: { readonly sign: Sign; readonly type: 'alert' | 'contained' }[] = []
  const waiting = new Set<() => void>()
  void follow()

  async function follow(): Promise<void> {
    try {
      for await (const records of readRecords(log, { from, follow: true, signal: stop.signal })) {
        for (const { index, text } of records) if (text.includes(drillName)) take(index, text)
        for (const look of waiting) look()
      }
    } catch {
      // Nothing more is seen; what waits ends by its time.
    }
  }

  function take(index: number, text: string): void {
    const record = JSON.parse(text) as Facts
    if (record['integration'] !== drillName) return
    const { type, time, rule, state, alert, by } = record
    const isByRule = String(by).startsWith('rule:')
    const sign = { at: Date.parse(String(time)), record: index, isByRule, alert: typeof alert === 'string' ? alert : null }
    if (type === 'alert') seen.push({ type, sign: { ...sign, what: String(rule) } })
    if (type === 'suspended' || (type === 'containment' && ['throttled', 'suspended', 'killed'].includes(String(state))))
      seen.push({ type: 'contained', sign: { ...sign, what: String(state ?? 'suspended') } })
  }

  function first(find: () => Sign | undefined, withinMs: number, until = signal): Promise<Sign | null> {
    return new Promise((resolve) => {
      const end = (found: Sign | null) => {
        waiting.delete(look)
        clearTimeout(timer)
        until.removeEventListener('abort', stopped)
        resolve(found)
      }
      const look = () => {
        const found = find()
        if (found !== undefined) end(found)
      }
      const stopped = () => end(null)
      const timer = setTimeout(end, withinMs, null)
      waiting.add(look)
      until.addEventListener('abort', stopped)
      if (until.aborted) stopped()
      else look()
    })
  }

  const containment = (from: number) => seen.find(({ type, sign }) => type === 'contained' && sign.at >= from)?.sign

  return {
    detected: (rules, withinMs) =>
      first(() => seen.find(({ type, sign }) => type === 'alert' && rules.includes(sign.what))?.sign, withinMs),
    contained: (withinMs, since) => first(() => containment(since), withinMs),
    containedLate: (withinMs) => first(() => containment(0), withinMs, stop.signal),
    close: () => stop.abort(),
  }
}
