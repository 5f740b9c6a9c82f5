/** Flat header lists `[name, value, …]` (RFC 9110 §5): what every place that passes them on does with them. */

/** The names in a Connection value (RFC 9110 §7.6.1), lower case. */
export function connectionNames(value: string): string[] {
  return value
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
}

/** The list without the headers of these lower-case names, order and duplicates kept. */
export function withoutHeaders(headers: readonly string[], lowerNames: readonly string[]): string[] {
  const dropped = new Set(lowerNames)
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (!dropped.has(name.toLowerCase())) kept.push(name, headers[i + 1] as string)
  }
  return kept
}
