/** The durations that OpenTelemetry's semantic conventions name for HTTP, beside the gateway's own metrics. Their attributes come from requests, so that their number is bounded. */
import type { Ended } from '../core/index.ts'
import type { Format, Labels, Lines } from '../telemetry/index.ts'
import { Histogram } from '../usage/index.ts'
import { shownMethod, targetOf } from './attributes.ts'

/** Seconds, as the conventions advise. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** Series of one integration and metric; what comes beyond is one series more (`otel.metric.overflow`). */
const maxSeries = 100
const maxIntegrations = 10_000

interface Series {
  readonly labels: Labels
  readonly histogram: Histogram
}

export interface HttpDurations {
  settled(ended: Ended): void
  lines(format: Format): Lines
}

export function createHttpDurations(): HttpDurations {
  const server = createSeries('http.server.request.duration', 'Duration of HTTP server requests.')
  const client = createSeries('http.client.request.duration', 'Duration of HTTP client requests.')
  return {
    settled(ended) {
      const { who, outcome, origin } = ended
      if (outcome.isTakeover) return
      const { method, scheme, host, port } = targetOf(ended)
      const integration = who?.integration.name ?? '-'
      const { problem, status, durationMs, phases } = outcome
      const failure = problem ?? (status >= 500 ? String(status) : null)
      const common = ['http.request.method', shownMethod(method) === 'HTTP' ? '_OTHER' : shownMethod(method)]
      const ending = failure === null ? [] : ['error.type', failure]
      server.record(
        integration,
        [...common, 'url.scheme', scheme ?? 'http', 'http.response.status_code', String(status), ...ending],
        durationMs / 1000,
      )
      // What was asked of a destination, from then on.
      const { firstByteMs, bodyMs } = phases
      if (origin === null || firstByteMs === null) return
      const to = [
        ...(host === null ? ['server.address', origin] : ['server.address', host]),
        ...(port === null ? [] : ['server.port', String(port)]),
      ]
      const answered = problem === null ? ['http.response.status_code', String(status)] : []
      client.record(integration, [...common, ...to, ...answered, ...ending], (firstByteMs + (bodyMs ?? 0)) / 1000)
    },
    *lines(format) {
      yield* server.lines(format)
      yield* client.lines(format)
    },
  }
}

function createSeries(name: string, help: string) {
  const all = new Map<string, Map<string, Series>>()

  function find(integration: string, labels: Labels): Series {
    const of = all.get(integration) ?? new Map<string, Series>()
    if (!all.has(integration) && all.size < maxIntegrations) all.set(integration, of)
    const key = labels.join(' ')
    const found = of.get(key)
    if (found !== undefined) return found
    const isOverflow = of.size >= maxSeries
    const own = ['integration', integration, ...(isOverflow ? ['otel.metric.overflow', 'true'] : labels)]
    const series = { labels: own, histogram: new Histogram(bounds) }
    const place = isOverflow ? '' : key
    const kept = of.get(place) ?? series
    of.set(place, kept)
    return kept
  }

  return {
    record: (integration: string, labels: Labels, seconds: number) => find(integration, labels).histogram.record(seconds, null),
    *lines(format: Format): Lines {
      yield format.head(name, 'histogram', help)
      for (const of of all.values()) for (const { labels, histogram } of of.values()) yield format.histogram(name, labels, histogram)
    },
  }
}
