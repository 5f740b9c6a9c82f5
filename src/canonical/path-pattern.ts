/** Path globs of manifests: the glob for a requested path, and whether one glob allows everything that another does. */

/** What a manifest can spell of an HTTP path (src/manifests/patterns.ts); a canonical path can hold a little more. */
const httpSegment = /^[\w~.!$&'()+,=:@%;-]*$/
/** Invisible characters and exotic line ends could be written, and would mislead a reviewer of the manifest. */
const fileSegment = /^[^\\[\]{}?!*\p{C}\p{Zl}\p{Zp}]+$/u

/**
 * For `/…` of HTTP and for paths below a root alike. A manifest has no escapes: a segment that it cannot spell, or that
 * would read as a wildcard, becomes `*`, which stands for that one segment.
 */
export function patternOfPath(path: string): string {
  if (path === '') return '*'
  const segments = path.split('/')
  const ofHttp = segments[0] === ''
  const spelled = segments.map((segment) => {
    // An encoded slash and an empty segment have to be written: `*` does not match them.
    if (ofHttp)
      return segment
        .split('%2F')
        .map((piece) => (isHttpSegment(piece) ? piece : '*'))
        .join('%2F')
    return isFileSegment(segment) ? segment : '*'
  })
  return spelled.join('/')
}

function isHttpSegment(segment: string): boolean {
  return !isDots(segment) && httpSegment.test(segment) && !/%(?![0-9A-F]{2})/.test(segment)
}

function isFileSegment(segment: string): boolean {
  return !isDots(segment) && fileSegment.test(segment) && segment === segment.normalize('NFC')
}

function isDots(segment: string): boolean {
  return segment === '.' || segment === '..'
}

/**
 * `*` stands for characters of one segment, `**` for any. What is covered is told for sure; of globs that overlap in odd
 * ways (`*a*` and `*a`) a covered one may be told as not covered, never the other way round. A path is a glob without wildcard.
 */
export function pathCovers(general: string, specific: string): boolean {
  // `*` is the path of OPTIONS of a whole server; `/**` is every path (src/manifests/index-manifests.ts).
  return general === '/**' || globCovers(markForms(general), markForms(specific))
}

/**
 * A glob over HTTP paths with a sign of its own for each encoded slash and each empty segment, as the default policy puts it
 * (rego/sallyport/path.rego): no `*` stands for one. No glob and no path has control characters.
 */
export function markForms(glob: string): string {
  return glob.replaceAll('%2F', '\u0001').replaceAll('//', '/\u0002/').replaceAll('//', '/\u0002/')
}

/** As `pathCovers`, of globs below a root, and of marked ones. */
export function globCovers(general: string, specific: string): boolean {
  if (general === specific) return true
  if (!general.includes('*')) return false
  const pattern = tokensOf(general)
  // Every place of the pattern where matching may stand: one pass over `specific`, no backtracking.
  let places = new Set([0])
  const advance = (from: Set<number>): Set<number> => {
    for (const place of from) if (isWildcard(pattern[place])) from.add(place + 1)
    return from
  }
  advance(places)
  for (const token of tokensOf(specific)) {
    const next = new Set<number>()
    for (const place of places) {
      const expected = pattern[place]
      if (expected === '**' || (expected === '*' && !separators.has(token))) next.add(place)
      else if (expected === token) next.add(place + 1)
    }
    places = advance(next)
    if (places.size === 0) return false
  }
  return places.has(pattern.length)
}

/** What `*` does not stand for. */
const separators: ReadonlySet<string> = new Set(['/', '\u0001', '\u0002', '**'])

function isWildcard(token: string | undefined): boolean {
  return token === '*' || token === '**'
}

function tokensOf(glob: string): readonly string[] {
  return glob.match(/\*\*|[\s\S]/gu) ?? []
}
