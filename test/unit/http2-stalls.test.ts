/** Which streams of HTTP/2 have stalled, by what has happened on them: those that wait for their callers, and not for the gateway. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { Http2Arrival } from '../../src/ingress/http2-arrival.ts'
import { eachCase } from '../support/cases.ts'

const idleMs = 1000
/** What Node says of a stream whose request is whole. */
const asked = { closed: false, readableEnded: true, writableEnded: false, headersSent: false, writableLength: 0 }
const states = [
  ['its request is not whole', { readableEnded: false }, true],
  ['its reply has not begun', {}, false],
  ['its reply has begun, and all of it so far is sent', { headersSent: true }, false],
  ['its reply is not taken', { headersSent: true, writableLength: 1 }, true],
  ['its reply is written to its end, and not gone', { headersSent: true, writableEnded: true }, true],
  ['it was reset, and is not gone', { closed: true }, true],
] as const

test('a stream stalls where the next move is its caller’s', (t) => {
  const clock = t.mock.method(performance, 'now', () => 0)
  eachCase(states, ([, state, hasStalled]) => {
    clock.mock.mockImplementation(() => 0)
    const stream = Object.assign(new EventEmitter(), asked, state)
    const arrival = new Http2Arrival('r', {} as never, stream as never, [])
    clock.mock.mockImplementation(() => idleMs)
    assert.equal(arrival.hasStalled(idleMs), hasStalled)
  })
})
