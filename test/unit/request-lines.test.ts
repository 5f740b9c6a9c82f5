/** Request lines of another protocol than HTTP are found wherever they stand and however their bytes are cut; the same words elsewhere are nobody's business. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { RequestLines } from '../../src/sockets/index.ts'
import { eachCase } from '../support/cases.ts'

const host = 'Host: a\r\n'
const harmless: Readonly<Record<string, string>> = {
  plain: `GET /a HTTP/1.1\r\n${host}\r\n`,
  'a header': `GET /b HTTP/1.1\r\n${host}Upgrade: RTSP/1.0\r\nX-Line: GET / RTSP/1.0\r\nX: SOURCE / ICE/1.0\r\n\r\n`,
  'a body of lines': `POST /c HTTP/1.1\r\n${host}Content-Length: 38\r\n\r\nOPTIONS * RTSP/1.0\r\nGET / RTSP/1.0\r\n\r\n`,
  'a body that ends in the middle of a line': `POST /d HTTP/1.1\r\n${host}Content-Length: 16\r\n\r\nGET / RTSP/1.0 X`,
  'a body that ends in half a name': `POST /e HTTP/1.1\r\n${host}Content-Length: 6\r\n\r\nX RTSP`,
  'chunks and a trailer': `POST /f HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n10;a=" RTSP/"\r\nGET / RTSP/1.0 X\r\n0\r\nX: a RTSP/1.0\r\n\r\n`,
  'empty lines in front': `\r\n\r\nGET /g HTTP/1.1\r\n${host}\r\n`,
  'a path that ends in half a name': `GET /R HTTP/1.1\r\n${host}X: a R\r\n\r\n`,
}
const foreign: Readonly<Record<string, string>> = {
  RTSP: `GET /x RTSP/1.0\r\n${host}\r\n`,
  'RTSP/1.1': `OPTIONS * RTSP/1.1\r\n${host}\r\n`,
  'a method of its own': `DESCRIBE rtsp://a/x RTSP/1.0\r\n${host}\r\n`,
  'two spaces': `POST /x  RTSP/1.0\r\n${host}\r\n`,
  ICE: `SOURCE /x ICE/1.0\r\n${host}\r\n`,
  'empty lines in front of it': `\r\nGET /x RTSP/1.0\r\n${host}\r\n`,
}

/** What a server made of the pieces: the paths of its requests with their bodies, and whether it refused the rest. */
async function serve(pieces: readonly Buffer[]): Promise<readonly string[]> {
  const seen: string[] = []
  let latest: IncomingMessage | null = null
  const server = createServer((req, res) => {
    latest = req
    lines.check(req)
    if (req.httpVersionMajor !== 1) {
      seen.push('refused')
      lines.stop()
      return
    }
    const at = seen.push(req.url ?? '') - 1
    req.on('data', (chunk: Buffer) => {
      seen[at] += ` ${chunk.toString('latin1')}`.replace(/^ /, seen[at]?.includes(' ') ? '' : ' ')
    })
    req.on('end', () => res.end())
  })
  server.on('clientError', (error) => seen.push(`error ${error.message}`))
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }) as unknown as Socket
  server.emit('connection', socket)
  const lines = new RequestLines(socket, () => latest?.complete !== false)
  for (const piece of pieces) {
    ;(socket as unknown as Duplex).push(piece)
    // A read of its own, as what the network brings.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const ended = once(socket, 'close')
  socket.destroy()
  await ended
  return seen
}

/** In two pieces at every place, in three around the middle of it, and byte by byte. */
function* cuts(bytes: Buffer): Generator<readonly Buffer[]> {
  yield [bytes]
  for (let at = 1; at < bytes.length; at += 1) yield [bytes.subarray(0, at), bytes.subarray(at)]
  yield Array.from(bytes, (byte) => Buffer.from([byte]))
}

test('a request that only mentions another protocol is served as it stands, however its bytes are cut', async () => {
  await eachCase(Object.entries(harmless), async ([what, text]) => {
    const bytes = Buffer.from(text + harmless['plain'], 'latin1')
    const whole = await serve([bytes])
    assert.equal(whole.length, 2, what)
    await eachCase(cuts(bytes), async (pieces) => assert.deepEqual(await serve(pieces), whole, `${what}: ${pieces.map(String).join('|')}`))
  })
})

test('a request line of another protocol is refused behind whatever it stands, however its bytes are cut', async () => {
  await eachCase(Object.entries(foreign), async ([what, text]) => {
    await eachCase(cuts(Buffer.from(text, 'latin1')), async (pieces) => assert.deepEqual(await serve(pieces), ['refused'], what))
    await eachCase(Object.entries(harmless), async ([before, first]) => {
      const [expected] = await serve([Buffer.from(first, 'latin1')])
      await eachCase(cuts(Buffer.from(first + text, 'latin1')), async (pieces) =>
        assert.deepEqual(await serve(pieces), [expected, 'refused'], `${what} behind ${before}: ${pieces.map(String).join('|')}`),
      )
    })
  })
})

test('gives the parser each chunk as it came, though it be a body of nothing but names, or a thousand heads with names', () => {
  const given: Buffer[] = []
  const socket = new Duplex({ read() {} }) as unknown as Socket
  socket.on('data', (chunk: Buffer) => void given.push(chunk))
  const lines = new RequestLines(socket, () => true)
  const head = `POST /a HTTP/1.1\r\n${host}X: a RTSP/1.0\r\n\r\n`
  const chunks = [' RTSP/'.repeat(100_000), ' ICE/'.repeat(100_000), head.repeat(1000)].map((text) => Buffer.from(text, 'latin1'))
  eachCase(chunks, (chunk) => {
    socket.emit('data', chunk)
  })
  lines.stop()
  assert.deepEqual(given, chunks)
})
