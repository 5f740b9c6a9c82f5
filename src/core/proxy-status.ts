/** A refusal as `Proxy-Status` says it (RFC 9209): the RFC's own error type, which general tools know, and the problem's code as its details. */
import { type ProblemCode, problems, type Side } from './problems.ts'

/** §2.3: by who caused it, … */
const typeOfSide: Readonly<Record<Side, string>> = {
  caller: 'http_request_error',
  policy: 'http_request_denied',
  cap: 'http_request_denied',
  origin: 'destination_unavailable',
  gateway: 'proxy_internal_error',
}

/** … and more exactly where the RFC has a type for it. */
const exactTypes: Partial<Readonly<Record<ProblemCode, string>>> = {
  unidentified: 'http_request_denied',
  unauthenticated: 'http_request_denied',
  'address-denied': 'destination_ip_prohibited',
  'origin-tls-failed': 'tls_certificate_error',
  'origin-failed': 'http_protocol_error',
  'origin-timeout': 'http_response_timeout',
  'origin-connect-timeout': 'connection_timeout',
  'origin-tls-timeout': 'connection_timeout',
  'origin-first-byte-timeout': 'http_response_timeout',
  'origin-idle-timeout': 'connection_read_timeout',
  'total-timeout': 'http_response_timeout',
  'reply-too-large': 'http_response_body_size',
  draining: 'proxy_internal_response',
}

export function proxyStatusOf(code: ProblemCode): string {
  return `${ourselves}; error=${exactTypes[code] ?? typeOfSide[problems[code].side]}; details="${code}"`
}

const ourselves = 'sallyport'

/** Whether a `Proxy-Status` that an origin sent claims to be of this gateway. */
export function claimsOurStatus(value: string): boolean {
  return value.split(',').some((member) => /^\s*"?sallyport"?\s*(?:;|$)/i.test(member))
}
