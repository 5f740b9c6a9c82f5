/** A body that comes as a chunk for each byte costs what its chunks are many, and not that squared. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createInstallation, exchangeRaw, manifest, networkTo, proxyHeader, startHere } from '../support/installation.ts'
import { startRawOrigin } from '../support/raw-origin.ts'

const chunks = 100_000

/** Elements that were moved since, by all that take the first one out of a list. */
function countMoves(t: TestContext): () => number {
  const { shift } = Array.prototype
  let moved = 0
  Array.prototype.shift = function (this: unknown[]) {
    moved += this.length
    return shift.call(this)
  }
  t.after(() => {
    Array.prototype.shift = shift
  })
  return () => moved
}

test('a reply of a hundred thousand chunks is passed on whole, each chunk touched once', async (t) => {
  const origin = await startRawOrigin(
    t,
    (_request, socket) => void socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(chunks)}0\r\n\r\n`),
  )
  const installation = createInstallation(t, { manifests: { 'weather.yaml': manifest('weather', networkTo(origin.port)) } })
  const { proxyPort } = await startHere(t, installation)
  const moved = countMoves(t)
  const text = await exchangeRaw(
    proxyPort,
    `GET http://localhost:${origin.port}/ HTTP/1.0\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`,
  )
  assert.equal(text.slice(text.indexOf('\r\n\r\n') + 4), 'x'.repeat(chunks))
  assert.ok(moved() < 10 * chunks, `${moved()} were moved`)
})
