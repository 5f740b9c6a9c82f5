/** The report as Markdown. What came from outside stands in code spans alone: it can be no HTML, no link, no heading and no row. */
import { visibleText } from '../text/index.ts'
import { formatBytes } from '../usage/index.ts'
import { formatSpan } from './format.ts'
import type { IncidentReport, Revision, SeenDestination } from './report-form.ts'
import type { Moment } from './times.ts'

/** Longer ones are cut: the JSON has them whole. */
const maxCharacters = 300

/** `proofsFolder`: where the proofs are, beside the report; `null`: they are not there. */
export function markdownOf(report: IncidentReport, proofsFolder: string | null = null): string {
  return [
    ...headOf(report),
    ...section('Summary', list(report.summary)),
    ...section('Times', timesOf(report)),
    ...section('Figures', figuresOf(report)),
    ...section('Destinations', destinationsOf(report.figures.destinations)),
    ...section('Timeline', timelineOf(report)),
    ...section('Policy', revisionsOf(report)),
    ...section(
      'Notes',
      list(report.incident.notes.map(({ time, who, text, record }) => `${time} ${code(who)}: ${code(text)} (record ${record})`)),
    ),
    ...section('What is proved', proofOf(report, proofsFolder)),
    ...section(
      'Questions for the review',
      report.questions.map((question) => `- [ ] ${question}`),
    ),
    '',
  ].join('\n')
}

