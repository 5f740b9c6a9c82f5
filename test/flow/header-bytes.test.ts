/** Headers come out as they went in, whatever way a head leaves: their bytes beyond ASCII (RFC 9110 §5.5), and however many there are. */

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { headerOf, startRawOrigin } from '../support/raw-origin.ts'
import { connect } from '../support/sockets.ts'

test('bytes of headers are the same in front of a body that waits as in front of one that is there', async (t) => {
  const waiting: Socket[] = []
  const origin = await startRawOrigin(t, ({ line }, socket) => {
    socket.write(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name: n\xe9e \xff\r\n\r\n', 'latin1'))
    if (line.includes('/waits')) waiting.push(socket)
    else socket.write('ok')
  })
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) } })
  const { proxyPort } = await startHere(t, installation)
  await eachCase(
    [
      ['GET', '/at-once', ''],
      ['GET', '/waits', ''],
      ['POST', '/at-once', 'hello'],
      ['POST', '/waits', 'hello'],
    ] as const,
    async ([method, path, body]) => {
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
    },
  )
})

test('a head is bounded by its bytes and not by how many headers it has', async (t) => {
  const origin = await startRawOrigin(t, (_request, socket) => void socket.end('HTTP/1.1 204 No Content\r\n\r\n'))
  const authority = `localhost:${origin.port}`
  const installation = createInstallation(t, {
    config: `http: { maxHeader: 64KiB }\nservices: [{ name: plain, url: "http://${authority}" }]`,
    manifests: { 'weather.yaml': grant({ services: [{ name: 'plain' }], network: [toLocalhost(origin.port)] }) },
  })
  const { proxyPort } = await startHere(t, installation)
  await eachCase([`http://${authority}/`, '/services/plain/'], async (target) => {
    const head = `GET ${target} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n`
    const many = `${'A: \r\n'.repeat(3000)}${'Cookie: a=b\r\n'.repeat(1000)}X-Last: here\r\n`
    assert.match(await exchangeRaw(proxyPort, `${head}${many}\r\n`), /^HTTP\/1\.1 204 /, target)
    const { headers } = origin.requests.at(-1) ?? { headers: [] }
    assert.deepEqual(headerOf(headers, 'x-last'), ['here'])
    assert.deepEqual(headerOf(headers, 'a'), Array(3000).fill(''))
    assert.deepEqual(headerOf(headers, 'cookie'), [Array(1000).fill('a=b').join('; ')])
    assert.match(await exchangeRaw(proxyPort, `${head}X-Long: ${'a'.repeat(65_536)}\r\n\r\n`), /^HTTP\/1\.1 431 /, target)
  })
})
