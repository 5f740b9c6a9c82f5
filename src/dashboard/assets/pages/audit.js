/** Questions to the audit log; one record with everything about it, and its proof to download. */
import { get } from '../lib/api.js'
import { el, fill, given } from '../lib/dom.js'
import { filterInput, queryOf } from '../lib/filter.js'
import { at, bytes, count, csv, decisionOf, ms, subjectOf } from '../lib/format.js'
import { holdsPanel } from '../lib/holds.js'
import { button, decisionBadge, download, integrationLink, notice, table } from '../lib/parts.js'
import { recordPanel, requestPanel } from '../lib/record.js'
import { explainPanel } from '../lib/why.js'

const columns = [
  { name: 'Time' },
  { name: 'What' },
  { name: 'Integration' },
  { name: 'Request or detail', kind: 'wide' },
  { name: 'Rule' },
  { name: 'Status', kind: 'number' },
  { name: 'Took', kind: 'number' },
  { name: '' },
]
const sums = ['host', 'rule', 'integration', 'identity', 'decision', 'status', 'problem', 'method', 'kind', 'path', 'hour', 'day', 'type']
const sumNames = {
  requests: 'Requests',
  allowed: 'Allowed',
  denied: 'Denied',
  refused: 'Refused',
  sentBytes: 'Sent',
  receivedBytes: 'Received',
}
const csvColumns = [
  'index',
  'time',
  'type',
  'id',
  'integration',
  'decision',
  'rule',
  'method',
  'host',
  'port',
  'path',
  'status',
  'problem',
  'sentBytes',
  'receivedBytes',
  'durationMs',
]

const dateInput = (label, value, onchange) => el('input', { type: 'datetime-local', 'aria-label': label, title: label, value, onchange })

