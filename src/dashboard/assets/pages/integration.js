/** One integration: its traffic and latency over time, its quotas, what it uses and what was decided. */

import { confirmAct } from '../lib/act.js'
import { get, getIfThere, post } from '../lib/api.js'
import { chart } from '../lib/chart.js'
import { el, fill, given } from '../lib/dom.js'
import { at, bytes, count, decisionOf, ms, percent, perSecond, subjectOf } from '../lib/format.js'
import { badge, button, card, decisionBadge, figure, meter, notice, stateBadge, table } from '../lib/parts.js'
import { historyOf, total, watchUsage } from '../lib/usage-history.js'

const dayMs = 24 * 3600 * 1000

const legend = (items) =>
  el(
    'ul.legend',
    {},
    items.map(([kind, text]) => el(`li.${kind}`, {}, el('i', { 'aria-hidden': 'true' }), text)),
  )

export function render({ main, name, mayAct }) {
  const abort = new AbortController()
  const state = el('span', {})
  const acts = el('div.buttons.start', {})
  const figures = el('div.figures', {})
  const [quotas, breakers, rules, hosts, recent] = [el('div', {}), el('div', {}), el('div', {}), el('div', {}), el('div', {})]
  const traffic = chart({
    label: 'Requests per second over the last minutes',
    series: [
      { label: 'requests', colour: 'chart-1', fill: 'area' },
      { label: 'denied or limited', colour: 'chart-3' },
      { label: 'failed', colour: 'chart-2' },
    ],
    format: (value) => perSecond(value),
  })
  const latency = chart({
    label: 'Latency since the start, as it stood over the last minutes',
    series: [
      { label: 'p50', colour: 'chart-1' },
      { label: 'p90', colour: 'chart-4' },
      { label: 'p99', colour: 'chart-3', dash: true },
    ],
    format: ms,
  })
  const volume = chart({
    label: 'Bytes per second over the last minutes',
    series: [
      { label: 'to the integration', colour: 'chart-1', fill: 'area' },
      { label: 'from it', colour: 'chart-4' },
    ],
    format: (value) => `${bytes(value)}/s`,
  })
  const levels = chart({
    label: 'Share of each quota that is used, over the last minutes',
    series: ['chart-1', 'chart-4', 'chart-3', 'chart-2'].map((colour, index) => ({
      label: ['requests', 'bytesOut', 'bytesIn', 'concurrency'][index],
      colour,
    })),
    format: percent,
    max: 1,
  })
  fill(
    main,
    el('div.title-row', {}, el('h1', {}, given(name)), state, el('span.spacer', {}), acts),
    figures,
    el(
      'div.columns.two',
      {},
      card(
        'Traffic',
        traffic.node,
        legend([
          ['c1', 'requests'],
          ['c3', 'denied or limited'],
          ['c2', 'failed'],
        ]),
      ),
      card(
        'Latency',
        latency.node,
        legend([
          ['c1', 'p50'],
          ['c4', 'p90'],
          ['c3', 'p99'],
        ]),
      ),
      card(
        'Volume',
        volume.node,
        legend([
          ['c1', 'to the integration'],
          ['c4', 'from it'],
        ]),
      ),
      card(
        'Quotas over time',
        levels.node,
        legend([
          ['c1', 'requests'],
          ['c4', 'bytes out'],
          ['c3', 'bytes in'],
          ['c2', 'concurrency'],
        ]),
      ),
    ),
    el('div.columns', {}, card('Buckets now', quotas), card('Breakers', breakers)),
    mayAct('auditor')
      ? el('div.columns', {}, card('Capabilities and rules, last 24 hours', rules), card('Destinations, last 24 hours', hosts))
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
      figure('Sent / received', `${bytes(usage.sentBytes)} / ${bytes(usage.receivedBytes)}`),
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
    const times = history.map((sample) => sample.at / 1000)
    const of = (value) => history.map(value)
    traffic.update([times, of((s) => s.requests), of((s) => s.denied), of((s) => s.failed)], now && perSecond(now.requests))
    latency.update(
      [times, of((s) => s.latency?.p50 ?? null), of((s) => s.latency?.p90 ?? null), of((s) => s.latency?.p99 ?? null)],
      `p90 ${ms(latencyMs?.p90)}`,
    )
    volume.update([times, of((s) => s.received), of((s) => s.sent)])
    const level = (bucket) => of((s) => s.levels.find((one) => one.bucket === bucket)?.used ?? null)
    levels.update([times, level('requests'), level('bytesOut'), level('bytesIn'), level('concurrency')])
  }

  function drawState(suspended) {
    fill(
      state,
      stateBadge(suspended === undefined ? 'normal' : 'suspended'),
      suspended?.reason ? [' ', el('span.quiet', {}, given(suspended.reason))] : '',
    )
    if (!mayAct('operator')) return
    const path = (word) => `/v1/integrations/${encodeURIComponent(name)}/${word}`
    fill(
      acts,
      suspended === undefined
        ? button(
            'Suspend',
            () =>
              void act({
                title: 'Suspend',
                subject: name,
                text: 'New requests are refused, and what is open is cut.',
                path: path('suspend'),
                isDangerous: true,
                word: 'Suspend',
                fields: [lasting],
                act: ({ forMs, reason }) => post(path('suspend'), { forMs, reason }),
              }),
            'danger',
          )
        : button(
            'Resume',
            () =>
              void act({ title: 'Resume', subject: name, text: 'Its requests are decided again.', path: path('resume'), word: 'Resume' }),
            'primary',
          ),
    )
  }
  const lasting = {
    name: 'forMs',
    label: 'For',
    options: [
      ['', 'until it is resumed'],
      ['900000', '15 minutes'],
      ['3600000', '1 hour'],
      ['86400000', '1 day'],
    ],
  }

  const act = async (options) => {
    if ((await confirmAct(options)) !== null) await refresh()
  }

  async function refresh() {
    try {
      const status = await get('/v1/status', abort.signal)
      drawState(status.suspended[name])
      if (mayAct('auditor')) await drawLog()
    } catch (error) {
      if (error.name !== 'AbortError') fill(recent, notice('bad', error.message))
    }
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
    fill(hosts, table('Destinations', columnsOf('Host'), rowsOf(await sums('host'))))
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
      for (const one of [traffic, latency, volume, levels]) one.stop()
    },
  }
}
