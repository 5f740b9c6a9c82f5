/** Header bytes beyond ASCII come out as they went in, whatever way a head leaves (RFC 9110 §5.5). */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createInstallation, manifest, networkTo, proxyHeader, startHere } from '../support/installation.ts'
import { startRawOrigin } from '../support/raw-origin.ts'

test('bytes of headers are the same in front of a body that waits as in front of one that is there', async (t) => {
  const waiting: Socket[] = []
  const origin = await startRawOrigin(t, ({ line }, socket) => {
    socket.write(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name: n\xe9e \xff\r\n\r\n', 'latin1'))
    if (line.includes('/waits')) waiting.push(socket)
    else socket.write('ok')
  })
  const installation = createInstallation(t, { manifests: { 'weather.yaml': manifest('weather', networkTo(origin.port)) } })
  const { proxyPort } = await startHere(t, installation)
  for (const [method, path, body] of [
    ['GET', '/at-once', ''],
    ['GET', '/waits', ''],
    ['POST', '/at-once', 'hello'],
    ['POST', '/waits', 'hello'],
  ] as const) {
    const socket = connect(proxyPort, '127.0.0.1')
    t.after(() => socket.destroy())
    let reply = ''
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        reply += chunk.toString('latin1')
      })
    const authority = `localhost:${origin.port}`
    const head = `${method} http://${authority}${path} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nX-Name: n\xe9e \xff\r\n`
    socket.write(Buffer.from(`${head}${body === '' ? '' : `Content-Length: ${body.length}\r\n`}\r\n${body}`, 'latin1'))
    await eventually('the head is there', () => reply.includes('\r\n\r\n'))
    assert.match(reply, /\r\nX-Name: n\xe9e \xff\r\n/, `${method} ${path}`)
    waiting.pop()?.write('ok')
    await eventually('the body is there', () => reply.endsWith('ok'))
    assert.ok(origin.requests.at(-1)?.headers.includes('X-Name: n\xe9e \xff'), `${method} ${path}`)
  }
})
