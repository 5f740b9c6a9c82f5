/** Headers that contain references. `map` returns the replacement of a reference, or `null` to remove it. */

type MapReference = (reference: string) => string | null

/** Link (RFC 8288 §3): a link is removed with its parameters; `null` if no link is left. */
export function mapLinks(value: string, map: MapReference): string | null {
  const links: string[] = []
  for (const link of splitList(value)) {
    const text = link.trim()
    const end = text.indexOf('>')
    const reference = text.startsWith('<') && end > 0 ? map(text.slice(1, end)) : null
    if (reference !== null) links.push(`<${reference}${text.slice(end)}`)
  }
  return links.length === 0 ? null : links.join(', ')
}

/** Refresh, as HTML reads it: seconds, then `; url=` and a reference, quoted or not. */
export function mapRefresh(value: string, map: MapReference): string | null {
  const delay = /^\s*[\d.]+/.exec(value)?.[0]
  if (delay === undefined) return null
  let reference = value.slice(delay.length).trim()
  if (reference === '') return value
  if (reference.startsWith(';') || reference.startsWith(',')) reference = reference.slice(1).trimStart()
  reference = reference.replace(/^url\s*=/i, '').trim()
  const quote = reference[0]
  if (quote === '"' || quote === "'") {
    const end = reference.indexOf(quote, 1)
    reference = reference.slice(1, end < 0 ? undefined : end)
  }
  const mapped = map(reference)
  return mapped === null ? null : `${delay.trim()}; url=${mapped}`
}

/** Splits at commas that are neither in angle brackets nor in quotes (RFC 9110 §5.6). */
function splitList(value: string): readonly string[] {
  const parts: string[] = []
  let start = 0
  let within = ''
  for (let i = 0; i < value.length; i += 1) {
    const character = value[i] as string
    if (within === '') {
      if (character === '<') within = '>'
      else if (character === '"') within = '"'
      else if (character === ',') {
        parts.push(value.slice(start, i))
        start = i + 1
      }
    } else if (character === within) within = ''
    else if (character === '\\' && within === '"') i += 1
  }
  parts.push(value.slice(start))
  return parts
}
