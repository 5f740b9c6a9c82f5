/** Evaluates the preconditions of a request for a file, in the standard's order (RFC 9110 §13.2.2). */
import type { Stats } from 'node:fs'
import { type EntityTags, type FileConditions, Refusal } from '../../core/index.ts'
import { etagOf } from './file-version.ts'

/** Before a write: throws `Refusal('precondition-failed')` if a condition does not hold. `found`: `null` if there is no file. */
export function requireForWrite(conditions: FileConditions, found: Stats | null): void {
  requireUnchanged(conditions, found)
  if (matchesAny(conditions.ifNoneMatch, found))
    throw failed(conditions.ifNoneMatch === '*' ? 'the file exists already' : 'the file is one of those that If-None-Match names')
}

/** Before a read: `true` if the caller has the current version already (304). Throws `Refusal('precondition-failed')`. */
export function isKnownToCaller(conditions: FileConditions, found: Stats): boolean {
  requireUnchanged(conditions, found)
  const { ifNoneMatch, ifModifiedSince } = conditions
  if (ifNoneMatch !== null) return matchesAny(ifNoneMatch, found)
  return ifModifiedSince !== null && secondsOf(found) <= ifModifiedSince
}

/** Whether a write depends on which version it replaces. */
export function isConditional({ ifMatch, ifNoneMatch, ifUnmodifiedSince }: FileConditions): boolean {
  return ifMatch !== null || ifNoneMatch !== null || ifUnmodifiedSince !== null
}

function requireUnchanged({ ifMatch, ifUnmodifiedSince }: FileConditions, found: Stats | null): void {
  if (ifMatch !== null) {
    // §13.1.1 compares strongly: a weak tag matches no file.
    const holds = found !== null && (ifMatch === '*' || ifMatch.includes(etagOf(found)))
    if (!holds) throw failed('the file is not the one that If-Match names')
  } else if (ifUnmodifiedSince !== null && (found === null || secondsOf(found) > ifUnmodifiedSince))
    throw failed('the file was changed after the time that If-Unmodified-Since names')
}

/** §13.1.2 compares weakly. */
function matchesAny(tags: EntityTags | null, found: Stats | null): boolean {
  if (tags === null || found === null) return false
  if (tags === '*') return true
  const etag = etagOf(found)
  return tags.some((tag) => tag.replace(/^W\//, '') === etag)
}

/** The modification time as Last-Modified can express it, in milliseconds. */
function secondsOf({ mtimeMs }: Stats): number {
  return Math.floor(mtimeMs / 1000) * 1000
}

function failed(detail: string): Refusal {
  return new Refusal('precondition-failed', detail)
}
