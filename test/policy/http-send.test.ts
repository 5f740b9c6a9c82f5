/** What of the request object of `http.send` is obeyed, and what is refused with words that say what is allowed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readHttpSend } from '../../src/policy/external-calls/http-send.ts'
import { eachCase } from '../support/cases.ts'

const timeoutOf = (timeout: unknown) =>
  readHttpSend(JSON.stringify({ method: 'get', url: 'http://a.example/', timeout }), 7_200_000).request.timeoutMs

test('a timeout is one of Go, or nanoseconds, and never longer than what the grant allows', () => {
  eachCase(
    [
      ['500ms', 500],
      ['2s', 2000],
      ['1h', 3_600_000],
      ['1h30m', 5_400_000],
      ['1.5s250us', 1500.25],
      [1e9, 1000],
      ['24h', 7_200_000],
    ] as const,
    ([timeout, ms]) => assert.equal(timeoutOf(timeout), ms),
  )
})

test('a timeout that is none is refused, and it is said what is allowed', () => {
  const message =
    /^the parameter "timeout" is ".*": expected a number of nanoseconds, or a duration such as "500ms", "2s" or "1h30m" \(ns, us, ms, s, m, h\)$/
  eachCase(['soon', '5', '-5s', '1d', '', '1h 30m'], (timeout) => assert.throws(() => timeoutOf(timeout), { message }))
})
