/** Finds the secrets that the gateway knows, in every spelling they travel in. */

export const masked = '[redacted]'

/** Shorter ones would mask ordinary text; the configuration should not hold such a secret, and `sallyport doctor` says so. */
export const leastSecret = 6

/** Raw, JSON-escaped, URL-encoded, hex, and base64 in its three alignments, both alphabets. */
export function spellings(secret: string): readonly string[] {
  if (secret.length < leastSecret) return []
  const found = new Set([secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])
  const bytes = Buffer.from(secret)
  found.add(bytes.toString('hex')).add(bytes.toString('hex').toUpperCase())
  for (const alignment of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(alignment), bytes]).toString('base64')
    // Characters that share bits with a neighbour differ with it: only the inner ones are certain.
    const start = alignment === 0 ? 0 : alignment + 1
    const certain = text.slice(start, Math.floor(((alignment + bytes.byteLength) * 8) / 6))
    if (certain.length >= leastSecret) found.add(certain).add(certain.replaceAll('+', '-').replaceAll('/', '_'))
  }
  // Longest first, so that a spelling within another does not leave the rest of it behind.
  return [...found].sort((a, b) => b.length - a.length)
}

/** Each occurrence of any spelling becomes `[redacted]`. Linear in the text for each spelling. */
export function maskSpellings(text: string, known: readonly string[]): string {
  let result = text
  for (const spelling of known) if (result.includes(spelling)) result = result.replaceAll(spelling, masked)
  return result
}
