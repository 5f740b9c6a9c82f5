/** Alerts and incidents: acknowledge, contain, report. What of it is off is said. */

import { confirmAct } from '../lib/act.js'
import { getIfThere, post, silenceOf } from '../lib/api.js'
import { containmentActs, readStates } from '../lib/contain.js'
import { el, fill, given } from '../lib/dom.js'
import { ago, at, count, ms } from '../lib/format.js'
import { incidentPanel, openIncident } from '../lib/incident.js'
import { measuresList } from '../lib/measures.js'
import { badge, button, integrationLink, notice, severityBadge, stateBadge, table } from '../lib/parts.js'

const severities = ['critical', 'high', 'medium', 'low', 'info']
const alertColumns = [
  { name: 'Severity' },
  { name: 'What', kind: 'wide' },
  { name: 'Integration' },
  { name: 'Destination' },
  { name: 'State' },
  { name: 'Times', kind: 'number' },
  { name: 'Last' },
  { name: '' },
]
const incidentColumns = [
  { name: 'Id' },
  { name: 'Title', kind: 'wide' },
  { name: 'Integration' },
  { name: 'State' },
  { name: 'Opened' },
  { name: 'By' },
  { name: '' },
]
const alertStates = { open: 'bad', acknowledged: 'info', resolved: 'good' }

