/** How numbers, times and sizes are written. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const day = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' })

export const count = (value) => (Math.abs(value) < 100_000 ? whole.format(value) : short.format(value))
export const percent = (share) => `${(share * 100).toFixed(share > 0 && share < 0.01 ? 1 : 0)} %`
export const perSecond = (value) => `${value >= 100 ? whole.format(value) : value.toFixed(value >= 10 ? 1 : 2)}/s`

export function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const step = value < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3))
  return `${step === 0 ? whole.format(value) : (value / 1000 ** step).toFixed(1)} ${units[step]}`
}

export function ms(value) {
  if (value === null || value === undefined) return '–'
  return value < 1000 ? `${value < 10 ? value.toFixed(1) : whole.format(value)} ms` : `${(value / 1000).toFixed(1)} s`
}

/** Of today the time alone. */
export function at(value) {
  if (value === null || value === undefined) return '–'
  const date = new Date(value)
  if (Number.isNaN(date.getTime())) return String(value)
  return date.toDateString() === new Date().toDateString() ? time.format(date) : day.format(date)
}

export function ago(value) {
  const seconds = Math.max(0, Math.round((Date.now() - new Date(value).getTime()) / 1000))
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86_400)} days ago`
}

/** What a request is about, of an entry of the index or of a record. */
export function subjectOf(entry) {
  const { method, action, scheme, host, port, path, query, name, root, place, kind } = { ...entry, ...entry.subject }
  const verb = method ?? action ?? ''
  if (host !== undefined && host !== null) {
    const usual = (scheme === 'https' && port === 443) || (scheme === 'http' && port === 80)
    const authority = `${scheme ? `${scheme}://` : ''}${host}${port && !usual ? `:${port}` : ''}`
    return `${verb} ${authority}${path ?? ''}${query ? `?${query}` : ''}`
  }
  const where = place ?? name ?? root
  return `${verb} ${where ? `${kind ?? ''}:${where}` : (kind ?? '')}${path ?? ''}`.trim()
}

/** allow, deny or refused. */
export function decisionOf(entry) {
  if (entry.decision) return entry.decision
  if (entry.type === 'decided') return entry.allow ? 'allow' : 'deny'
  return entry.type === 'refused' || entry.type === 'summed' ? 'refused' : null
}

/** So that no spreadsheet takes a cell for a formula. */
export function csv(rows) {
  const cell = (value) => {
    const text = String(value ?? '')
    const safe = /^[=+\-@\t\r]/.test(text) && !/^-?[\d.]+$/.test(text) ? `'${text}` : text
    return `"${safe.replaceAll('"', '""')}"`
  }
  return `${rows.map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`
}
