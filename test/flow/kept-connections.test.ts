/** A connection to an origin or a service that waits for its next request is the gateway's to close: nobody else may ever do so. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { createServer } from '../support/sockets.ts'

test('an unused kept connection is closed, whatever was asked over it and by whatever it was answered', async (t) => {
  const open = new Set<Socket>()
  let connections = 0
  // It never closes by itself.
  const server = createServer((socket) => {
    connections += 1
    open.add(socket)
    socket.on('error', () => {}).once('close', () => open.delete(socket))
    socket.on('data', (bytes) => {
      if (/^0\r\n\r\n$|HTTP\/1\.1\r\n/.test(bytes.toString('latin1'))) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    eachCase(open, (socket) => {
      socket.destroy()
    })
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const installation = createInstallation(t, {
    config: `http: { idleTimeout: 500ms }\nservices: [{ name: named, url: "http://localhost:${port}", addresses: [127.0.0.0/8, "::1/128"] }]`,
    manifests: { 'weather.yaml': grant({ services: [{ name: 'named' }], network: [toLocalhost(port)] }) },
  })
  const { proxyPort } = await startHere(t, installation)
  const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n`
  const big = `Content-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`
  await eachCase(
    [
      `GET http://localhost:${port}/ HTTP/1.1\r\nHost: localhost:${port}\r\n${auth}\r\n`,
      `POST http://localhost:${port}/ HTTP/1.1\r\nHost: localhost:${port}\r\n${auth}${big}`,
      `GET /services/named/ HTTP/1.1\r\nHost: gateway\r\n${auth}\r\n`,
    ],
    async (head) => {
      assert.match(await exchangeRaw(proxyPort, head), /^HTTP\/1\.1 200 /)
      await eventually('its connection is closed', () => open.size === 0)
    },
  )
  assert.equal(connections, 3)
})
