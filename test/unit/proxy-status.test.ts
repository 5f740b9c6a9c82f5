/** A refusal in `Proxy-Status`: a type of RFC 9209 for every code, and the code itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ProblemCode, problems, Refusal, toProblem } from '../../src/core/index.ts'
import { eachCase } from '../support/cases.ts'

const statusOf = (code: ProblemCode) => {
  const { headers } = toProblem(new Refusal(code, 'why'), 'id')
  return headers[headers.indexOf('proxy-status') + 1]
}

/** RFC 9209 §2.3, those that are used. */
const registered =
  /^sallyport; error=(?:http_request_error|http_request_denied|destination_ip_prohibited|destination_unavailable|tls_certificate_error|http_protocol_error|http_response_timeout|http_response_body_size|connection_timeout|connection_read_timeout|proxy_internal_error|proxy_internal_response); details="([a-z\d-]+)"$/

test('every code has a registered type', () =>
  eachCase(Object.keys(problems) as ProblemCode[], (code) =>
    assert.equal(registered.exec(statusOf(code) ?? '')?.[1], code, statusOf(code)),
  ))

test('the type says who refused', () =>
  eachCase(
    [
      ['policy-denied', 'http_request_denied'],
      ['quota-exceeded', 'http_request_denied'],
      ['unidentified', 'http_request_denied'],
      ['address-denied', 'destination_ip_prohibited'],
      ['malformed-request', 'http_request_error'],
      ['origin-unreachable', 'destination_unavailable'],
      ['breaker-open', 'destination_unavailable'],
      ['origin-connect-timeout', 'connection_timeout'],
      ['origin-idle-timeout', 'connection_read_timeout'],
      ['draining', 'proxy_internal_response'],
      ['audit-unavailable', 'proxy_internal_error'],
    ] as const,
    ([code, type]) => assert.equal(statusOf(code), `sallyport; error=${type}; details="${code}"`),
  ))
