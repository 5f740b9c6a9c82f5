/** Forms of a path that origins read in two ways: they pass only where a capability says that they mean themselves. */
import type { FormChoices } from '../core/index.ts'

/** What a canonical path holds of them; members that are not so are absent. */
export interface PathForms {
  /** `%2F`: a character of its segment to some origins, a slash to others (RFC 3986 §2.2). */
  readonly encodedSlash?: true
  /** `//`: a segment without a character to some origins, one slash to others (RFC 3986 §3.3). */
  readonly emptySegments?: true
}

const none: PathForms = {}

/** `path` is canonical, so an encoded slash is always `%2F`. */
export function pathForms(path: string): PathForms {
  const encodedSlash = path.includes('%2F')
  const emptySegments = path.includes('//')
  if (!encodedSlash && !emptySegments) return none
  return { ...(encodedSlash && { encodedSlash }), ...(emptySegments && { emptySegments }) }
}

/** What a capability must say for this path, or for one of these patterns. */
export function choicesFor(paths: readonly string[]): FormChoices {
  return {
    ...(paths.some((path) => path.includes('%2F')) && { encodedSlash: 'literal' }),
    ...(paths.some((path) => path.includes('//')) && { emptySegments: 'literal' }),
  }
}
