/** One way to prove an identity wherever the gateway is asked by its own name: the token as `Authorization`, which no origin ever sees. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { ask, openSession } from '../support/http2.ts'
import { exchangeRaw, portOf, proxyHeader, proxyUrl, startHere } from '../support/installation.ts'
import type { Origin } from '../support/origin.ts'
import { startThreeDoors } from '../support/three-doors.ts'
import { exchangeInside } from '../support/tunnel.ts'

const own = 'Bearer weather-token'
const basic = proxyHeader('weather')
const forOrigin = 'Bearer key-of-the-origin'
const webSocket =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

async function arrange(t: TestContext) {
  const config = 'listeners: [{ name: all, address: "127.0.0.1:0" }, { name: own, address: "127.0.0.1:0", integration: weather }]'
  const { installation, plain, secure, gateway, proxyPort } = await startThreeDoors(t, [{}], { websocket: true, config, others: ['mail'] })
  /** What the origin was sent as Authorization. */
  const seenBy = (origin: Origin) => {
    const { rawHeaders = [] } = origin.requests.pop() ?? {}
    return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'authorization')
  }
  return { installation, plain, secure, proxyPort, ownPort: portOf(gateway, 1), seenBy }
}

test('a client with a base URL reaches a service, files and itself with nothing but its token', async (t) => {
  const { plain, proxyPort, seenBy } = await arrange(t)
  const ask = (path: string, authorization: string) => fetch(`http://127.0.0.1:${proxyPort}${path}`, { headers: { authorization } })
  await eachCase([own, basic], async (authorization) => {
    const reply = await ask('/services/s/v1/models', authorization)
    assert.deepEqual([reply.status, await reply.text()], [200, 'hello'])
    assert.deepEqual(seenBy(plain), [])
    assert.equal(((await (await ask('/v1/self', authorization)).json()) as { name: string }).name, 'weather')
    assert.equal((await ask('/v1/files/none/a', authorization)).status, 403)
  })
  await eachCase(['Bearer wrong', forOrigin, 'Basic d3Jvbmc='], (authorization) =>
    eachCase(['/services/s/v1/models', '/v1/self', '/v1/files/none/a'], async (path) => {
      const reply = await ask(path, authorization)
      assert.deepEqual([reply.status, ((await reply.json()) as { code: string }).code], [401, 'unauthenticated'])
      assert.match(reply.headers.get('www-authenticate') ?? '', /Bearer realm="sallyport"/)
    }),
  )
  assert.equal(plain.requests.length, 0)
})

test('an Authorization for the service passes beside Proxy-Authorization or on a listener of one’s own, and the token never does', async (t) => {
  const { plain, proxyPort, ownPort, seenBy } = await arrange(t)
  const proof = `Proxy-Authorization: ${basic}\r\n`
  await eachCase(
    [
      [proxyPort, `${proof}Authorization: ${forOrigin}`, [forOrigin]],
      [proxyPort, `${proof}Authorization: ${own}`, []],
      [proxyPort, `${proof}AUTHORIZATION: bearer  weather-token`, []],
      [proxyPort, `${proof}Authorization: ${basic}`, []],
      [proxyPort, `${proof}Authorization: ${own}\r\nAuthorization: ${forOrigin}`, [forOrigin]],
      // Some SDKs have a scheme of their own for their key, none at all, or send it as the name of a user.
      [proxyPort, `${proof}Authorization: token weather-token`, []],
      [proxyPort, `${proof}Authorization: weather-token`, []],
      [proxyPort, `${proof}Authorization: Bearer\tweather-token`, []],
      [proxyPort, `${proof}Authorization: Basic ${btoa('weather-token:')}`, []],
      [proxyPort, `${proof}Authorization: Basic ${btoa('me:key-of-the-origin')}`, [`Basic ${btoa('me:key-of-the-origin')}`]],
      [ownPort, `Authorization: ${forOrigin}`, [forOrigin]],
      [ownPort, `Authorization: ${own}`, []],
      // One that another integration lost.
      [proxyPort, `${proof}Authorization: Bearer mail-token`, []],
      [ownPort, `Authorization: Basic ${btoa('mail:mail-token')}`, []],
    ] as const,
    async ([port, head, expected]) => {
      const reply = await exchangeRaw(port, `GET /services/s/a HTTP/1.1\r\nHost: x\r\n${head}\r\nConnection: close\r\n\r\n`)
      assert.match(reply, /^HTTP\/1\.1 200 /)
      assert.deepEqual(seenBy(plain), expected)
    },
  )
})