export function render({ main, query, mayAct }) {
  let filter = query.get('filter') ?? (query.get('id') ? `id:${query.get('id')}` : '')
  let [since, until] = [query.get('since') ?? '', query.get('until') ?? '']
  let entries = []
  /** Runs of reads that are shown one by one, by the index of their newest. */
  const unfolded = new Set()
  let next = null
  let abort = new AbortController()
  const left = new AbortController()
  const result = el('div', {})
  const panel = el('div.panel', {})
  const [input, suggestions] = filterInput(filter, (text) => {
    filter = text
    ask()
  })
  const by = el(
    'select',
    { 'aria-label': 'Sum up by', onchange: () => ask() },
    el('option', { value: '' }, 'One by one'),
    sums.map((name) => el('option', { value: name }, `Sums by ${name}`)),
  )
  fill(
    main,
    el('div.title-row', {}, el('h1', {}, 'Audit'), el('span.spacer', {}), button('Legal holds', showHolds)),
    el(
      'div.toolbar',
      {},
      input,
      suggestions,
      dateInput('From', since, (event) => {
        since = event.target.value
        ask()
      }),
      dateInput('Until', until, (event) => {
        until = event.target.value
        ask()
      }),
      by,
      button('CSV', () =>
        download('audit.csv', 'text/csv', csv([csvColumns, ...entries.map((entry) => csvColumns.map((column) => entry[column]))])),
      ),
      button('JSON', () => download('audit.json', 'application/json', JSON.stringify(entries, null, 2))),
    ),
    el('div.split', {}, result, panel),
  )

  function question(more) {
    const times = { ...(since && { since: new Date(since).toISOString() }), ...(until && { until: new Date(until).toISOString() }) }
    return queryOf(filter, { ...times, ...more })
  }

  function ask() {
    abort.abort()
    abort = new AbortController()
    const state = Object.entries({ filter, since, until }).filter(([, value]) => value !== '')
    history.replaceState(null, '', `#/audit${state.length === 0 ? '' : `?${new URLSearchParams(state)}`}`)
    void (by.value === '' ? records(null) : sumUp(by.value))
  }

  async function asked(path) {
    try {
      return await get(path, abort.signal)
    } catch (error) {
      if (error.name !== 'AbortError') fill(result, notice('bad', error.message))
      return null
    }
  }

  async function records(cursor) {
    const page = await asked(`/v1/audit/records?${question({ limit: '50', ...(cursor !== null && { cursor }) })}`)
    if (page === null) return
    entries = cursor === null ? page.entries : [...entries, ...page.entries]
    next = page.next
    drawRecords()
  }

  function drawRecords() {
    const rows = runsOf(entries).map((run) => (run.length === 1 || unfolded.has(run[0].index) ? run.map(rowFor) : [readsRow(run)]))
    fill(
      result,
      el('section.card.flush', {}, table('Entries of the audit log, newest first', columns, rows.flat(), 'Nothing in the log matches.')),
      next === null
        ? null
        : el(
            'div.buttons',
            {},
            button('Older', () => void records(next)),
          ),
    )
  }

  async function sumUp(name) {
    const answer = await asked(`/v1/audit/sums?${question({ by: name })}`)
    if (answer === null) return
    entries = answer.sums ?? answer.rows ?? []
    const keys = Object.keys(entries[0] ?? {})
    const cells = (row) =>
      keys.map((key) =>
        typeof row[key] === 'number'
          ? (/Bytes$/.test(key) ? bytes : count)(row[key])
          : row[key] === null
            ? '–'
            : given(typeof row[key] === 'object' ? JSON.stringify(row[key]) : row[key]),
      )
    const named = keys.map((key) => ({
      name: key === 'value' ? name : (sumNames[key] ?? key),
      kind: typeof entries[0][key] === 'number' ? 'number' : undefined,
    }))
    fill(result, el('section.card.flush', {}, table(`Sums by ${name}`, named, entries.map(cells))))
  }

  /** What operators read is recorded too, what this page reads among it: it must not hide what happened. */
  function readsRow(run) {
    const [newest] = run
    const show = () => {
      unfolded.add(newest.index)
      drawRecords()
    }
    const whats = [...new Set(run.map(({ detail }) => /\bwhat=(\S+)/.exec(detail ?? '')?.[1] ?? 'the log'))]
    return [
      el('time', { datetime: newest.time ?? '' }, at(newest.time)),
      el('code', {}, 'read'),
      '–',
      el('span.quiet', {}, `The log was read ${count(run.length)} times: `, given(whats.join(', '), 'span')),
      ...['', '', ''],
      button('Show', show, 'small'),
    ]
  }

  function rowFor(entry) {
    const decision = decisionOf(entry)
    const what = decision === null ? el('code', {}, given(entry.type)) : decisionBadge(decision)
    const about =
      decision === null
        ? (entry.detail ?? entry.path ?? '')
        : entry.requests > 1
          ? `${count(entry.requests)} requests: ${entry.problem}`
          : subjectOf(entry)
    const open = button('Open', () => void show(entry), 'small')
    return [
      el('time', { datetime: entry.time ?? '' }, at(entry.time)),
      what,
      decision === null && entry.integration === null ? '–' : integrationLink(entry.integration),
      el('div.clamped', {}, given(about, 'span')),
      entry.rule === null ? '' : el('code', {}, given(entry.rule)),
      entry.status === null ? '' : el(entry.status >= 500 ? 'span.bad' : 'span', { title: entry.problem }, String(entry.status)),
      entry.durationMs === null ? '' : ms(entry.durationMs),
      open,
    ]
  }

  async function show(entry) {
    fill(
      panel,
      entry.id === null || decisionOf(entry) === null
        ? recordPanel(entry, { onClose: close, signal: left.signal })
        : [explainPanel(entry.id, { onClose: close }), requestPanel(entry.id, left.signal)],
    )
    panel.querySelector('h2')?.focus()
  }
  const close = () => fill(panel)

  function showHolds() {
    const integration = queryOf(filter).get('integration') ?? ''
    fill(panel, holdsPanel({ mayAct, integration, onClose: close, signal: left.signal }))
    panel.querySelector('h2')?.focus()
  }

  ask()
  return {
    stop() {
      abort.abort()
      left.abort()
    },
  }
}

/** Entries one by one, and those of reads that follow each other together. */
function runsOf(entries) {
  const runs = []
  for (const entry of entries) {
    const last = runs.at(-1)
    if (entry.type === 'read' && last?.[0].type === 'read') last.push(entry)
    else runs.push([entry])
  }
  return runs
}
