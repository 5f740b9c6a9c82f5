/** What a gateway is asked in an hour of an ordinary day, and by its operator, as one round: every door, denials, floods, tunnels, WebSockets, callers that leave. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { askGateway } from '../../src/cli/admin-client.ts'
import { exchangeRaw, type Installation, manifest, proxyHeader } from '../support/installation.ts'
import { connect } from '../support/sockets.ts'
import { exchangeInside, openTunnel } from '../support/tunnel.ts'

export interface Day {
  readonly installation: Installation
  readonly proxyPort: number
  readonly healthPort: number
  /** Of an origin, in plain HTTP and in TLS, and of one that sends back what it is sent. */
  readonly ports: { readonly plain: number; readonly tls: number; readonly echo: number }
}

export function manifestOf(name: string, { plain, tls, echo }: Day['ports'], note: number): string {
  const to = 'addresses: [127.0.0.0/8, "::1/128"]'
  const network = [
    `{ hosts: [localhost], ports: [${plain}], tls: none, paths: [/v1/**], ${to} }`,
    `{ hosts: [localhost], ports: [${tls}], tls: intercept, paths: [/v1/**], ${to} }`,
    `{ hosts: [localhost], ports: [${echo}], tls: tunnel, ${to} }`,
  ]
  const limits = 'limits: { arrivals: { rate: 100000/s, burst: 100000 }, requests: { rate: 100000/s, burst: 100000 } }'
  return manifest(
    name,
    `labels: { note: "${note}" }\nnetwork: [${network.join(', ')}]\nservices: [{ name: named, websocket: true }]\nfiles: [{ name: data, root: ../data, actions: [stat, list, read, write] }]\n${limits}`,
  )
}

const many = <T>(count: number, work: (at: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => work(at)))

/** One hour of traffic. Throws where an answer is another than the day's. */
export async function traffic({ installation, proxyPort, ports: { plain, tls, echo } }: Day, hour: number): Promise<void> {
  const ask = async (expected: number, target: string, { name = 'weather', method = 'GET', body = '' } = {}) => {
    const head = `${method} ${target} HTTP/1.1\r\nHost: localhost:${plain}\r\nProxy-Authorization: ${proxyHeader(name)}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`
    const reply = await exchangeRaw(proxyPort, head + body)
    assert.equal(Number(reply.slice(9, 12)), expected, `${method} ${target} as ${name}: ${reply.slice(0, 600)}`)
  }
  const http = `http://localhost:${plain}`
  await Promise.all([
    many(60, (at) => ask(200, `${http}/v1/items/${hour}/${at}`)),
    many(6, (at) => ask(200, `${http}/v1/items`, { method: 'POST', body: `{"at":${at}}` })),
    many(12, (at) => ask(403, `${http}/elsewhere/${hour}/${at}`)),
    many(6, () => ask(407, `${http}/v1/items`, { name: 'nobody' })),
    many(6, () => ask(400, `${http}/v1/%zz`)),
    many(12, () => ask(200, '/services/named/v1')),
    many(4, () => ask(200, '/v1/files/data/hello.txt')),
    many(2, (at) => ask(201, `/v1/files/data/${hour}-${at}.txt`, { method: 'PUT', body: 'new' })),
    many(20, () =>
      exchangeRaw(
        proxyPort,
        `GET ${http}/v1 HTTP/1.1\r\nHost: h\r\nProxy-Authorization: ${proxyHeader('flood')}\r\nConnection: close\r\n\r\n`,
      ),
    ),
    many(4, async () => {
      const bytes = `GET /v1/inside HTTP/1.1\r\nHost: localhost:${tls}\r\nConnection: close\r\n\r\n`
      assert.match(await exchangeInside(installation, { proxyPort, port: tls }, bytes), /^HTTP\/1\.1 200 /)
    }),
    many(4, async () => {
      const socket = await openTunnel(proxyPort, `localhost:${echo}`)
      const sent = Buffer.alloc(64 * 1024, 'x')
      let received = 0
      socket.write(sent)
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        received += chunk.byteLength
        if (received >= sent.byteLength) break
      }
      socket.destroy()
      assert.equal(received, sent.byteLength)
    }),
    many(3, async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${proxyPort}/services/named/ws`, {
        headers: { 'proxy-authorization': proxyHeader('weather') },
      })
      await once(socket, 'open')
      socket.send('hello')
      assert.equal(String((await once(socket, 'message'))[0]), 'hello')
      socket.close()
      await once(socket, 'close')
    }),
    many(4, async () => {
      // Leaves in the middle of an answer.
      const socket = connect(proxyPort, '127.0.0.1')
      socket.write(`GET ${http}/v1/slow HTTP/1.1\r\nHost: localhost:${plain}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`)
      await once(socket, 'data')
      socket.destroy()
    }),
  ])
}

/** What the operator does in it: a reload, a suspension that cuts a tunnel, scrapes, a rollback, other rules to be tried. */
export async function operation({ installation, proxyPort, healthPort, ports }: Day, hour: number): Promise<void> {
  const socket = join(installation.folder, 'state/admin.sock')
  const post = async (path: string) => {
    const { status, body } = await askGateway(socket, 'POST', `/v1/${path}`, 120_000)
    assert.equal(status, 200, `${path}: ${JSON.stringify(body)}`)
  }
  installation.write('integrations/weather.yaml', manifestOf('weather', ports, hour))
  if (hour % 6 === 5)
    installation.write('shadow/c.rego', `package sallyport.rules\n\ndeny contains "shadow" if input.http.path == "/v1/${hour % 12}"\n`)
  await post('reload')
  const tunnel = await openTunnel(proxyPort, `localhost:${ports.echo}`)
  tunnel.on('error', () => {}).resume()
  const cut = once(tunnel, 'close')
  await post('integrations/weather/suspend')
  await cut
  await post('integrations/weather/resume')
  if (hour % 4 === 3) {
    await post('policy/rollback')
    await post('policy/follow')
  }
  for (let scrape = 0; scrape < 3; scrape += 1) {
    const metrics = await (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text()
    assert.match(metrics, /^sallyport_internal_errors_total 0$/m)
  }
  for (const path of ['status', 'usage', 'policy']) assert.equal((await askGateway(socket, 'GET', `/v1/${path}`)).status, 200)
}