/** Text of others: visible, on one line, and taken by no reader of Markdown for anything but text. Also in a cell of a table. */
export function code(text: string): string {
  const visible = visibleText(text)
  const cut = visible.length > maxCharacters ? `${visible.slice(0, maxCharacters)}…` : visible
  const longest = Math.max(0, ...[...cut.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  const pad = /^[`\s]|[`\s]$/.test(cut) || cut === '' ? ' ' : ''
  return `${fence}${pad}${cut.replaceAll('|', '\\|')}${pad}${fence}`
}

function headOf({ incident, window }: IncidentReport): readonly string[] {
  const { id, title, integration, state, openedAt, openedBy, closedAt, closedBy, conclusion, alert, records } = incident
  return [
    `# Incident ${code(id)}: ${code(title === '' ? integration : title)}`,
    '',
    '| | |',
    '| --- | --- |',
    row('Integration', code(integration)),
    row('State', state),
    row('From', window.from),
    row('To', `${window.to}${incident.to === null ? ' (it goes on)' : ''}`),
    ...(records.length === 0 ? [] : [row('Opened', `${openedAt} by ${code(openedBy)}`)]),
    ...(alert === null ? [] : [row('For alert', code(alert))]),
    ...(closedAt === null ? [] : [row('Closed', `${closedAt} by ${code(closedBy ?? '')}: ${code(conclusion ?? '')}`)]),
  ]
}

function timesOf({ times }: IncidentReport): readonly string[] {
  const { firstSign, detected, contained, recovered, detectMs, containMs, recoverMs } = times
  return table(
    ['', 'When', 'After', 'Record', 'Told by'],
    [
      momentRow('First sign', firstSign, null),
      momentRow('Detected', detected, detectMs),
      momentRow('Contained', contained, containMs),
      momentRow('Recovered', recovered, recoverMs),
    ],
  )
}

function momentRow(name: string, moment: Moment | null, afterMs: number | null): readonly string[] {
  if (moment === null) return [name, 'not in the log', '', '', '']
  return [name, moment.time, afterMs === null ? '' : formatSpan(afterMs), String(moment.record), code(moment.what)]
}

function figuresOf({ figures, window }: IncidentReport): readonly string[] {
  const { requests, allowed, denied, refused, failed, unsettled, sentBytes, receivedBytes, allowedWhileCut, sentBytesWhileCut } = figures
  return table(
    ['', ''],
    [
      ['Records looked at', String(window.records)],
      ['Requests', String(requests)],
      ['Allowed', `${allowed}, of which ${failed} failed`],
      ['Denied by the policy', String(denied)],
      ['Refused', String(refused)],
      ['Without an end', String(unsettled)],
      ['Sent to destinations', formatBytes(sentBytes)],
      ['Received', formatBytes(receivedBytes)],
      ['Passed while it was cut off', `${allowedWhileCut} requests, ${formatBytes(sentBytesWhileCut)}`],
    ],
  )
}

const maxDestinations = 50

function destinationsOf(destinations: readonly SeenDestination[]): readonly string[] {
  if (destinations.length === 0) return []
  const shown = destinations.slice(0, maxDestinations).map((found) => {
    const { destination, requests, denied, refused, sentBytes, receivedBytes, firstAt, isNew } = found
    const counts = [requests, denied, refused].map(String)
    const isNewText = isNew === null ? 'not known' : isNew ? 'new' : ''
    return [code(destination), ...counts, formatBytes(sentBytes), formatBytes(receivedBytes), firstAt, isNewText]
  })
  return [
    ...table(['Destination', 'Requests', 'Denied', 'Refused', 'Sent', 'Received', 'First', 'New'], shown),
    ...more(destinations.length - shown.length, 'destinations: the JSON has them'),
  ]
}

function timelineOf({ timeline, moreDecisions, moreRecords }: IncidentReport): readonly string[] {
  const rows = timeline.map(({ time, until, count, record, who, what }) => [
    ...[
      until === null ? time : `${time} – ${until}`,
      count === 1 ? '' : `${count} ×`,
      String(record),
      who === null ? '' : code(who),
      code(what),
    ],
  ])
  return [
    ...table(['When', 'Count', 'Record', 'Who', 'What'], rows),
    ...more(moreDecisions, 'kinds of decisions: "sallyport audit query" shows them'),
    ...more(moreRecords, 'records: "sallyport audit query" shows them'),
  ]
}

function revisionsOf({ revisions, figures }: IncidentReport): readonly string[] {
  const decidedBy = figures.revisions.map(code).join(', ')
  const diffs = revisions.flatMap(diffOf)
  const rows = revisions.map(({ time, record, revision, how, by, changed }) => [
    ...[time, String(record), code(revision), code(`${how}, by ${by}`), changed === null ? '' : code(changed)],
  ])
  return [
    figures.revisions.length === 0 ? 'Nothing was decided.' : `Decided by ${decidedBy}.`,
    ...(rows.length === 0 ? ['', 'The policy did not change.'] : ['', ...table(['When', 'Record', 'Revision', 'How', 'Changed'], rows)]),
    ...(diffs.length === 0 ? [] : ['', 'What each change allows and no longer allows, as the manifests have it:', '', ...list(diffs)]),
  ]
}

function diffOf({ previous, revision }: Revision): readonly string[] {
  return previous === null || previous === revision ? [] : [code(`sallyport policy diff ${previous} ${revision}`)]
}

function proofOf({ proof }: IncidentReport, proofsFolder: string | null): readonly string[] {
  const { problem, checkpoint, records } = proof
  if (checkpoint === null) return [`Nothing is proved: ${code(problem ?? '')}.`]
  const { origin, size, root, key } = checkpoint
  return [
    `${records.length} records of this report are proved to be in the log ${code(origin)} as it was signed with ${size} records and the root ${code(root)}.`,
    ...(problem === null ? [] : ['', `Not all: ${code(problem)}.`]),
    '',
    'Everything here is made from those records. To check it, on any machine and without the gateway, by the key of the log as it was noted when the log began (the one below is what the log itself says):',
    '',
    `    sallyport audit verify ${proofsFolder ?? 'proofs'}/*.tlog-proof --key '${key}'`,
    '',
    ...(proofsFolder === null ? ['`sallyport incident export ID --out FOLDER` writes the proofs beside this report.', ''] : []),
    'With a copy of the whole log, `sallyport incident export ID --folder COPY` makes this report again.',
  ]
}

function more(count: number, what: string): readonly string[] {
  return count === 0 ? [] : ['', `There are ${count} more ${what}.`]
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', `## ${title}`, '', ...lines]
}

function list(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `- ${line}`)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return [row(...head), row(...head.map(() => '---')), ...rows.map((cells) => row(...cells))]
}

function row(...cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
