/** One integration: its traffic and latency over time, its quotas, what it uses and what was decided. */

import { get, getIfThere, silenceOf } from '../lib/api.js'
import { containmentActs, readStates } from '../lib/contain.js'
import { el, fill, given } from '../lib/dom.js'
import { at, bytes, count, decisionOf, ms, percent, perSecond, subjectOf } from '../lib/format.js'
import { badge, card, decisionBadge, figure, meter, notice, stateBadge, table } from '../lib/parts.js'
import { trafficCharts, usualCharts } from '../lib/traffic.js'
import { historyOf, total, watchUsage } from '../lib/usage-history.js'

const dayMs = 24 * 3600 * 1000
/** How far back a capability was used, or was not. */
const usedDays = 30

export function render({ main, name, mayAct }) {
  const abort = new AbortController()
  const state = el('span', {})
  const acts = el('div.buttons.start', {})
  const figures = el('div.figures', {})
  const [quotas, breakers, capabilities, rules, hosts, recent] = Array.from({ length: 6 }, () => el('div', {}))
  const baselines = el('div.stack', {})
  let bands = []
  const owner = el('p.quiet.owner', {})
  const charts = trafficCharts(name, abort.signal)
  fill(
    main,
    el('div.title-row', {}, el('h1', {}, given(name)), state, el('span.spacer', {}), acts),
    owner,
    figures,
    charts.node,
    baselines,
    el('div.columns', {}, card('Buckets now', quotas), card('Breakers', breakers)),
    mayAct('auditor') ? card('Capabilities', capabilities) : null,
    mayAct('auditor')
      ? el('div.columns', {}, card('Rules that decided, last 24 hours', rules), card('Destinations, last 24 hours', hosts))
      : null,
    mayAct('auditor')
      ? el(
          'section.card',
          {},
          el(
            'div.card-head',
            {},
            el('h2', {}, 'Recent decisions'),
            el('a', { href: `#/live?${new URLSearchParams({ filter: `integration:${name}` })}` }, 'Follow live'),
          ),
          recent,
        )
      : null,
  )

  function drawUsage(usages) {
    const usage = usages.find(({ integration }) => integration === name)
    if (usage === undefined) return void fill(figures, figure('Integration', 'unknown', 'bad'))
    const history = historyOf(name)
    const now = history.at(-1)
    const { requests, originErrors, latencyMs } = usage
    fill(
      figures,
      figure('Requests', now === undefined ? '…' : perSecond(now.requests)),
      figure('Allowed', count(requests.allowed)),
      figure('Denied', count(requests.denied)),
      figure('Limited', count(requests.limited), requests.limited > 0 ? 'bad' : ''),
      figure('Errors', percent((requests.failed + originErrors) / Math.max(1, total(usage)))),
      figure('p90', ms(latencyMs?.p90)),
      figure('Out', bytes(usage.sentBytes)),
      figure('In', bytes(usage.receivedBytes)),
    )
    fill(
      quotas,
      el(
        'ul.plain-list',
        {},
        usage.buckets.map(({ bucket, level, capacity, refillPerSecond, limited }) => {
          const used = capacity > 0 ? 1 - level / capacity : 0
          const amount = /^bytes/.test(bucket) ? bytes : count
          return el(
            'li',
            {},
            meter(
              used,
              `${bucket}: ${amount(Math.max(0, level))} of ${amount(capacity)} left${refillPerSecond > 0 ? `, ${amount(refillPerSecond)} a second` : ''}`,
            ),
            limited > 0 ? [' ', badge('warn', `${count(limited)} limited`)] : '',
          )
        }),
      ),
    )
    fill(
      breakers,
      usage.breakers.length === 0
        ? el('p.quiet', {}, 'No destination was asked yet.')
        : el(
            'ul.plain-list',
            {},
            usage.breakers.map(({ origin, state: its }) => el('li', {}, badge(its === 'closed' ? 'good' : 'bad', its), ' ', given(origin))),
          ),
    )
    charts.live()
  }

  function drawState({ states, canContain }) {
    const held = states[name]
    fill(
      state,
      stateBadge(held?.state ?? 'normal'),
      held?.until ? el('span.quiet', {}, ` until ${at(held.until)}`) : '',
      held?.reason ? [' ', el('span.quiet', {}, given(held.reason))] : '',
      held?.pending ? [' ', badge('warn', 'waits for a second operator')] : '',
    )
    if (mayAct('operator')) fill(acts, containmentActs({ name, held, canContain, refresh: () => void refresh() }))
  }

  async function refresh() {
    try {
      drawState(await readStates(abort.signal))
      await Promise.all([charts.refresh(), drawUsual()])
      if (mayAct('auditor')) await drawLog()
    } catch (error) {
      if (error.name !== 'AbortError') fill(recent, notice('bad', error.message))
    }
  }

  /** What is usual, once a while: it changes by the hour. */
  async function drawUsual() {
    const since = new Date(Date.now() - 7 * dayMs).toISOString()
    const path = `/v1/watch/${encodeURIComponent(name)}`
    const [watched, hours] = await Promise.all([
      getIfThere(path, abort.signal),
      getIfThere(`/v1/usage?${new URLSearchParams({ window: 'hour', integration: name, since })}`, abort.signal),
    ]).catch(() => [null, null])
    if (watched === null) {
      const silence = silenceOf(path)
      const text =
        silence === null ? 'Nothing is watched: “watch: {}” in sallyport.yaml keeps baselines.' : 'Watching does not answer now: '
      return void fill(baselines, notice(silence === null ? 'info' : 'warn', text, given(silence ?? '')))
    }
    const { usual } = watched
    for (const one of bands) one.stop()
    const learned = usual?.hours ?? 0
    bands = usual && hours && learned > 0 ? usualCharts(hours.rows, usual) : []
    fill(
      baselines,
      learned < 24
        ? notice(
            'info',
            learned === 0
              ? 'Nothing is usual yet: baselines are learned with each hour that is over.'
              : `Baselines are being learned: ${count(learned)} hours so far. An hour of the week is known by itself after three weeks.`,
          )
        : null,
      el(
        'div.columns.two',
        {},
        bands.map((one) => one.card),
      ),
      el(
        'section.card',
        {},
        el('h2', {}, 'Destinations against what is usual, these 5 minutes'),
        usualTable(usual?.destinations ?? [], watched.destinations ?? []),
      ),
    )
  }

  function usualTable(destinations, known) {
    const first = new Map(known.map(({ destination, firstAt }) => [destination, firstAt]))
    const columns = [
      { name: 'Destination', kind: 'wide' },
      { name: 'First used' },
      { name: 'Hours learned', kind: 'number' },
      { name: 'Requests', kind: 'number' },
      { name: 'Out', kind: 'number' },
      { name: 'In', kind: 'number' },
      { name: 'Denied', kind: 'number' },
    ]
    const cell = ({ measure, value, median, limit }) => {
      const amount = /Bytes$/.test(measure) ? bytes : count
      const now = amount(Math.round(value))
      return [
        limit !== null && value > limit ? el('span.bad', {}, '▲ ', now) : now,
        el(
          'div.quiet',
          { title: limit === null ? 'too little is known to say what is unusual' : `unusual from ${amount(Math.round(limit))}` },
          `usual ${amount(Math.round(median))}`,
        ),
      ]
    }
    const rows = destinations
      .slice(0, 50)
      .map(({ destination, hours: learned, windows }) => [
        given(destination),
        first.has(destination) ? at(first.get(destination)) : '–',
        count(learned),
        ...windows.map(cell),
      ])
    return table('Destinations against what is usual', columns, rows, 'No destination was used since the gateway began to watch.')
  }

  async function drawLog() {
    const since = new Date(Date.now() - dayMs).toISOString()
    const sums = (by) => getIfThere(`/v1/audit/sums?${new URLSearchParams({ by, integration: name, since })}`, abort.signal)
    const page = await get(`/v1/audit/records?${new URLSearchParams({ integration: name, limit: '15' })}`, abort.signal)
    fill(
      recent,
      table(
        `Recent decisions about ${name}`,
        [
          { name: 'Time' },
          { name: 'Decision' },
          { name: 'Request', kind: 'wide' },
          { name: 'Rule' },
          { name: 'Status', kind: 'number' },
          { name: 'Took', kind: 'number' },
        ],
        page.entries.map(recentRow),
      ),
    )
    const columnsOf = (first) => [
      { name: first, kind: 'wide' },
      { name: 'Allowed', kind: 'number' },
      { name: 'Denied', kind: 'number' },
      { name: 'Refused', kind: 'number' },
    ]
    const rowsOf = (answer) =>
      (answer?.sums ?? [])
        .filter(({ value }) => value !== null)
        .slice(0, 12)
        .map(({ value, allowed, denied, refused }) => [el('code', {}, given(value)), count(allowed), count(denied), count(refused)])
    fill(rules, table('Rules and capabilities that decided', columnsOf('Rule'), rowsOf(await sums('rule'))))
    fill(capabilities, await capabilityTable())
    fill(hosts, table('Destinations', columnsOf('Host'), rowsOf(await sums('host'))))
  }

  /** Each capability of the manifest, and whether a request was allowed by it. */
  async function capabilityTable() {
    const since = new Date(Date.now() - usedDays * dayMs).toISOString()
    const [manifest, used] = await Promise.all([
      getIfThere(`/v1/integrations/${encodeURIComponent(name)}`, abort.signal),
      get(`/v1/audit/sums?${new URLSearchParams({ by: 'rule', integration: name, since })}`, abort.signal),
    ])
    if (manifest === null) return el('p.quiet', {}, 'There is no manifest of it any more.')
    fill(owner, 'owner ', given(manifest.owner), ', manifest ', el('code', {}, given(manifest.manifest)))
    const requests = new Map(used.sums.map(({ value, allowed, refused }) => [value, allowed + refused]))
    const rows = manifest.capabilities.map((capability) => {
      const times = requests.get(`default/${capability.id}`) ?? 0
      return [
        el('code', {}, given(capability.id)),
        given(describe(capability), 'span'),
        times === 0 ? badge('warn', 'never used') : count(times),
      ]
    })
    return table(
      'Capabilities of the manifest',
      [{ name: 'Capability' }, { name: 'Allows', kind: 'wide' }, { name: `Used, ${usedDays} days`, kind: 'number' }],
      rows,
      'It has no capability.',
    )
  }

  function recentRow(entry) {
    const decision = decisionOf(entry)
    return [
      el('a', { href: `#/audit?${new URLSearchParams({ id: entry.id ?? '' })}` }, at(entry.time)),
      decision === null ? el('code', {}, given(entry.type)) : decisionBadge(decision),
      given(decision === null ? (entry.detail ?? '') : subjectOf(entry), 'span'),
      entry.rule === null ? '' : el('code', {}, given(entry.rule)),
      entry.status === null ? '' : String(entry.status),
      entry.durationMs === null ? '' : ms(entry.durationMs),
    ]
  }

  const stopUsage = watchUsage(drawUsage)
  void refresh()
  const timer = setInterval(refresh, 15_000)
  return {
    stop() {
      abort.abort()
      clearInterval(timer)
      stopUsage()
      charts.stop()
      for (const one of bands) one.stop()
    },
  }
}

/** A capability on one line. */
function describe({ hosts, ports, methods, paths, name, actions, websocket }) {
  const what = hosts === undefined ? name : `${hosts.join(', ')} port ${ports.join(', ')}`
  const how = [methods ?? actions ?? ['every method'], paths ?? ['every path'], websocket === true ? ['WebSockets'] : []]
    .map((list) => list.join(', '))
    .filter((text) => text !== '')
  return `${what}: ${how.join('; ')}`
}
