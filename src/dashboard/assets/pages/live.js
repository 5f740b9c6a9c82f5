/** Decisions as they happen. What comes faster than a person reads is sampled, and the page says so. */
import { ApiError, follow } from '../lib/api.js'
import { el, fill, given } from '../lib/dom.js'
import { filterInput, queryOf } from '../lib/filter.js'
import { at, count, decisionOf, ms, perSecond, subjectOf } from '../lib/format.js'
import { badge, button, decisionBadge, integrationLink, rowOf, table } from '../lib/parts.js'
import { explainPanel } from '../lib/why.js'

const columns = [
  { name: 'Time' },
  { name: 'Decision' },
  { name: 'Integration' },
  { name: 'Request', kind: 'wide' },
  { name: 'Rule' },
  { name: 'Status', kind: 'number' },
  { name: 'Took', kind: 'number' },
  { name: '' },
]
const mostRows = 120
/** Rows are added so often, and so many at once: a browser lays the table out anew each time. */
const drawMs = 250
const rowsPerDraw = 20

export function render({ main, query }) {
  let filter = query.get('filter') ?? ''
  let isPaused = false
  let abort = new AbortController()
  let waiting = []
  const rows = new Map()
  let [seen, left, since, frame] = [0, 0, performance.now(), null]
  const state = el('span', { role: 'status' })
  const rate = el('span.quiet', {})
  const [input, suggestions] = filterInput(filter, (text) => {
    filter = text
    history.replaceState(null, '', `#/live${text === '' ? '' : `?${new URLSearchParams({ filter: text })}`}`)
    restart()
  })
  const pause = button('Pause', () => {
    isPaused = !isPaused
    fill(pause, isPaused ? 'Go on' : 'Pause')
    pause.setAttribute('aria-pressed', String(isPaused))
    if (!isPaused) schedule()
  })
  const view = table('Decisions as they happen', columns, [], 'Waiting for the next request…')
  const body = view.querySelector('tbody')
  const panel = el('div.panel', {})
  fill(
    main,
    el('div.title-row', {}, el('h1', {}, 'Live'), state, rate),
    el('div.toolbar', {}, input, suggestions, pause, button('Clear', clear)),
    el('div.split', {}, el('section.card.flush.live', {}, view), panel),
  )

  function clear() {
    rows.clear()
    waiting = []
    fill(body)
  }

  function take(events) {
    for (const { type, data } of events) {
      if (type === 'sampled') {
        seen += data.requests
        left += data.left
      } else if (type === 'record') {
        if (data.type === 'settled') settle(data)
        else if (decisionOf(data) !== null) waiting.push(data)
      } else if (type === 'end') fill(state, badge('warn', data.detail))
    }
    // A page in the background draws nothing, and must not keep all that came.
    if (waiting.length > mostRows) {
      left += waiting.length - mostRows
      waiting = waiting.slice(-mostRows)
    }
    schedule()
  }

  function settle(record) {
    const found = rows.get(record.id)
    const early = found ?? waiting.find(({ id }) => id === record.id)
    if (early === undefined) return
    if (found === undefined) early.settled = record
    else showSettled(found, record)
  }

  function showSettled(row, { status, durationMs, problem, side }) {
    // The policy allowed it, and a later station refused.
    const isRefused = problem !== undefined && side !== 'policy' && side !== 'origin'
    if (isRefused && row.dataset.decision === 'allow') fill(row.children[1], decisionBadge('refused'))
    fill(row.children[5], el(status >= 500 ? 'span.bad' : 'span', { title: problem ?? null }, String(status)))
    fill(row.children[6], ms(durationMs))
  }

  function schedule() {
    if (frame === null && !isPaused && waiting.length > 0) frame = setTimeout(() => requestAnimationFrame(draw), drawMs)
  }

  function draw() {
    frame = null
    const next = waiting.splice(0, rowsPerDraw)
    if (body.querySelector('.empty') !== null) fill(body)
    const fresh = document.createDocumentFragment()
    for (const record of next) {
      const row = rowOf(columns, [
        el('time', { datetime: record.time }, at(record.time)),
        decisionBadge(decisionOf(record)),
        integrationLink(record.integration),
        el('span.given', { dir: 'auto', title: subjectOf(record) }, subjectOf(record).replace(/ \w+:\/\//, ' ')),
        el('code', {}, given(record.rule ?? record.code ?? '–')),
        '',
        '',
        record.id === undefined ? '' : button('Why', () => why(record), 'small'),
      ])
      row.className = 'fresh'
      row.dataset.decision = decisionOf(record)
      fresh.prepend(row)
      if (record.id !== undefined) rows.set(record.id, row)
      if (record.settled !== undefined) showSettled(row, record.settled)
    }
    body.prepend(fresh)
    while (body.children.length > mostRows) body.lastElementChild.remove()
    for (const [id, row] of rows) {
      if (rows.size <= mostRows) break
      rows.delete(id)
      if (row.isConnected) row.remove()
    }
    schedule()
  }

  function why(record) {
    fill(panel, explainPanel(record.id, { record, onClose: () => fill(panel) }))
    panel.querySelector('h2')?.focus()
  }

  function showRate() {
    const seconds = (performance.now() - since) / 1000
    if (seen > 0) fill(rate, `${perSecond(seen / seconds)} requests${left > 0 ? `, sampled: ${count(left)} are not shown` : ', all shown'}`)
    ;[seen, left, since] = [0, 0, performance.now()]
  }

  async function run(signal) {
    for (;;) {
      fill(state, badge('good', 'following'))
      try {
        await follow(`/v1/audit/stream?${queryOf(filter, { sample: '80' })}`, take, signal)
      } catch (error) {
        if (signal.aborted) return
        fill(state, badge('bad', error instanceof ApiError ? error.message : 'the stream broke off'))
        if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) return
      }
      if (signal.aborted) return
      await new Promise((resolve) => setTimeout(resolve, 2000))
    }
  }

  function restart() {
    abort.abort()
    abort = new AbortController()
    clear()
    fill(body, el('tr', {}, el('td.empty', { colspan: String(columns.length) }, 'Waiting for the next request…')))
    void run(abort.signal)
  }

  const timer = setInterval(showRate, 2000)
  restart()
  return {
    stop() {
      abort.abort()
      clearInterval(timer)
      if (frame !== null) clearTimeout(frame)
    },
  }
}
