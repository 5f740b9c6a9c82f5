/** The catalogue of refusals (RFC 9457): each code's status, side and title. docs/reference/problems.md is checked against it both ways. */

/**
 * Who caused it, so that alerts can be told apart: the caller by what it did or sent, the policy or an operator, a limit that was
 * reached, the destination, or the gateway itself.
 */
export const sides = ['caller', 'policy', 'cap', 'origin', 'gateway'] as const
export type Side = (typeof sides)[number]

export const problems = {
  'malformed-request': { status: 400, side: 'caller', title: 'The request cannot be parsed, or two parsers could read it differently' },
  unauthenticated: { status: 401, side: 'caller', title: 'Nothing proves which integration asks this service or file' },
  'policy-denied': { status: 403, side: 'policy', title: 'The policy denies this request' },
  'policy-failed': { status: 403, side: 'policy', title: 'The policy failed to decide, so the request is denied' },
  suspended: { status: 403, side: 'policy', title: 'This integration is suspended' },
  killed: { status: 403, side: 'policy', title: 'This integration is stopped for good, until an operator lifts that' },
  'address-denied': { status: 403, side: 'policy', title: 'The destination resolves to an address that may not be dialled' },
  'not-found': { status: 404, side: 'caller', title: 'There is nothing of that name' },
  'method-not-allowed': { status: 405, side: 'caller', title: 'That method has no meaning here' },
  unidentified: { status: 407, side: 'caller', title: 'Nothing proves which integration is calling' },
  'request-timeout': { status: 408, side: 'caller', title: 'The request did not arrive in time' },
  conflict: { status: 409, side: 'caller', title: 'The thing is not in the state that the request needs' },
  'precondition-failed': { status: 412, side: 'caller', title: 'The thing is not as the request’s conditions say' },
  'payload-too-large': { status: 413, side: 'cap', title: 'The request body is larger than allowed' },
  'expectation-failed': { status: 417, side: 'caller', title: 'The Expect header asks for something unknown' },
  'headers-too-large': { status: 431, side: 'cap', title: 'The request head is larger than allowed' },
  'arrivals-exceeded': { status: 429, side: 'cap', title: 'Too many requests arrive, allowed or not' },
  'quota-exceeded': { status: 429, side: 'cap', title: 'The quota is used up' },
  'concurrency-exceeded': { status: 429, side: 'cap', title: 'Too many requests are open at once' },
  'connections-exceeded': { status: 429, side: 'cap', title: 'Too many connections are open at once' },
  'bodies-exceeded': { status: 429, side: 'cap', title: 'Too many bodies are read at once' },
  'http2-flood': { status: 429, side: 'caller', title: 'The connection is used to keep the gateway busy, and is ended' },
  'client-closed': { status: 499, side: 'caller', title: 'The caller went away' },
  'client-tls-failed': { status: 400, side: 'caller', title: 'The caller does not trust the gateway’s CA, or left its TLS as those do' },
  'interception-failed': { status: 400, side: 'caller', title: 'The TLS inside a tunnel failed before a request came' },
  internal: { status: 500, side: 'gateway', title: 'The gateway failed' },
  'upgrade-unsupported': { status: 501, side: 'caller', title: 'This door does not carry that upgrade' },
  'origin-unreachable': { status: 502, side: 'origin', title: 'The destination cannot be reached' },
  'origin-tls-failed': { status: 502, side: 'origin', title: 'The destination’s TLS cannot be trusted' },
  'origin-failed': { status: 502, side: 'origin', title: 'The destination broke the protocol or broke off' },
  'reply-too-large': { status: 502, side: 'cap', title: 'The reply is larger than allowed' },
  'audit-unavailable': { status: 503, side: 'gateway', title: 'The request cannot be recorded, so it is not answered' },
  'breaker-open': { status: 503, side: 'origin', title: 'The destination failed too often and is given a rest' },
  draining: { status: 503, side: 'gateway', title: 'The gateway is shutting down' },
  'origin-timeout': { status: 504, side: 'origin', title: 'The destination did not answer in time' },
  'origin-connect-timeout': { status: 504, side: 'origin', title: 'No connection to the destination in time' },
  'origin-tls-timeout': { status: 504, side: 'origin', title: 'The TLS handshake of the destination took too long' },
  'origin-first-byte-timeout': { status: 504, side: 'origin', title: 'The destination did not begin to answer in time' },
  'origin-idle-timeout': { status: 504, side: 'origin', title: 'Nothing moved for too long' },
  'total-timeout': { status: 504, side: 'cap', title: 'The exchange as a whole took too long' },
  'version-unsupported': { status: 505, side: 'caller', title: 'That version of HTTP is not understood' },
} as const satisfies Record<string, { status: number; side: Side; title: string }>

export type ProblemCode = keyof typeof problems

/** A URN: an identifier, and not the address of a page that may not exist. */
export function problemType(code: ProblemCode): string {
  return `urn:sallyport:problem:${code}`
}
