/** Metrics on their way to the collector: all of them at each interval, in requests of a mebibyte. What a collector does not take is in the next round. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Format } from '../telemetry/index.ts'
import type { Collector } from './export.ts'
import { createMetricFormat } from './metric-format.ts'

export interface MetricExportOptions {
  readonly collector: Pick<Collector, 'take'>
  readonly intervalMs: number
  readonly series: (format: Format) => AsyncIterable<string>
  /** The whole request to the collector. */
  readonly bodyOf: (metrics: Buffer) => Buffer
  readonly onRound: (outcome: 'exported' | 'failed') => void
  /** `null`: the collector takes metrics again. */
  readonly onProblem: (problem: string | null) => void
}

const requestCharacters = 1024 * 1024

export function startMetricExport({ collector, intervalMs, series, bodyOf, onRound, onProblem }: MetricExportOptions) {
  const startMs = Date.now()
  const stop = new AbortController()
  const close = new AbortController()
  let isFailing = false

  async function send(): Promise<void> {
    const format = createMetricFormat(startMs, Date.now())
    let text = ''
    const take = async () => {
      const metrics = text + format.flush()
      text = ''
      if (metrics !== '') await collector.take('metrics', bodyOf(Buffer.from(metrics)), stop.signal)
    }
    for await (const part of series(format)) {
      text += part
      if (text.length >= requestCharacters) await take()
    }
    await take()
  }

  async function round(): Promise<void> {
    try {
      await send()
      if (isFailing) onProblem(null)
      isFailing = false
      onRound('exported')
    } catch (error) {
      if (!isFailing) onProblem((error as Error).message)
      isFailing = true
      onRound('failed')
    }
  }

  async function run(): Promise<void> {
    while (!close.signal.aborted) {
      await sleep(intervalMs, undefined, { ref: false, signal: close.signal }).catch(() => {})
      await round()
    }
  }

  const ended = run()
  return {
    /** The last round is sent if that can be done within this time. Never rejects. */
    async close(withinMs: number): Promise<void> {
      close.abort()
      const timer = setTimeout(() => stop.abort(), withinMs)
      await ended
      clearTimeout(timer)
    },
  }
}
