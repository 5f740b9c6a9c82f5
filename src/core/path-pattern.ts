/** A path that was asked for, as the glob of a manifest that stands for it. */

/** What a manifest can spell of an HTTP path (src/policy/manifests/patterns.ts); a canonical path can hold a little more. */
const httpSegment = /^[\w~.!$&'()+,=:@%;-]*$/
/** Invisible characters and exotic line ends could be spelled, and would fool whoever reviews the manifest. */
const fileSegment = /^[^\\[\]{}?!*\p{C}\p{Zl}\p{Zp}]+$/u

/**
 * For `/…` of HTTP and for paths below a root alike. A manifest has no escapes: a segment that it cannot spell, or that
 * would read as a wildcard, becomes `*`, which stands for that one segment.
 */
export function patternOfPath(path: string): string {
  if (path === '') return '*'
  const segments = path.split('/')
  const ofHttp = segments[0] === ''
  const spelled = segments.map((one, index) => {
    // Before the leading slash of an HTTP path stands nothing, and a last slash is a path’s own.
    if (ofHttp && one === '') return index === 0 || index === segments.length - 1 ? '' : '*'
    return one !== '.' && one !== '..' && (ofHttp ? isHttpSegment(one) : isFileSegment(one)) ? one : '*'
  })
  return spelled.join('/')
}

function isHttpSegment(segment: string): boolean {
  return httpSegment.test(segment) && !/%(?![0-9A-F]{2})/.test(segment)
}

function isFileSegment(segment: string): boolean {
  return fileSegment.test(segment) && segment === segment.normalize('NFC')
}
