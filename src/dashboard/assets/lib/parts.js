/** What several pages show: badges, cards, tables, meters, notices. */
import { el, given } from './dom.js'

/** Shape and word beside the colour. */
const marks = { good: '●', bad: '✕', warn: '▲', info: '○', off: '–' }

export function badge(kind, text) {
  return el(`span.badge.${kind}`, {}, el('span', { 'aria-hidden': 'true' }, `${marks[kind] ?? ''} `), text)
}

const decisionKinds = { allow: 'good', deny: 'bad', refused: 'warn' }
export const decisionBadge = (decision) => badge(decisionKinds[decision] ?? 'info', decision ?? 'record')

const stateKinds = { normal: 'good', watched: 'info', throttled: 'warn', suspended: 'bad', killed: 'bad' }
export const stateBadge = (state) => badge(stateKinds[state] ?? 'info', state)

const severityKinds = { info: 'info', low: 'info', medium: 'warn', high: 'bad', critical: 'bad' }
export const severityBadge = (severity) => badge(severityKinds[severity] ?? 'info', severity)

export function card(title, ...children) {
  return el('section.card', {}, title === null ? null : el('h2', {}, title), ...children)
}

export function figure(label, value, kind = '') {
  return el('div.figure', {}, el('div.label', {}, label), el(`div.value${kind && `.${kind}`}`, {}, value))
}

export const notice = (kind, ...text) => el(`p.notice.${kind}`, { role: kind === 'bad' ? 'alert' : null }, ...text)

/** `share` 0 to 1 of what may be used, used. */
export function meter(share, text) {
  const kind = share >= 0.9 ? 'bad' : share >= 0.7 ? 'warn' : 'good'
  const value = Math.round(Math.min(1, Math.max(0, share)) * 100)
  const bar = el('progress', { max: '100', value: String(value), class: kind, 'aria-label': text })
  return el('span.meter', {}, bar, el('span.meter-text', {}, text))
}

/** A table that scrolls in its own box on narrow screens. `columns`: `{ name, class }`; rows are lists of cells. */
export function table(caption, columns, rows, empty = 'Nothing here.') {
  const head = el(
    'tr',
    {},
    columns.map(({ name, kind }) => el(`th${kind ? `.${kind}` : ''}`, { scope: 'col' }, name)),
  )
  const body = rows.map((cells) => rowOf(columns, cells))
  const none = el('tr', {}, el('td.empty', { colspan: String(columns.length) }, empty))
  return el(
    'div.scroll',
    { tabindex: '0', role: 'region', 'aria-label': caption },
    el('table', {}, el('caption.unseen', {}, caption), el('thead', {}, head), el('tbody', {}, body.length === 0 ? none : body)),
  )
}

export function rowOf(columns, cells) {
  return el(
    'tr',
    {},
    cells.map((cell, index) => el(`td${columns[index]?.kind ? `.${columns[index].kind}` : ''}`, {}, cell)),
  )
}

export const integrationLink = (name) =>
  name === null || name === undefined
    ? el('span.quiet', {}, 'nobody')
    : el('a', { href: `#/integration/${encodeURIComponent(name)}` }, given(name))

/** A button that says what it does. */
export function button(text, onclick, kind = '') {
  return el(`button${kind && `.${kind}`}`, { type: 'button', onclick }, text)
}

/** Hands a text over as a file. */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name.replace(/[^\w.-]+/g, '_')
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