test('the token is not passed on through the proxy or inside an interception either', async (t) => {
  const { installation, plain, secure, proxyPort, seenBy } = await arrange(t)
  const to = { proxyPort, port: secure.port }
  await eachCase(
    [
      [own, []],
      [forOrigin, [forOrigin]],
    ] as const,
    async ([authorization, expected]) => {
      const head = `Authorization: ${authorization}\r\nConnection: close\r\n`
      const through = `GET http://localhost:${plain.port}/ HTTP/1.1\r\nHost: localhost:${plain.port}\r\nProxy-Authorization: ${basic}\r\n${head}\r\n`
      assert.match(await exchangeRaw(proxyPort, through), /^HTTP\/1\.1 200 /)
      assert.deepEqual(seenBy(plain), expected)
      const inside = `GET / HTTP/1.1\r\nHost: localhost:${secure.port}\r\n${head}\r\n`
      assert.match(await exchangeInside(installation, to, inside), /^HTTP\/1\.1 200 /)
      assert.deepEqual(seenBy(secure), expected)
    },
  )
})

test('the token is not passed on over HTTP/2 either, inside an interception or to the proxy in the clear', async (t) => {
  const { installation, plain, secure, proxyPort, seenBy } = await arrange(t)
  const inside = await openSession(t, installation, { proxyPort, port: secure.port })
  const clear = connectHttp2(`http://127.0.0.1:${proxyPort}`).on('error', () => {})
  t.after(() => clear.destroy())
  const to = { ':scheme': 'http', ':authority': `localhost:${plain.port}`, 'proxy-authorization': basic }
  await eachCase(
    [
      [own, []],
      [basic, []],
      ['token weather-token', []],
      [forOrigin, [forOrigin]],
    ] as const,
    async ([authorization, expected]) => {
      assert.equal((await ask(inside, { ':path': '/', authorization })).headers[':status'], 200)
      assert.deepEqual(seenBy(secure), expected)
      assert.equal((await ask(clear, { ...to, ':path': '/', authorization })).headers[':status'], 200)
      assert.deepEqual(seenBy(plain), expected)
    },
  )
})

test('the handshake of a WebSocket to a service is proved so too, and its service does not see the token', async (t) => {
  const { plain, proxyPort } = await arrange(t)
  const heads: string[][] = []
  plain.server.on('upgrade', ({ rawHeaders }, socket) => {
    heads.push(rawHeaders.map((text) => text.toLowerCase()))
    socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n')
  })
  const reply = exchangeRaw(proxyPort, `GET /services/s/ws HTTP/1.1\r\nHost: x\r\nAuthorization: ${own}\r\n${webSocket}\r\n`)
  await once(plain.server, 'upgrade')
  await reply
  assert.equal(heads.length, 1)
  assert.equal(heads[0]?.includes('authorization'), false)
})

/** The problem document at the end of a reply. */
const selfIn = (reply: string) => JSON.parse(reply.slice(reply.lastIndexOf('\r\n\r\n'))).self as string | undefined

