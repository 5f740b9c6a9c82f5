/** An incident as a terminal shows it. */
import { formatSpan, type Incident, type IncidentReport } from '../../incidents/index.ts'
import { formatBytes } from '../../usage/index.ts'
import { asTable } from '../audit/index.ts'

export function listText(incidents: readonly Incident[]): string {
  if (incidents.length === 0) return 'the log has no incident; "sallyport incident open NAME" begins one\n'
  const rows = incidents.map(({ id, state, integration, from, to, openedBy, title }) => [
    id,
    state,
    integration,
    from,
    to ?? '-',
    openedBy,
    title,
  ])
  return asTable([['id', 'state', 'integration', 'from', 'to', 'by', 'title'], ...rows])
}

export function reportText({ incident, summary, times, figures, timeline, questions, proof, window }: IncidentReport): string {
  const moments = (['firstSign', 'detected', 'contained', 'recovered'] as const).map((name) => {
    const moment = times[name]
    return [momentNames[name], moment?.time ?? '-', afterOf(times, name), moment === null ? '' : moment.what]
  })
  const destinations = figures.destinations
    .slice(0, shownDestinations)
    .map(({ destination, requests, denied, sentBytes, receivedBytes, isNew }) => [
      ...[
        destination,
        `${requests} requests`,
        `${denied} denied`,
        `${formatBytes(sentBytes)} sent`,
        `${formatBytes(receivedBytes)} received`,
      ],
      isNew === true ? 'new' : '',
    ])
  const rows = timeline.map(({ time, until, count, record, who, what }) => [
    ...[time, until ?? '', count === 1 ? '' : `${count} ×`, String(record), who ?? '', what],
  ])
  const notes = incident.notes.map(({ time, who, text }) => [time, who, text])
  return [
    asTable([
      ['incident', incident.id],
      ['integration', incident.integration],
      ...(incident.title === '' ? [] : [['title', incident.title]]),
      ['state', incident.state],
      ['window', `${window.from} – ${window.to}`],
    ]),
    section('summary', summary.map((sentence) => `${sentence}\n`).join('')),
    section('times', asTable(moments)),
    section('destinations', asTable(destinations)),
    section('timeline', asTable(rows)),
    section('notes', asTable(notes)),
    section('questions', questions.map((question) => `${question}\n`).join('')),
    section('proof', `${proof.records.length} records are proved${proof.problem === null ? '' : `; ${proof.problem}`}\n`),
  ].join('')
}

const shownDestinations = 20

const momentNames = { firstSign: 'first sign', detected: 'detected', contained: 'contained', recovered: 'recovered' } as const

function afterOf({ detectMs, containMs, recoverMs }: IncidentReport['times'], name: keyof typeof momentNames): string {
  const ms = { firstSign: null, detected: detectMs, contained: containMs, recovered: recoverMs }[name]
  return ms === null ? '' : `after ${formatSpan(ms)}`
}

function section(title: string, lines: string): string {
  return lines === '' ? '' : `\n${title}\n${lines.replaceAll(/^(?=.)/gm, '  ')}`
}
