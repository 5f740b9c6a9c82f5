/** The charts of one integration: the last minutes as they pass, or hours, days and months from the store of watching. */
import { getIfThere } from './api.js'
import { chart } from './chart.js'
import { el, fill } from './dom.js'
import { bytes, count, ms, percent, perSecond } from './format.js'
import { card } from './parts.js'
import { historyOf } from './usage-history.js'

/** `seconds`: of one window; of a month nearly. */
const ranges = {
  live: { text: 'Live', window: null },
  minute: { text: 'Hours', window: 'minute', seconds: 60, backMs: 6 * 3_600_000 },
  hour: { text: 'Days', window: 'hour', seconds: 3600, backMs: 7 * 86_400_000 },
  day: { text: 'Months', window: 'day', seconds: 86_400, backMs: 90 * 86_400_000 },
}

const inks = ['chart-1', 'chart-4', 'chart-3', 'chart-2']
const classes = { 'chart-1': 'c1', 'chart-2': 'c2', 'chart-3': 'c3', 'chart-4': 'c4' }

/** A chart in a card, with what its lines are. */
function charted(title, label, series, format, more = {}) {
  const made = chart({ label, series, format, ...more })
  const legend = el(
    'ul.legend',
    {},
    series.map(({ colour, label: name }) => el(`li.${classes[colour]}`, {}, el('i', { 'aria-hidden': 'true' }), name)),
  )
  return { ...made, card: card(title, made.node, legend) }
}

const traffic = [
  { label: 'requests', colour: 'chart-1', fill: 'area' },
  { label: 'denied or limited', colour: 'chart-3' },
  { label: 'failed', colour: 'chart-2' },
]
const volume = [
  { label: 'to the integration', colour: 'chart-1', fill: 'area' },
  { label: 'from it', colour: 'chart-4' },
]
/** Of what is shown as it passes. */
const lately = { lastSeconds: 600 }
const buckets = ['requests', 'bytesOut', 'bytesIn', 'concurrency']

function liveCharts() {
  const made = {
    traffic: charted('Traffic', 'Requests per second over the last minutes', traffic, perSecond, lately),
    latency: charted(
      'Latency',
      'Latency since the start, as it stood over the last minutes',
      [
        { label: 'p50', colour: 'chart-1' },
        { label: 'p90', colour: 'chart-4' },
        { label: 'p99', colour: 'chart-3', dash: true },
      ],
      ms,
      lately,
    ),
    volume: charted('Volume', 'Bytes per second over the last minutes', volume, (value) => `${bytes(value)}/s`, lately),
    levels: charted(
      'Quotas',
      'Share of each quota that is used, over the last minutes',
      buckets.map((label, index) => ({ label, colour: inks[index] })),
      percent,
      { ...lately, max: 1 },
    ),
  }
  return {
    made,
    draw(samples) {
      const now = samples.at(-1)
      const of = (value) => samples.map(value)
      const times = of(({ at }) => at / 1000)
      made.traffic.update([times, of((s) => s.requests), of((s) => s.denied), of((s) => s.failed)], now && `now ${perSecond(now.requests)}`)
      const quantile = (name) => of((s) => s.latency?.[name] ?? null)
      made.latency.update([times, quantile('p50'), quantile('p90'), quantile('p99')], now && `p90 ${ms(now.latency?.p90)}`)
      made.volume.update([times, of((s) => s.received), of((s) => s.sent)], now && `now ${bytes(now.received)} a second`)
      made.levels.update([times, ...buckets.map((bucket) => of((s) => s.levels.find((one) => one.bucket === bucket)?.used ?? null))])
    },
  }
}

function windowCharts({ window, seconds }) {
  const made = {
    traffic: charted('Traffic', `Requests per second, by ${window}`, traffic, perSecond),
    latency: charted(
      'Latency',
      `Latency, by ${window}`,
      [
        { label: 'mean', colour: 'chart-1' },
        { label: 'longest', colour: 'chart-3', dash: true },
      ],
      ms,
    ),
    volume: charted('Volume', `Bytes per second, by ${window}`, volume, (value) => `${bytes(value)}/s`),
    errors: charted(
      'Denied and failed',
      `Share of the requests that were denied or failed, by ${window}`,
      [
        { label: 'denied or limited', colour: 'chart-3' },
        { label: 'failed', colour: 'chart-2' },
      ],
      percent,
    ),
    levels: charted(
      'Quotas',
      `The most that was used of each quota, by ${window}`,
      buckets.map((label, index) => ({ label, colour: inks[index] })),
      percent,
      { max: 1 },
    ),
  }
  return {
    made,
    draw(rows) {
      const of = (value) => rows.map(value)
      const times = of(({ at }) => at / 1000)
      const share = (value) => of((row) => (row.requests === 0 ? null : value(row) / row.requests))
      const rate = (value) => of((row) => value(row) / seconds)
      const sum = rows.reduce((all, row) => all + row.requests, 0)
      made.traffic.update(
        [times, rate((r) => r.requests), rate((r) => r.denied + r.limited), rate((r) => r.failed + r.originErrors)],
        `${sum} requests`,
      )
      made.latency.update([times, of((r) => (r.ended === 0 ? null : r.totalMs / r.ended)), of((r) => r.maxMs || null)])
      made.volume.update([times, rate((r) => r.receivedBytes), rate((r) => r.sentBytes)])
      made.levels.update([times, ...buckets.map((bucket) => of((r) => (r.lowest === null ? null : 1 - r.lowest[bucket])))])
      made.errors.update([times, share((r) => r.denied + r.limited), share((r) => r.failed + r.originErrors)])
    },
  }
}

