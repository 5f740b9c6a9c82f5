/** Path patterns as in manifests, over the paths of many entries: compiled once, and in time that no pattern makes long. */
import { crc32 } from 'node:zlib'
import { markForms } from '../canonical/index.ts'

/** Characters that `*` does not stand for: a slash, and the marks of an encoded one and of an empty segment. */
const separators = '/\u0001\u0002'

/**
 * Non-recursive, with one place to go back to for `*` and one for `**` (R. van Engelen, "Fast String Matching with Wildcards,
 * Globs, and Gitignore-Style Globs"): quadratic at worst.
 */
export function pathMatcher(pattern: string): (path: string) => boolean {
  if (pattern === '/**') return () => true
  const glob = markForms(pattern)
  return (path) => matches(glob, path.includes('%2F') || path.includes('//') ? markForms(path) : path)
}

function matches(glob: string, path: string): boolean {
  let at = 0
  let place = 0
  let star = { glob: -1, path: -1 }
  let globstar = { glob: -1, path: -1 }
  while (at < path.length || place < glob.length) {
    if (glob.startsWith('**', place)) {
      place += 2
      globstar = { glob: place, path: at }
      star = { glob: -1, path: -1 }
    } else if (glob[place] === '*') {
      place += 1
      star = { glob: place, path: at }
    } else if (place < glob.length && at < path.length && glob[place] === path[at]) {
      place += 1
      at += 1
    } else if (star.glob >= 0 && star.path < path.length && !separators.includes(path[star.path] as string)) {
      star.path += 1
      ;[at, place] = [star.path, star.glob]
    } else if (globstar.glob >= 0 && globstar.path < path.length) {
      globstar.path += 1
      star = { glob: -1, path: -1 }
      ;[at, place] = [globstar.path, globstar.glob]
    } else return false
  }
  return true
}

/** Segments that have a term for what they are and where: later ones are often of one request alone. */
const placedSegments = 4

/** What a path is found by: its first segments at their places, and how many there are. */
export function placesOf(path: string): readonly string[] {
  const segments = path.split('/')
  return [depth(segments.length), ...segments.slice(0, placedSegments).map(placed)]
}

/** The same of what every path that matches the pattern has. */
export function placesOfPattern(pattern: string): readonly string[] {
  const segments = pattern.split('/')
  const open = segments.findIndex((segment) => segment.includes('**'))
  const known = (open < 0 ? segments : segments.slice(0, open)).slice(0, placedSegments)
  const places = known.flatMap((segment, place) => (segment.includes('*') ? [] : [placed(segment, place)]))
  return open < 0 ? [depth(segments.length), ...places] : places
}

function placed(segment: string, place: number): string {
  return `${place}x${crc32(segment).toString(36)}`
}

function depth(segments: number): string {
  return `d${segments}`
}
