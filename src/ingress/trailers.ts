/** Fields behind a body, of requests and of replies: they come when everything has been decided, so that none of them may decide anything. */
import type { HeaderList } from '../core/index.ts'
import { forwardableHeaders } from './headers.ts'

/** RFC 9110 §6.5.1: what frames, routes, authenticates or modifies a message, or says what its content is, is not taken from behind it. */
const notInTrailers = new RegExp(
  [
    '^:',
    '^content-(?:length|encoding|type|range|location)$',
    '^(?:host|te|trailer|transfer-encoding|connection|upgrade|max-forwards|via)$',
    '^(?:authorization|www-authenticate|cookie|set-cookie|proxy-.*)$',
    '^(?:cache-control|pragma|expect|range|if-.*|age|date|expires|location|retry-after|vary)$',
  ].join('|'),
)

/** Flat. */
export function withoutForbiddenTrailers(fields: HeaderList): HeaderList {
  const kept: string[] = []
  for (let i = 0; i < fields.length; i += 2)
    if (!notInTrailers.test((fields[i] as string).toLowerCase())) kept.push(fields[i] as string, fields[i + 1] as string)
  return kept
}

/** Those of a caller that its destination may get: of them, what would be forwarded in a head. Throws `Refusal`, as `forwardableHeaders`. */
export function forwardableTrailers(raw: HeaderList): HeaderList {
  return raw.length === 0 ? raw : withoutForbiddenTrailers(forwardableHeaders(raw))
}
