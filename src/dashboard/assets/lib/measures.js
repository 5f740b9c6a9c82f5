/** Measures of an alert against their baselines, as people read them; `sallyport alerts show` says the same. */
import { el, given } from './dom.js'
import { bytes, count, ms, percent } from './format.js'

const names = {
  sentBytes: 'sent',
  receivedBytes: 'received',
  denied: 'denied requests',
  failed: 'failed requests',
  failedShare: 'failed',
  latencyMs: 'latency',
  distinct: 'distinct paths or destinations',
  deniedDestinations: 'denied destinations',
  encodedNames: 'names like encoded data',
  labelEntropy: 'bits per character of the name',
  intervalMs: 'time between two requests',
  jitter: 'deviation from that time',
  firstUse: 'first use',
  usedShare: 'used',
  daysLeft: 'days left',
  breakerOpen: 'open breaker',
}
const times = { In5Minutes: ' within 5 minutes', InHour: ' within the hour', SinceFirstUse: ' since the first use' }
/** What is within so many deviations is ordinary; one is so many times as much, and not so much more. */
const ordinaryDeviations = 3
const deviationsPerMad = 1.4826

/** `sent within 5 minutes`, of `sentBytesIn5Minutes`. */
export function measureName(measure) {
  const [, name, time = ''] = /^(.*?)(In5Minutes|InHour|SinceFirstUse)?$/.exec(measure) ?? [null, measure]
  return `${names[name] ?? name}${times[time] ?? ''}`
}

function amount(measure, value) {
  if (measure.includes('Bytes')) return bytes(value)
  if (measure.endsWith('Ms')) return ms(value)
  if (measure.endsWith('Share') || measure === 'jitter') return percent(value)
  return count(/In(5Minutes|Hour)$/.test(measure) ? Math.round(value) : Math.round(value * 10) / 10)
}

/** Where the ordinary ends. */
export function ordinaryEnd(median, mad) {
  const center = Math.log2(1 + median)
  return 2 ** (center + ordinaryDeviations * deviationsPerMad * (Math.log2(1 + median + mad) - center)) - 1
}

/** As a list: there are one or two, and a panel is narrow. */
export function measuresList(measures) {
  const rows = measures.map((measured) => [el('dt', {}, given(measureName(measured.measure))), el('dd', {}, ...against(measured))])
  const isFar = measures.some(({ deviations }) => deviations !== null)
  return [
    el('dl.facts', {}, rows),
    isFar
      ? el('p.quiet', {}, `Up to ${ordinaryDeviations} deviations are ordinary; one is so many times as much, and not so much more.`)
      : null,
  ]
}

function against({ measure, value, median, mad, deviations, samples }) {
  const now = el('strong', {}, amount(measure, value))
  if (median === null) return [now]
  const most = mad === null ? '' : ` (up to ${amount(measure, ordinaryEnd(median, mad))})`
  const far = deviations === null ? '' : `, ${count(Math.round(deviations * 10) / 10)} deviations above it`
  const learned =
    deviations === null ? '' : `, learned from ${count(samples)} ${measure.endsWith('InHour') ? 'such hours' : 'times 5 minutes'}`
  return [now, `; usual: ${amount(measure, median)}${most}${far}${learned}`]
}
