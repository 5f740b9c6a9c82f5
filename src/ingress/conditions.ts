/** The conditional headers of a request for a file (RFC 9110 §13.1). */
import type { IncomingHttpHeaders } from 'node:http'
import { type EntityTags, type FileConditions, Refusal } from '../core/index.ts'

/** Throws `Refusal('malformed-request')` on an invalid list of entity tags; an invalid date is ignored, as §13.1.3 says. */
export function readConditions(headers: IncomingHttpHeaders): FileConditions {
  return {
    ifMatch: tagsOf('If-Match', headers['if-match']),
    ifNoneMatch: tagsOf('If-None-Match', headers['if-none-match']),
    ifModifiedSince: timeOf(headers['if-modified-since']),
    ifUnmodifiedSince: timeOf(headers['if-unmodified-since']),
  }
}

/** §8.8.3; Node joins several fields of a name with commas. */
const entityTag = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/

function tagsOf(name: string, value: string | undefined): EntityTags | null {
  if (value === undefined) return null
  if (value.trim() === '*') return '*'
  // A comma may stand within a tag.
  const tags = (value.match(/(?:[^",]|"[^"]*")+/g) ?? []).map((tag) => tag.trim()).filter((tag) => tag !== '')
  if (tags.length === 0 || !tags.every((tag) => entityTag.test(tag)))
    throw new Refusal('malformed-request', `${name} is * or a list of entity tags, each in quotes`)
  return tags
}

const day = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
/** §5.6.7: the form in use, and two that are obsolete. */
const dates = [
  new RegExp(`^${day}, \\d{2} [A-Z][a-z]{2} \\d{4} \\d{2}:\\d{2}:\\d{2} GMT$`),
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  new RegExp(`^${day} [A-Z][a-z]{2} [ \\d]\\d \\d{2}:\\d{2}:\\d{2} \\d{4}$`),
]

function timeOf(value: string | undefined): number | null {
  if (value === undefined || !dates.some((form) => form.test(value))) return null
  const time = Date.parse(value.endsWith('GMT') ? value : `${value} GMT`)
  return Number.isNaN(time) ? null : time
}
