/** Finds the secrets that the gateway knows, in every encoding that they travel in. */

export const masked = '[redacted]'

/** Shorter secrets would mask ordinary text; `sallyport doctor` warns of such a secret in the configuration. */
export const minSecretLength = 6

/** Raw, hex, and base64 in its three alignments and both alphabets; each as JSON, URLs, forms and HTML escape it. */
export function encodings(secret: string): readonly string[] {
  if (secret.length < minSecretLength) return []
  const found = new Set(escapes(secret))
  // UTF-8, and Latin-1 as a header carries characters up to U+00FF.
  for (const bytes of [Buffer.from(secret), ...(isLatin1(secret) ? [Buffer.from(secret, 'latin1')] : [])]) {
    const hex = bytes.toString('hex')
    found.add(hex).add(hex.toUpperCase())
    for (const text of base64(bytes)) for (const escaped of escapes(text)) found.add(escaped)
  }
  return longestFirst(found)
}

/** The same as bytes, each a Latin-1 character: a service may write what it was sent in UTF-8, or in the bytes of the header. */
export function encodingsOnWire(known: readonly string[]): readonly string[] {
  const found = known.flatMap((secret) => [Buffer.from(secret).toString('latin1'), ...(isLatin1(secret) ? [secret] : [])])
  return longestFirst(new Set(found))
}

/** So that an encoding that contains another one is masked whole. */
export function longestFirst(found: Iterable<string>): readonly string[] {
  return [...found].sort((a, b) => b.length - a.length)
}

function isLatin1(text: string): boolean {
  return Buffer.from(text, 'latin1').toString('latin1') === text
}

function base64(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((alignment) => {
    const text = Buffer.concat([Buffer.alloc(alignment), bytes]).toString('base64')
    // A character that shares bits with its neighbour depends on it: only the inner characters are certain.
    const start = alignment === 0 ? 0 : alignment + 1
    const certain = text.slice(start, Math.floor(((alignment + bytes.byteLength) * 8) / 6))
    return certain.length < minSecretLength ? [] : [certain, certain.replaceAll('+', '-').replaceAll('/', '_')]
  })
}

/** Unchanged, and as each common escape writes it; the digits of an escape in either case. */
function escapes(text: string): readonly string[] {
  const json = JSON.stringify(text).slice(1, -1)
  const url = encodeURIComponent(text)
  const html = text.replace(/[&<>"']/g, (character) => `&${entities[character] ?? ''};`)
  const forms = [
    json,
    // PHP's slash; what Python, PHP, Go and browsers' templates leave of ASCII.
    json.replaceAll('/', '\\/'),
    asUnicodeEscapes(json, /[^\x20-\x7e]/g),
    asUnicodeEscapes(json.replaceAll('/', '\\/'), /[^\x20-\x7e]/g),
    asUnicodeEscapes(json, /[^\x20-\x7e]|[<>&']/g),
    asUnicodeEscapes(json, /[^\x20-\x7e]|[<>&'/=+]/g),
    // RFC 3986 leaves fewer characters than JavaScript does, forms write a space as a plus, and paths keep their slashes.
    url,
    url.replace(/[!'()*]/g, asPercent),
    url.replaceAll('%20', '+'),
    url.replace(/[!'()~]/g, asPercent).replaceAll('%20', '+'),
    url.replaceAll('%2F', '/'),
    encodeURIWellFormed(text),
    html,
    html.replaceAll('/', '&#x2F;').replaceAll('&#39;', '&#x27;'),
    html.replaceAll('&#39;', '&#x27;').replaceAll('&quot;', '&#34;'),
  ]
  return [
    text,
    ...forms.flatMap((form) => [form, form.replace(/%[\dA-F]{2}|\\u[\dA-F]{4}|&#x[\dA-F]+;/gi, (escaped) => escaped.toLowerCase())]),
  ]
}

const entities: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' }

function asUnicodeEscapes(text: string, characters: RegExp): string {
  return text.replace(characters, (character) => `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`)
}

function asPercent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}

function encodeURIWellFormed(text: string): string {
  return encodeURI(text.toWellFormed())
}

/** Each occurrence of any encoding becomes `[redacted]`, or what `maskOf` says. Linear in the text for each encoding. */
export function maskEncodings(text: string, known: readonly string[], maskOf: (encoding: string) => string = mask): string {
  let result = text
  for (const encoding of known) if (result.includes(encoding)) result = result.replaceAll(encoding, maskOf(encoding))
  return result
}

function mask(): string {
  return masked
}

/** As long as the text that it replaces, where a length was promised. */
export function maskInPlace(encoding: string): string {
  return encoding.length < masked.length ? '*'.repeat(encoding.length) : masked.padEnd(encoding.length, '*')
}
