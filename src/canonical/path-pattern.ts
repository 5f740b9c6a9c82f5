/** The glob of a manifest that matches a requested path. */

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
