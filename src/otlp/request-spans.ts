/** The spans of one request, as OTLP's JSON: one of the request as a whole, and one of each station of its path. */
import type { Ended, PathTimes } from '../core/index.ts'
import { exchangeAttributes, type Mask, requestAttributes, spanName } from './attributes.ts'
import { nanoseconds, quote } from './json-text.ts'
import { spanId } from './span-ids.ts'

/** Their places behind the request's digits; a destination is told of the exchange. */
const places = { request: 1, identify: 2, limits: 3, policy: 4, admit: 5, exchange: 6, record: 7 } as const
const parts = { queue: 16, dns: 17, connect: 18, tls: 19, first_byte: 20, body: 21 } as const

const kinds = { internal: 1, server: 2, client: 3 } as const

/** `digits`: of the request. */
export function exchangeSpan(digits: string): string {
  return spanId(digits, places.exchange)
}

interface Span {
  readonly place: number
  /** `null`: what the caller says called the gateway, if it says it. */
  readonly under: number | null
  readonly kind: keyof typeof kinds
  readonly name: string
  /** Milliseconds since the arrival. */
  readonly from: number
  readonly to: number
  readonly attributes?: string
  readonly hasFailed?: boolean
}

/** Elements of `spans`, with commas between them. `digits`: of the request's span ids. */
export function spansText(ended: Ended, times: PathTimes, digits: string, mask: Mask): string {
  const { arrival, trace, outcome } = ended
  const context = arrival.traceContext ?? null
  const parent = context?.trace === trace ? context.span : ''
  const state = context?.trace === trace && context.state !== null ? `,"traceState":${quote(context.state)}` : ''
  const until = times.settled ?? outcome.durationMs
  let text = ''
  const add = ({ place, under, kind, name, from, to, attributes = '', hasFailed = false }: Span) => {
    const above = under === null ? parent : spanId(digits, under)
    text += `${text === '' ? '' : ','}{"traceId":"${trace}","spanId":"${spanId(digits, place)}"${state}${above === '' ? '' : `,"parentSpanId":"${above}"`},"name":${quote(name)},"kind":${kinds[kind]},"startTimeUnixNano":"${nanoseconds(arrival.at + from)}","endTimeUnixNano":"${nanoseconds(arrival.at + Math.max(from, to))}","attributes":[${attributes}]${hasFailed ? ',"status":{"code":2}' : ''}}`
  }
  const station = (name: 'identify' | 'limits' | 'policy' | 'admit' | 'record', from: number | null, to: number | null) => {
    if (from !== null && to !== null) add({ place: places[name], under: places.request, kind: 'internal', name, from, to })
  }
  const part = (name: keyof typeof parts, from: number | null, to: number | null) => {
    if (from !== null && to !== null) add({ place: parts[name], under: places.exchange, kind: 'internal', name, from, to })
  }

  add({
    ...{ place: places.request, under: null, kind: 'server', name: spanName(ended), from: 0, to: until },
    attributes: requestAttributes(ended, mask),
    hasFailed: outcome.status >= 500 || outcome.brokenOff,
  })
  station('identify', 0, times.identified)
  station('limits', times.identified, times.counted)
  station('policy', times.asked, times.decided)
  station('admit', times.decided, times.admitted)
  if (times.started !== null || times.dialling !== null) {
    const { dialling, dialled, started, answered } = times
    const isNetwork = ended.origin !== null
    add({
      ...{ place: places.exchange, under: places.request, kind: isNetwork ? 'client' : 'internal', from: times.admitted ?? 0, to: until },
      name: isNetwork ? spanName(ended) : 'disk',
      attributes: exchangeAttributes(ended, mask),
      hasFailed: outcome.problem !== null || outcome.status >= 400,
    })
    // The wait for a turn; what dials has none of its own behind it.
    part('queue', times.admitted, dialling ?? started)
    connecting(ended, dialling, dialled, part)
    part('first_byte', started, answered)
    part('body', answered, until)
  }
  station('record', times.recording, times.recorded)
  return text
}

/** A connection that was made for the request, part by part. */
function connecting(
  { outcome }: Ended,
  dialling: number | null,
  dialled: number | null,
  part: (name: 'dns' | 'connect' | 'tls', from: number | null, to: number | null) => void,
): void {
  const { made } = outcome.phases
  if (dialling === null || made === null) {
    part('connect', dialling, dialled)
    return
  }
  const resolved = dialling + (made.dnsMs ?? 0)
  const connected = resolved + made.tcpMs
  if (made.dnsMs !== null) part('dns', dialling, resolved)
  part('connect', resolved, connected)
  if (made.tlsMs !== null) part('tls', connected, connected + made.tlsMs)
}
