/** An answer on a raw socket ends, and the connection with it, whatever becomes of its bytes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { linger } from '../../src/ingress/linger.ts'
import { writeRaw } from '../../src/ingress/malformed.ts'
import type { Settling } from '../../src/pipeline.ts'
import type { SettlingEnd } from '../../src/settlement/index.ts'

/** As the doors set up a connection: what ends it soon lingers within bounds. */
function connection(write: (done: () => void) => void): Duplex {
  const socket = new Duplex({ read() {}, write: (_bytes, _encoding, done) => write(done), allowHalfOpen: true })
  return Object.assign(socket, { bytesRead: 0, destroySoon: () => linger(socket as never, null, { timeoutMs: 60, maxBytes: 1000 }) })
}

function refusal(ends: SettlingEnd[]): Settling {
  return {
    reply: { status: 400, headers: [], body: Buffer.from('no') },
    refused: true,
    refusal: null,
    meter: { sent: () => null, received: () => null },
    settle: (end) => void ends.push(end),
    leave() {},
    fail() {},
  }
}

test('one that is never heard of again, as under a TLS connection that was reset, is given up', async () => {
  const ends: SettlingEnd[] = []
  const socket = connection(() => {})
  writeRaw(refusal(ends), socket, 'id')
  await once(socket, 'close')
  assert.equal(ends[0]?.complete, false)
})

test('one that is out is complete, and the connection ends though the other side says nothing', async () => {
  const ends: SettlingEnd[] = []
  const socket = connection((done) => done())
  writeRaw(refusal(ends), socket, 'id')
  await once(socket, 'close')
  assert.deepEqual(ends[0], { complete: true, receivedBytes: 2 })
})
