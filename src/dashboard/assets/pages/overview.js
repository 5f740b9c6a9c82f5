/** Who is here, what is unusual, and which quotas and breakers are in danger. */
import { getIfThere, silenceOf } from '../lib/api.js'
import { sparkline } from '../lib/chart.js'
import { readStates } from '../lib/contain.js'
import { el, fill, given } from '../lib/dom.js'
import { ago, bytes, count, ms, percent, perSecond } from '../lib/format.js'
import { badge, card, figure, integrationLink, meter, notice, rowOf, severityBadge, stateBadge, table } from '../lib/parts.js'
import { historyOf, tightest, total, watchUsage } from '../lib/usage-history.js'

const columns = [
  { name: 'Integration' },
  { name: 'State' },
  { name: 'Requests/s', kind: 'number' },
  { name: 'Last hour' },
  { name: 'Allowed', kind: 'number' },
  { name: 'Denied', kind: 'number' },
  { name: 'Errors', kind: 'number' },
  { name: 'p90', kind: 'number' },
  { name: 'Tightest quota' },
]
/** More are found by the filter. */
const mostRows = 100

/** The most in danger first. */
function dangerOf(usage, states) {
  const state = states[usage.integration]?.state ?? 'normal'
  const quota = tightest(usage)?.used ?? 0
  const open = usage.breakers.some((breaker) => breaker.state !== 'closed') ? 1 : 0
  const rate = historyOf(usage.integration).at(-1)?.requests ?? 0
  return (state === 'normal' ? 0 : 4) + open * 2 + (quota > 0.7 ? 1 + quota : 0) + Math.min(0.9, rate / 1000)
}

/** Requests per second of each minute of the last hour, where windows are kept; `null`: they are not, or there are too many integrations. */
async function readHour(integrations) {
  if (integrations > mostRows) return null
  const since = new Date(Date.now() - 3_600_000).toISOString()
  const answer = await getIfThere(`/v1/usage?${new URLSearchParams({ window: 'minute', since })}`)
  if (answer === null) return null
  const whole = answer.rows.filter(({ at }) => at + 60_000 <= Date.now())
  return Map.groupBy(whole, ({ integration }) => integration)
}

function integrationRow(usage, states, hour) {
  const { integration, requests, latencyMs, originErrors } = usage
  const history = historyOf(integration)
  const rate = history.at(-1)?.requests
  const minutes = hour?.get(integration)?.map((row) => row.requests / 60)
  const line = (minutes?.length ?? 0) > history.length / 12 ? minutes : history.map((sample) => sample.requests)
  const tight = tightest(usage)
  const state = states[integration]?.state ?? 'normal'
  const errors = requests.failed + originErrors
  return [
    integration === '-' ? el('span.quiet', {}, 'unidentified callers') : integrationLink(integration),
    integration === '-' ? '' : stateBadge(state),
    rate === undefined ? '–' : perSecond(rate),
    line.length < 2 ? el('span.quiet', {}, '…') : sparkline(line, `requests per second, now ${perSecond(rate ?? line.at(-1))}`),
    count(requests.allowed),
    count(requests.denied + requests.limited + requests.refused),
    errors === 0 ? '0' : el('span.bad', {}, `${count(errors)} (${percent(errors / Math.max(1, total(usage)))})`),
    ms(latencyMs?.p90),
    tight === null ? '–' : meter(tight.used, `${tight.bucket} ${percent(tight.used)}`),
  ]
}

