/** Segments of a path that identify one thing among many: they become `*`, so that the next thing is covered too. */

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i
/** 2026-01-31, 2026-01, 2026-01-31T10:00:00Z, its colons percent-encoded or not. */
const date = /^\d{4}-\d{2}(?:-\d{2}(?:T[\dA-Z:.%+-]*)?)?$/

/** Numbers, UUIDs, hex from 8 digits, dates, and long tokens of mixed characters (base64url, ULID). Words are not ids, however long. */
export function isId(segment: string): boolean {
  if (/^\d+$/.test(segment) || uuid.test(segment) || date.test(segment)) return true
  if (/^[0-9a-f]{8,}$/i.test(segment) && (/\d/.test(segment) || segment.length >= 16)) return true
  const token = /^[\w-]{16,}(?:=|%3D){0,2}$/.test(segment)
  if (token && /\d/.test(segment) && /[A-Z]/.test(segment) && /[a-z]/.test(segment)) return true
  return /^[A-Za-z0-9]{20,}$/.test(segment) && (segment.match(/\d/g)?.length ?? 0) >= 3
}

/** `*` does not match an encoded slash, so the text between two of them is checked by itself. `/v1/items/17` → `/v1/items/*`, `/img/17.png` → `/img/*.png`, `/invoices/inv_8f31c2d90b` → `/invoices/inv_*`. */
export function generaliseIds(pattern: string): string {
  return pattern
    .split('/')
    .map((segment) => (segment.includes('*') ? segment : segment.split('%2F').map(generaliseSegment).join('%2F')))
    .join('/')
}

function generaliseSegment(segment: string): string {
  if (isId(segment)) return '*'
  const [, stem = '', ending = ''] = /^(.+)(\.[A-Za-z][A-Za-z0-9]{0,7})$/.exec(segment) ?? []
  if (stem !== '' && isId(stem)) return `*${ending}`
  const [, prefix = '', rest = ''] = /^([A-Za-z]{1,12}[_-])(.{3,})$/.exec(segment) ?? []
  return prefix !== '' && isId(rest) ? `${prefix}*` : segment
}
