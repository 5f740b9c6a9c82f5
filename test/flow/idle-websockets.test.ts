/** An open WebSocket inside a tunnel is no request whose head is late, and ends with the gateway like every other. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { WebSocket } from 'ws'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { echoMessages } from '../support/client-gateway.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { openInside, openTunnel, readAll } from '../support/tunnel.ts'

/** A gateway that soon refuses a head that does not come, and how to get inside its tunnels. */
async function arrange(t: TestContext) {
  const installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt, headersTimeout: 1s }\ndrainTimeout: 1s' })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const plain = await startOrigin(t)
  const secure = await startOrigin(t, { certificate })
  for (const { server } of [plain, secure]) server.on('upgrade', echoMessages)
  const capability = { paths: ['/live'], websocket: true }
  const network = [toLocalhost(plain.port, capability), toLocalhost(secure.port, { tls: 'intercept', ...capability })]
  installation.write('integrations/weather.yaml', grant({ network }))
  const { gateway, proxyPort } = await startHere(t, installation)
  const inside = () => openInside(installation, { proxyPort, port: secure.port })
  const tunnel = await openTunnel(proxyPort, `localhost:${plain.port}`)
  const sockets = [await opened(tunnel, plain.port), await opened(await inside(), secure.port)]
  return { gateway, inside, sockets }
}

async function opened(tunnel: Socket, port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://localhost:${port}/live`, { createConnection: () => tunnel })
  await once(socket, 'open')
  return socket
}

test('it outlives the time for a head, which a silent connection beside it does not', async (t) => {
  const { inside, sockets } = await arrange(t)
  assert.match(await readAll(await inside()), /^HTTP\/1\.1 408 /)
  await eachCase(sockets, async (socket) => {
    socket.send('still here')
    const [data] = await once(socket, 'message')
    assert.equal(String(data), 'still here')
  })
})

test('it is cut when the gateway has waited for it', async (t) => {
  const { gateway, sockets } = await arrange(t)
  const closed = sockets.map((socket) =>
    once(
      socket.on('error', () => {}),
      'close',
    ),
  )
  await gateway.close()
  await Promise.all(closed)
})