export function render({ main, query, mayAct }) {
  const abort = new AbortController()
  const [alertBox, incidentBox, panel] = [el('div', {}), el('div', {}), el('div.panel', {})]
  const acts = el('div.buttons.start', {})
  const shown = el(
    'select',
    { 'aria-label': 'Which alerts', onchange: () => void refresh() },
    [
      ['current', 'Open and acknowledged'],
      ['open', 'Open'],
      ['all', 'All'],
    ].map(([value, text]) => el('option', { value }, text)),
  )
  let receivers = []
  const tester = button('Test a receiver', () => void test())
  tester.hidden = true
  let wantedId = query.get('id')
  let isOpen = false
  fill(
    main,
    el('div.title-row', {}, el('h1', {}, 'Alerts and incidents'), el('span.spacer', {}), acts),
    el(
      'div.split',
      {},
      el(
        'div.stack',
        {},
        el('section.card', {}, el('div.card-head', {}, el('h2', {}, 'Alerts'), shown), alertBox),
        el('section.card', {}, el('h2', {}, 'Incidents'), incidentBox),
      ),
      panel,
    ),
  )
  if (mayAct('operator'))
    fill(
      acts,
      tester,
      button('Open incident', () => void openIncident({}).then((opened) => opened && refresh()), 'primary'),
    )

  const close = () => {
    fill(panel)
    isOpen = false
  }
  const test = async () => {
    await confirmAct({
      title: 'Test a receiver',
      text: 'It is sent a test alert.',
      fields: [{ name: 'receiver', label: 'Receiver', options: receivers.map((name) => [name, name]) }],
      word: 'Send',
      said: ({ durationMs, status }) => `Taken in ${ms(durationMs)}, with ${status}`,
      act: (values) => post('/v1/alerts/test', values),
    })
  }

  async function refresh() {
    try {
      const [alerts, incidents] = await Promise.all([getIfThere('/v1/alerts', abort.signal), getIfThere('/v1/incidents', abort.signal)])
      drawAlerts(alerts)
      drawIncidents(incidents)
    } catch (error) {
      if (error.name !== 'AbortError') fill(alertBox, notice('bad', error.message))
    }
  }

  function drawAlerts(answer) {
    if (answer === null)
      return void fill(
        alertBox,
        silenceOf('/v1/alerts') === null
          ? el('p', {}, 'Nothing is watched: with “watch: {}” in sallyport.yaml baselines are kept, and alerts raised here.')
          : notice('warn', 'Watching does not answer now: ', given(silenceOf('/v1/alerts'))),
      )
    const all = answer.alerts
    receivers = answer.receivers.map(({ name }) => name)
    tester.hidden = receivers.length === 0
    const wanted = all.filter(
      ({ state }) => shown.value === 'all' || state === 'open' || (shown.value === 'current' && state === 'acknowledged'),
    )
    wanted.sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity) || Date.parse(b.lastAt) - Date.parse(a.lastAt))
    const rows = wanted
      .slice(0, 200)
      .map((alert) => [
        severityBadge(alert.severity),
        [given(alert.title), el('div.quiet', {}, el('code', {}, given(alert.rule)))],
        alert.integration === null ? el('span.quiet', {}, 'the gateway') : integrationLink(alert.integration),
        given(alert.destination ?? '–'),
        badge(alertStates[alert.state], alert.state),
        count(alert.count),
        el('time', { datetime: new Date(alert.lastAt).toISOString() }, ago(alert.lastAt)),
        button('Open', () => void show(alert), 'small'),
      ])
    fill(alertBox, table('Alerts, the most severe first', alertColumns, rows, 'No alert.'))
    const linked = all.find(({ id }) => id === wantedId)
    wantedId = null
    if (linked !== undefined) void show(linked)
  }

  async function show(alert) {
    isOpen = true
    const { states, canContain } = await readStates(abort.signal)
    const held = states[alert.integration]
    const update = () => {
      close()
      void refresh()
    }
    fill(
      panel,
      el(
        'aside.card.why',
        { 'aria-label': 'One alert' },
        el('div.card-head', {}, el('h2', { tabindex: '-1' }, given(alert.title)), button('Close', close, 'plain')),
        el('p', {}, severityBadge(alert.severity), ' ', badge(alertStates[alert.state], alert.state)),
        el('p', {}, given(alert.detail)),
        el(
          'dl.facts',
          {},
          fact('Rule', el('code', {}, given(alert.rule))),
          alert.integration === null
            ? null
            : fact('Integration', integrationLink(alert.integration), ' ', stateBadge(held?.state ?? 'normal')),
          alert.owner === null ? null : fact('Owner', given(alert.owner)),
          alert.destination === null ? null : fact('Destination', given(alert.destination)),
          fact('First', at(alert.firstAt)),
          fact('Last', `${at(alert.lastAt)}, ${alert.count === 1 ? 'once' : `${count(alert.count)} times`}`),
          alert.acknowledgedBy === null ? null : fact('Acknowledged', given(`${alert.acknowledgedBy}: ${alert.reason ?? ''}`)),
          alert.playbook ? fact('Playbook', el('code', {}, given(`docs/watch/playbooks.md#${alert.playbook}`))) : null,
        ),
        alert.measures.length === 0 ? null : [el('h3', {}, 'Why it is unusual'), measuresList(alert.measures)],
        alert.ids.length === 0
          ? null
          : [
              el('h3', {}, 'Requests that show it'),
              el(
                'ul.plain-list',
                {},
                alert.ids.map((id) => el('li', {}, el('a', { href: `#/audit?${new URLSearchParams({ id })}` }, el('code', {}, given(id))))),
              ),
            ],
        mayAct('operator')
          ? el(
              'div.buttons.start.spaced',
              {},
              alert.state === 'open' ? button('Acknowledge', () => void acknowledge(alert, update), 'primary') : null,
              alert.integration === null ? null : containmentActs({ name: alert.integration, held, canContain, refresh: update }),
              alert.integration === null
                ? null
                : button(
                    'Open incident',
                    () =>
                      void openIncident({
                        integration: alert.integration,
                        alert: alert.id,
                        title: alert.title,
                        from: Date.parse(alert.firstAt) - 600_000,
                      }).then((opened) => opened && update()),
                  ),
            )
          : null,
      ),
    )
    panel.querySelector('h2')?.focus()
  }

  async function acknowledge({ id, title }, update) {
    const done = await confirmAct({
      title: 'Acknowledge',
      subject: title,
      text: 'Receivers are not told of it again until it comes back.',
      path: `/v1/alerts/${encodeURIComponent(id)}/acknowledge`,
      word: 'Acknowledge',
    })
    if (done !== null) update()
  }

  function drawIncidents(answer) {
    if (answer === null) return void fill(incidentBox, el('p.quiet', {}, 'Incidents are not kept by this gateway.'))
    const rows = [...(answer.incidents ?? [])]
      .reverse()
      .map((incident) => [
        el('code', {}, given(incident.id)),
        given(incident.title === '' ? '–' : incident.title),
        integrationLink(incident.integration),
        badge(incident.state === 'open' ? 'bad' : 'good', incident.state),
        el('time', { datetime: incident.openedAt }, at(incident.openedAt)),
        given(incident.openedBy),
        button('Report', () => void report(incident.id), 'small'),
      ])
    fill(incidentBox, table('Incidents, the newest first', incidentColumns, rows, 'No incident was opened.'))
  }

  async function report(id) {
    isOpen = true
    fill(panel, incidentPanel({ id, mayAct, onClose: close, onChanged: () => void refresh(), signal: abort.signal }))
    panel.querySelector('h2')?.focus()
  }

  void refresh()
  const timer = setInterval(() => isOpen || document.querySelector('dialog') !== null || void refresh(), 5000)
  return {
    stop() {
      clearInterval(timer)
      abort.abort()
    },
  }
}

const fact = (name, ...value) => [el('dt', {}, name), el('dd', {}, ...value)]
