/** One incident: its report, what is noted on it, and how it is opened and closed. */

import { confirmAct } from './act.js'
import { get, post } from './api.js'
import { el, fill, given } from './dom.js'
import { at, bytes, count, ms } from './format.js'
import { badge, button, download, integrationLink, notice, table } from './parts.js'

const fact = (name, ...value) => [el('dt', {}, name), el('dd', {}, ...value)]
const path = (id, word = '') => `/v1/incidents/${encodeURIComponent(id)}${word}`

/** Resolves with whether one was opened. */
export async function openIncident({ integration = '', alert, title = '', from = Date.now() - 3_600_000 }) {
  const opened = await confirmAct({
    title: 'Open incident',
    text: 'Its report is made from the audit log: what the integration did from this time on, alerts, containment, revisions and acts.',
    fields: [
      { name: 'integration', label: 'Integration', value: integration, required: true },
      { name: 'from', label: 'From', type: 'datetime-local', value: localTime(from), required: true },
    ],
    word: 'Open',
    act: (values) =>
      post('/v1/incidents', {
        integration: values.integration,
        from: new Date(values.from).toISOString(),
        title: values.reason.slice(0, 300) || title,
        alert,
      }),
  })
  return opened !== null
}

function localTime(value) {
  const date = new Date(value)
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

export function incidentPanel({ id, mayAct, onClose, onChanged, signal }) {
  const body = el('div', { 'aria-live': 'polite' }, el('p.quiet', {}, 'Making the report…'))
  const acts = el('div.buttons.start.spaced', {})
  const change = (title, word, text) => async () => {
    const done = await confirmAct({ title, subject: id, text, word: title, act: ({ reason }) => post(path(id, word), { text: reason }) })
    if (done === null) return
    onChanged()
    void read()
  }

  async function read() {
    try {
      const report = await get(path(id), signal)
      fill(body, reportOf(report))
      fill(
        acts,
        button('Markdown', () => void save('md', 'text/markdown')),
        button('JSON', () => download(`${id}.json`, 'application/json', JSON.stringify(report, null, 2))),
        mayAct('operator') ? button('Note', () => void change('Note', '/note', 'The reason is what is noted.')()) : null,
        mayAct('operator') && report.incident.state === 'open'
          ? button('Close incident', () => void change('Close incident', '/close', 'The reason is its conclusion.')())
          : null,
      )
    } catch (error) {
      if (error.name !== 'AbortError') fill(body, notice('bad', error.message))
    }
  }

  const save = async (format, type) => download(`${id}.${format}`, type, await get(`${path(id)}?format=${format}`, signal))

  void read()
  return el(
    'aside.card.why',
    { 'aria-label': 'One incident' },
    el('div.card-head', {}, el('h2', { tabindex: '-1' }, 'Incident ', given(id)), button('Close', onClose, 'plain')),
    body,
    acts,
  )
}

function reportOf({ incident, summary, window, times, figures, timeline, questions }) {
  const moment = (name, found) => (found === null ? null : fact(name, `${at(found.time)}: `, given(found.what)))
  const took = (name, value) => (value === null ? null : fact(name, ms(value)))
  return [
    el(
      'p',
      {},
      integrationLink(incident.integration),
      ' ',
      badge(incident.state === 'open' ? 'bad' : 'good', incident.state),
      incident.title === '' ? '' : [' ', given(incident.title)],
    ),
    summary.map((sentence) => el('p', {}, given(sentence))),
    el(
      'dl.facts',
      {},
      fact('From', at(window.from)),
      fact('To', incident.to === null ? 'it goes on' : at(window.to)),
      moment('First sign', times.firstSign),
      moment('Detected', times.detected),
      moment('Contained', times.contained),
      moment('Recovered', times.recovered),
      took('Time to detect', times.detectMs),
      took('Time to contain', times.containMs),
      took('Time to recover', times.recoverMs),
      incident.conclusion === null ? null : fact('Conclusion', given(incident.conclusion)),
    ),
    el('h3', {}, 'Destinations'),
    table(
      'Destinations',
      [
        { name: 'Destination', kind: 'wide' },
        { name: 'Requests', kind: 'number' },
        { name: 'Sent', kind: 'number' },
      ],
      figures.destinations
        .slice(0, 20)
        .map((one) => [
          [given(one.destination ?? one.name ?? one.host ?? ''), one.isNew === true ? [' ', badge('warn', 'new')] : ''],
          count(one.requests ?? 0),
          bytes(one.sentBytes ?? 0),
        ]),
    ),
    el('h3', {}, 'Timeline'),
    el(
      'ol.timeline',
      {},
      timeline
        .slice(-100)
        .map(({ time, what, who, count: times_ }) =>
          el(
            'li',
            {},
            el('time', { datetime: time }, at(time)),
            ' ',
            given(what),
            who === null ? '' : el('span.quiet', {}, ' ', given(who)),
            times_ > 1 ? el('span.quiet', {}, ` ×${count(times_)}`) : '',
          ),
        ),
    ),
    incident.notes.length === 0
      ? null
      : [
          el('h3', {}, 'Notes'),
          incident.notes.map(({ time, who, text }) => el('p', {}, el('span.quiet', {}, `${at(time)} `, given(who), ': '), given(text))),
        ],
    el('h3', {}, 'Questions for the review'),
    el(
      'ul',
      {},
      questions.map((question) => el('li', {}, given(question))),
    ),
  ]
}