function healthCard(status) {
  const { health, audit, rejected, warnings = [], reference, bundles = [], shadow, watch } = status
  const failing = Object.entries(health.checks).filter(([name, holds]) => (name === 'draining' ? holds : !holds))
  const sinks = audit.sinks ?? []
  const items = [
    [failing.length === 0, failing.length === 0 ? 'All checks pass' : `Not in order: ${failing.map(([name]) => name).join(', ')}`],
    [
      !audit.broken && !audit.stalled,
      audit.broken
        ? 'The audit log cannot be written'
        : audit.stalled
          ? 'The disk of the audit log is slow'
          : `${count(audit.records)} records in the audit log`,
    ],
    rejected === null ? null : [false, `Rejected: ${typeof rejected === 'string' ? rejected : JSON.stringify(rejected)}`],
    reference === null
      ? null
      : [
          reference.differences === 0,
          `${count(reference.checked)} decisions compared with OPA’s SDK, ${count(reference.differences)} differ`,
        ],
    shadow === null || shadow === undefined
      ? null
      : [(shadow.problem ?? null) === null, `Shadow policy: ${shadow.problem ?? shadow.revision ?? 'not ready'}`],
    ...warnings.map((warning) => [false, warning]),
    ...bundles.map((bundle) => [
      (bundle.problem ?? null) === null,
      `Bundle ${bundle.name}: ${bundle.problem ?? bundle.revision ?? 'active'}`,
    ]),
    ...(watch?.alerts?.failing ?? []).map(({ name, problem }) => [false, `Receiver ${name} takes no alerts: ${problem}`]),
    ...sinks.map((sink) => [
      (sink.problem ?? null) === null,
      `Sink ${sink.name}: ${sink.problem ?? `${count(sink.behind ?? sink.lag ?? 0)} records behind`}`,
    ]),
  ].filter((item) => item !== null)
  return card(
    'Health',
    el(
      'ul.plain-list',
      {},
      items.map(([isGood, text]) => el('li', {}, badge(isGood ? 'good' : 'bad', isGood ? 'ok' : 'look'), ' ', given(text))),
    ),
  )
}

function dangerList(usages) {
  const quotas = usages
    .map((usage) => ({ usage, tight: tightest(usage) }))
    .filter(({ tight }) => tight !== null && tight.used >= 0.7)
    .sort((a, b) => b.tight.used - a.tight.used)
    .slice(0, 8)
  const breakers = usages
    .flatMap(({ integration, breakers: all }) =>
      all.filter(({ state }) => state !== 'closed').map((breaker) => ({ integration, ...breaker })),
    )
    .slice(0, 8)
  if (quotas.length + breakers.length === 0) return el('p.quiet', {}, 'No quota is nearly used, and no breaker is open.')
  return el(
    'ul.plain-list',
    {},
    breakers.map(({ integration, origin, state }) =>
      el('li', {}, badge('bad', `breaker ${state}`), ' ', integrationLink(integration), ' to ', given(origin)),
    ),
    quotas.map(({ usage, tight }) =>
      el('li', {}, integrationLink(usage.integration), ' ', meter(tight.used, `${tight.bucket} ${percent(tight.used)}`)),
    ),
  )
}

/** Alerts that are open, and where there are none, that; or why nothing can be said. */
function unusualList(alerts, watch, maySee) {
  const silence = silenceOf('/v1/alerts') ?? silenceOf('/v1/watch')
  if (alerts === null && silence !== null) return notice('warn', 'Watching does not answer now: ', given(silence))
  if (watch === null)
    return el('p.quiet', {}, 'Watching is off. With "watch: {}" in sallyport.yaml, baselines are kept and alerts are raised here.')
  if (!maySee) return el('p.quiet', {}, 'Alerts are for the role auditor.')
  const open = (alerts?.alerts ?? [])
    .filter(({ state }) => state === 'open')
    .sort((a, b) => severities.indexOf(b.severity) - severities.indexOf(a.severity))
  if (open.length === 0) return el('p', {}, badge('good', 'Nothing unusual'))
  const rows = open
    .slice(0, 7)
    .map((alert) =>
      el(
        'li',
        {},
        severityBadge(alert.severity),
        ' ',
        alert.integration === null ? '' : [integrationLink(alert.integration), ': '],
        el('a', { href: `#/alerts?id=${encodeURIComponent(alert.id)}` }, given(alert.title)),
        el('span.quiet', {}, ` ${ago(alert.lastAt)}`),
      ),
    )
  return el(
    'ul.plain-list',
    {},
    rows,
    open.length > rows.length ? el('li', {}, el('a', { href: '#/alerts' }, `${count(open.length - rows.length)} more`)) : null,
  )
}

