/** What of a body is counted as sent: a whole one once, however often it is sent and wherever an attempt broke off. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { StreamedBody } from '../../src/ingress/request-body.ts'
import { all, times } from '../support/cases.ts'

/** A body of ten bytes that the policy has read. */
async function arrange(slices: readonly number[] | null = null) {
  const stream = new PassThrough()
  const exchange = Object.assign(new EventEmitter(), { closed: false })
  const body = new StreamedBody({ stream, exchange, isComplete: () => true, trailers: () => [], invite: () => {} }, 10)
  stream.end('0123456789')
  await body.buffer(100)
  const state = { counted: 0 }
  body.watch((bytes) => {
    if (slices === null) {
      state.counted += bytes
      return null
    }
    const left = [...slices]
    return {
      next: async () => {
        const slice = left.shift() ?? 0
        state.counted += slice
        return slice
      },
      end: () => {},
    }
  })
  const read = async () => Buffer.concat(await all(body.chunks(100))).toString()
  return { body, state, read }
}

test('a whole body counts once, through its chunks and without them', async () => {
  const { body, state, read } = await arrange()
  await times(2, async () => {
    assert.equal(await read(), '0123456789')
    assert.equal(body.count(10), null)
  })
  assert.equal(state.counted, 10)
})

test('a whole body that a bucket slows counts as far as an attempt came, and the next attempt pays the rest', async () => {
  const { body, state, read } = await arrange([4, 3, 3])
  const attempt = body.chunks(100)
  assert.equal(Buffer.from((await attempt.next()).value ?? '').toString(), '0123')
  await attempt.return(undefined)
  assert.equal(state.counted, 4)
  assert.notEqual(body.count(10), null)
  body.watch((bytes) => {
    state.counted += bytes
    return null
  })
  assert.equal(await read(), '0123456789')
  assert.equal(state.counted, 10)
  assert.equal(body.count(10), null)
})