const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** The hour of the week of a time, as baselines count them: 0 is Monday, 00:00 to 01:00 in the time zone. */
function hoursOfWeek(timeZone) {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'short', hour: '2-digit', hourCycle: 'h23' })
  return (ms) => {
    const part = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]))
    return 24 * days.indexOf(part.weekday) + Number(part.hour)
  }
}

const compared = [
  { measure: 'requests', title: 'Requests against what is usual', unit: 'Requests per hour', format: count, of: (row) => row.requests },
  {
    measure: 'sentBytes',
    title: 'Bytes out against what is usual',
    unit: 'Bytes sent per hour',
    format: bytes,
    of: (row) => row.sentBytes,
  },
]

/** The last days by hour, the band of what is usual, and the hours outside of it. */
export function usualCharts(rows, usual) {
  const whole = rows.filter(({ at }) => at + 3_600_000 <= Date.now())
  const times = whole.map(({ at }) => at / 1000)
  const hourOfWeek = hoursOfWeek(usual.timeZone)
  return compared.map(({ measure, title, unit, format, of }) => {
    const made = chart({
      label: `${unit} over the last days, with the band of what is usual for each hour of the week`,
      series: [
        { label: 'lowest usual', colour: null },
        { label: 'highest usual', colour: null },
        { label: 'usual', colour: 'chart-4', dash: true },
        { label: 'passed', colour: 'chart-1' },
        { label: 'unusual', colour: 'chart-2', points: true },
      ],
      bands: [{ upper: 2, lower: 1, colour: 'band' }],
      format,
    })
    const hours = whole.map(({ at }) => usual.week[measure][hourOfWeek(at)])
    const isOutside = (row, hour) => hour !== null && (of(row) > hour.high || of(row) < hour.low)
    const outside = whole.map((row, index) => (isOutside(row, hours[index]) ? of(row) : null))
    const value = (name) => hours.map((hour) => hour?.[name] ?? null)
    made.update(
      [times, value('low'), value('high'), value('median'), whole.map(of), outside],
      `${outside.filter((one) => one !== null).length} of ${whole.length} hours are outside`,
    )
    const legend = [
      ['c1', 'passed'],
      ['c4', 'usual'],
      ['band', 'its band'],
      ['c2', 'outside'],
    ]
    const list = el(
      'ul.legend',
      {},
      legend.map(([kind, text]) => el(`li.${kind}`, {}, el('i', { 'aria-hidden': 'true' }), text)),
    )
    return { ...made, card: card(title, made.node, list) }
  })
}

/** `node` has a choice of the range, and the charts; call `live` when there is another sample. */
export function trafficCharts(name, signal) {
  const box = el('div.columns.two', {})
  const said = el('p.quiet', { role: 'status' })
  let shown = null
  let range = 'live'
  let isChosen = false
  const buttons = Object.entries(ranges).map(([key, { text }]) =>
    el('button', { type: 'button', 'aria-pressed': String(key === range), 'data-range': key, onclick: () => void choose(key) }, text),
  )

  async function choose(wanted) {
    isChosen = true
    await show(wanted)
  }

  /** Where the gateway keeps windows, the last hours say more than a page that has just been opened. */
  async function begin() {
    await show('live')
    const since = new Date(Date.now() - 3_600_000).toISOString()
    const kept = await getIfThere(`/v1/usage?${new URLSearchParams({ window: 'minute', integration: name, since })}`, signal).catch(
      () => null,
    )
    if (!isChosen && (kept?.rows.length ?? 0) > 2) await show('minute')
  }

  async function show(wanted) {
    range = wanted
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.range === range))
    stop()
    shown = range === 'live' ? liveCharts() : windowCharts(ranges[range])
    fill(
      box,
      Object.values(shown.made).map((one) => one.card),
    )
    fill(said)
    if (range === 'live') live()
    else await draw()
  }

  async function draw() {
    const { window, backMs } = ranges[range]
    const since = new Date(Date.now() - backMs).toISOString()
    const answer = await getIfThere(`/v1/usage?${new URLSearchParams({ window, integration: name, since })}`, signal).catch((error) => {
      if (error.name !== 'AbortError') fill(said, error.message)
      return undefined
    })
    if (answer === null) fill(said, 'Windows are kept where the gateway watches: “watch: {}” in sallyport.yaml.')
    // What is being counted now is not whole yet, and would look like a fall.
    else if (answer !== undefined && ranges[range].window === window)
      shown.draw(answer.rows.filter(({ at }) => at + ranges[range].seconds * 1000 <= Date.now()))
  }

  function live() {
    if (range === 'live') shown.draw(historyOf(name))
  }

  function stop() {
    for (const one of Object.values(shown?.made ?? {})) one.stop()
  }

  void begin()
  return {
    node: el('div.stack', {}, el('div.title-row', {}, el('div.choice', { role: 'group', 'aria-label': 'Time' }, buttons), said), box),
    live,
    refresh: () => (range === 'live' ? undefined : draw()),
    stop,
  }
}
