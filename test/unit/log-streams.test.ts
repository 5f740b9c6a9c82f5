/** Streams of records whose readers are slow, leave, or may no longer read. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createStreams, type StreamsOptions } from '../../src/admin/log/streams.ts'
import type { Principal } from '../../src/operators/index.ts'
import { until } from '../support/cases.ts'
import { openEvents } from '../support/event-stream.ts'

const ann: Principal = { name: 'ann', role: 'auditor', personal: true, by: 'token', expiresAtMs: null }
const soon = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A log that has always more: a piece of 64 KiB for each time that it is asked. */
async function arrange(
  t: TestContext,
  { principal = ann, isEndless = true, ...options }: Partial<StreamsOptions> & { principal?: Principal; isEndless?: boolean },
) {
  let pieces = 0
  const ends: string[] = []
  const streams = createStreams({
    maxStreams: 4,
    onFailed: () => {},
    ...options,
    reads: {
      once: async () => {},
      together: async () => {},
      begin: async () => ({ add: () => {}, end: (how) => void ends.push(how) }),
      close: () => {},
    },
    reader: {
      stream(_job, { events }) {
        const more = () => {
          pieces += 1
          const last = pieces
          if (isEndless) setImmediate(() => events({ text: `id: ${last}\ndata: ${'x'.repeat(65_536)}\n\n`, records: 1, last }))
        }
        more()
        return { more, end: () => {} }
      },
    },
  })
  const server = createServer(
    (_req, res) => void streams.open(res, principal, { kind: 'stream', from: 0, filter: {}, sample: null, hidden: [] }, {}),
  )
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { streams, ends, pieces: () => pieces, open: () => openEvents(t, port, '/') }
}

test('a reader that does not read is disconnected with a last event that says so, and nothing is kept for it', async (t) => {
  const { open, streams, pieces, ends } = await arrange(t, { slowMs: 100 })
  const stream = await open()
  stream.pause()
  await until(() => streams.count() === 0, soon)
  const held = pieces()
  assert.ok(held < 500, `${held} pieces of 64 KiB were taken from the log`)
  assert.deepEqual(ends, ['slow'])
  stream.resume()
  await stream.ended()
  const last = stream.events.at(-1)
  assert.equal(last?.type, 'end')
  assert.partialDeepStrictEqual(JSON.parse(last?.data ?? ''), { reason: 'slow', last: held })
})

test('a reader that reads gets everything, and one that leaves frees its place', async (t) => {
  const { open, streams, ends } = await arrange(t, { slowMs: 10_000 })
  const stream = await open()
  const events = await stream.until(({ length }) => length > 200)
  assert.deepEqual(
    events.map(({ id }) => Number(id)),
    events.map((_, index) => index + 1),
  )
  stream.leave()
  await until(() => streams.count() === 0, soon)
  assert.deepEqual(ends, ['the reader has left'])
})

test('a stream ends when what proved its reader does', async (t) => {
  const { open, ends } = await arrange(t, { isEndless: false, principal: { ...ann, expiresAtMs: 1000 }, wallClock: () => 950 })
  const stream = await open()
  await stream.ended()
  assert.deepEqual(
    stream.events.map(({ type, data }) => [type, JSON.parse(data).reason]),
    [['end', 'expired']],
  )
  assert.deepEqual(ends, ['expired'])
})

test('a heartbeat says how far the log was looked at', async (t) => {
  // It expires later than any timer of Node can say.
  const principal = { ...ann, expiresAtMs: Date.now() + 2 ** 33 }
  const { open } = await arrange(t, { isEndless: false, heartbeatMs: 10, principal })
  const stream = await open()
  await until(() => stream.raw().includes(': heartbeat'), soon)
  assert.deepEqual(stream.events, [])
})