const severities = ['info', 'low', 'medium', 'high', 'critical']

export function render({ main, mayAct }) {
  const figures = el('div.figures', {})
  const [health, unusual, danger] = [el('div', {}), el('div', {}), el('div', {})]
  const filter = el('input', {
    type: 'search',
    placeholder: 'Filter by name',
    'aria-label': 'Filter integrations by name',
    oninput: () => draw(),
  })
  const integrations = table('Integrations', columns, [])
  const body = integrations.querySelector('tbody')
  const more = el('p.quiet', {})
  let [usages, status, states, alerts, watch, hour] = [[], null, {}, null, null, null]
  let hourAt = 0
  fill(
    main,
    el('h1', {}, 'Overview'),
    figures,
    el('div.columns', {}, card('Unusual', unusual), card('Quotas and breakers in danger', danger), health),
    el('section.card', {}, el('div.card-head', {}, el('h2', {}, 'Who is here'), filter), integrations, more),
  )

  function draw() {
    if (status === null) return
    const rates = usages.map(({ integration }) => historyOf(integration).at(-1)).filter((sample) => sample !== undefined)
    const sum = (key) => rates.reduce((all, sample) => all + sample[key], 0)
    const contained = Object.values(states).filter(({ state }) => state !== 'normal').length
    fill(
      figures,
      figure('Gateway', status.health.ready ? 'ready' : 'not ready', status.health.ready ? 'good' : 'bad'),
      figure('Integrations', count(status.integrations.length)),
      figure('Requests', rates.length === 0 ? '…' : perSecond(sum('requests'))),
      figure('Denied or limited', rates.length === 0 ? '…' : perSecond(sum('denied'))),
      figure('To callers', rates.length === 0 ? '…' : `${bytes(sum('received'))}/s`),
      figure('Contained', count(contained), contained > 0 ? 'bad' : ''),
      figure('Revision', el('a', { href: '#/policy', title: status.revision ?? '' }, (status.revision ?? 'none').slice(0, 12))),
    )
    fill(health, healthCard(status))
    fill(danger, dangerList(usages))
    fill(unusual, unusualList(alerts, watch, mayAct('auditor')))
    const wanted = filter.value.trim().toLowerCase()
    const found = usages.filter(({ integration }) => integration.toLowerCase().includes(wanted))
    const dangers = new Map(found.map((usage) => [usage, dangerOf(usage, states)]))
    const rows = found.sort((a, b) => dangers.get(b) - dangers.get(a)).slice(0, mostRows)
    fill(
      body,
      rows.length === 0
        ? el('tr', {}, el('td.empty', { colspan: '9' }, 'No integration.'))
        : rows.map((usage) => rowOf(columns, integrationRow(usage, states, hour))),
    )
    fill(more, found.length > mostRows ? `${count(found.length - mostRows)} more: filter by name to see them.` : '')
  }

  async function refresh() {
    try {
      const answers = await Promise.all([readStates(), mayAct('auditor') ? getIfThere('/v1/alerts') : null, getIfThere('/v1/watch')])
      ;[{ status, states }, alerts, watch] = answers
      if (Date.now() - hourAt > 60_000) {
        hourAt = Date.now()
        hour = await readHour(status.integrations.length)
      }
    } catch (error) {
      return void fill(unusual, notice('bad', error.message))
    }
    draw()
  }

  const stopUsage = watchUsage((usage) => {
    usages = [...usage]
    draw()
  })
  void refresh()
  const timer = setInterval(refresh, 5000)
  return {
    stop() {
      clearInterval(timer)
      stopUsage()
    },
  }
}