test('every denial links what its caller may do, as it can be reached: directly, or through the proxy as clients that are set up for it do', async (t) => {
  const { installation, proxyPort, ownPort, plain } = await arrange(t)
  const end = `Host: x\r\nProxy-Authorization: ${basic}\r\nConnection: close\r\n\r\n`
  const link = `http://127.0.0.1:${proxyPort}/v1/self`
  const denials = [
    await exchangeRaw(proxyPort, `GET http://denied.example/ HTTP/1.1\r\n${end}`),
    await exchangeRaw(proxyPort, `GET /services/other/ HTTP/1.1\r\n${end}`),
    await exchangeRaw(proxyPort, `GET /v1/files/none/a HTTP/1.1\r\n${end}`),
    await exchangeInside(
      installation,
      { proxyPort, host: 'denied.example', port: 443, servername: 'denied.example' },
      'GET / HTTP/1.1\r\nHost: denied.example\r\n\r\n',
    ),
  ]
  eachCase(denials, (reply) => assert.equal(selfIn(reply), link))
  const direct = await fetch(link, { headers: { authorization: own } })
  assert.equal(((await direct.json()) as { name: string }).name, 'weather')
  assert.match(await exchangeRaw(proxyPort, `GET ${link} HTTP/1.1\r\n${end}`), /^HTTP\/1\.1 200 .*"name": "weather"/s)
  const ofOwn = await exchangeRaw(ownPort, `GET http://denied.example/ HTTP/1.1\r\nHost: denied.example\r\nConnection: close\r\n\r\n`)
  assert.equal(selfIn(ofOwn), `http://127.0.0.1:${ownPort}/v1/self`)
  assert.match(await exchangeRaw(ownPort, `GET ${selfIn(ofOwn)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`), /"name": "weather"/)
  // Node's fetch makes a tunnel for it.
  const fetching = `const res = await fetch('${link}'); console.log(res.status, (await res.json()).name)`
  const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxyUrl('weather', proxyPort) }
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', fetching], { env })
  assert.equal(stdout, '200 weather\n')
  // What only looks like it is a request like any other.
  const other = await exchangeRaw(proxyPort, `GET http://127.0.0.1:${ownPort}/v1/self HTTP/1.1\r\n${end}`)
  assert.match(other, /^HTTP\/1\.1 403 policy-denied/)
  assert.equal(plain.connections(), 0)
})

test('nobody, a listener without the broker and one on a Unix socket are given no link', async (t) => {
  const { installation } = await arrange(t)
  const socket = join(installation.folder, 'w.sock')
  installation.write(
    'sallyport.yaml',
    installation
      .read('sallyport.yaml')
      .replace(
        /listeners:.*/,
        `listeners: [{ name: p, address: "127.0.0.1:0", doors: [proxy] }, { name: all, address: "127.0.0.1:0" }, { name: s, socket: ${socket} }]`,
      )
      .replace('admin:', 'state: ./state2\nadmin:'),
  )
  const { gateway } = await startHere(t, installation)
  const line = 'GET http://denied.example/ HTTP/1.1\r\nHost: denied.example\r\nConnection: close\r\n'
  const denied = `${line}Proxy-Authorization: ${basic}\r\n\r\n`
  assert.equal(selfIn(await exchangeRaw(portOf(gateway), denied)), undefined)
  assert.equal(selfIn(await exchangeRaw(portOf(gateway, 1), `${line}\r\n`)), undefined)
  assert.match(selfIn(await exchangeRaw(portOf(gateway, 1), denied)) ?? '', /\/v1\/self$/)
  assert.equal(selfIn(await exchangeRaw(socket as never, denied)), undefined)
})

test('a tunnel to the gateway itself leads to that one document, and to nothing without a token, on another port or at another path', async (t) => {
  const { installation, proxyPort, ownPort } = await arrange(t)
  const connecting = (port: number, proof = `Proxy-Authorization: ${basic}\r\n`) =>
    `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${proof}\r\n`
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
  const told = await exchangeRaw(proxyPort, `${connecting(proxyPort)}${get('/v1/self')}`)
  assert.match(told, /^HTTP\/1\.1 200 Connection Established\r\n.*HTTP\/1\.1 200 .*"name": "weather"/s)
  await eachCase([get('/v1/files/none/a'), get('/v1/selfish'), 'nonsense\r\n\r\n'], async (bytes) =>
    assert.match(await exchangeRaw(proxyPort, `${connecting(proxyPort)}${bytes}`), /^HTTP\/1\.1 200 [^{]*$/),
  )
  assert.match(await exchangeRaw(proxyPort, `${connecting(proxyPort, '')}`), /^HTTP\/1\.1 407 /)
  assert.match(await exchangeRaw(proxyPort, `${connecting(ownPort)}${get('/v1/self')}`), /HTTP\/1\.1 403 policy-denied/)
  const kinds = installation.records().flatMap(({ door, kind, allow }) => (door === 'connect' && allow === true ? [kind] : []))
  assert.deepEqual(kinds, ['self', 'self', 'self', 'self'])
  const ends = () =>
    installation.records().flatMap(({ type, status, complete }) => (type === 'settled' && status === 200 ? [complete] : []))
  await eventually('all are settled', () => ends().length === 4)
  assert.deepEqual(ends(), [true, false, false, false])
})
