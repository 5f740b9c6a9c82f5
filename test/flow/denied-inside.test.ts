/** A refused CONNECT whose caller trusts the CA is answered inside TLS: the request there gets the refusal, and nothing is looked up, dialled or counted as allowed. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { grant, type NetworkSource, toLocalhost } from '../support/grant.ts'
import { answerOf, ask, openSession } from '../support/http2.ts'
import { createInstallation, exchangeRaw, type Installation, main, proxyHeader, proxyUrl, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { startResolver } from '../support/resolver.ts'
import { connect } from '../support/sockets.ts'
import { exchangeInside, openInside, openTunnel, readAll } from '../support/tunnel.ts'

const denied = 'denied.example'
const request = `GET /a HTTP/1.1\r\nHost: ${denied}\r\n\r\n`
const intercepting: NetworkSource = { hosts: ['inside.example'], tls: 'intercept' }

type Granted = Parameters<typeof grant>[0]

async function arrange(t: TestContext, granted: Granted = {}, http: Readonly<Record<string, string>> = {}) {
  const origin = await startOrigin(t)
  const resolver = await startResolver(t, ['127.0.0.1'])
  const config = `http: ${JSON.stringify({ dnsServers: [`127.0.0.1:${resolver.port}`], ...http })}`
  const installation = createInstallation(t, { config })
  installation.write(
    'integrations/weather.yaml',
    grant({
      network: [intercepting, toLocalhost(origin.port), { hosts: ['private.example'], ports: [origin.port], tls: 'tunnel' }],
      ...granted,
    }),
  )
  const running = await startHere(t, installation)
  const to = { proxyPort: running.proxyPort, host: denied, port: 443, servername: denied }
  return { ...running, origin, resolver, installation, to }
}

const problemIn = (reply: string) => JSON.parse(reply.slice(reply.indexOf('\r\n\r\n')))
const recordsOf = (installation: Installation, key: 'id' | 'parent', id: unknown) =>
  installation.records().filter((record) => record[key] === id)
/** The settled record of a CONNECT is there: nothing more is written of it. */
const settled = (installation: Installation, id: unknown) =>
  eventually('it is settled', () => recordsOf(installation, 'id', id).find(({ type }) => type === 'settled'))

test('a denied host is neither looked up nor dialled, and the request inside gets the denial, recorded once', async (t) => {
  const { installation, origin, resolver, gateway, to } = await arrange(t)
  const reply = await exchangeInside(installation, to, request)
  assert.match(
    reply,
    /^HTTP\/1\.1 403 policy-denied\r\n.*sallyport-problem: policy-denied\r\n.*proxy-status: sallyport; error=http_request_denied; details="policy-denied"\r\n.*connection: close\r\n/is,
  )
  const { code, hint, instance } = problemIn(reply)
  assert.equal(code, 'policy-denied')
  // As the integration is granted the others: a blind tunnel would hide its requests.
  assert.deepEqual(hint, { manifest: 'weather.yaml', add: { network: [{ hosts: [denied], ports: [443], tls: 'intercept' }] } })
  const id = instance.replace('urn:sallyport:request:', '')
  const { status, problem, complete } = await settled(installation, id)
  assert.deepEqual({ status, problem, complete }, { status: 403, problem: 'policy-denied', complete: true })
  await gateway.close()
  const [decided, ...more] = recordsOf(installation, 'id', id)
  assert.deepEqual([decided?.['type'], decided?.['allow'], decided?.['kind']], ['decided', false, 'tunnel'])
  assert.equal(more.length, 1)
  assert.equal(installation.records().filter(({ door }) => door !== undefined).length, 1)
  assert.deepEqual(resolver.asked, [])
  assert.equal(origin.connections(), 0)
})

test('what is refused for its quota or its address is told so inside, with the status and Retry-After of that', async (t) => {
  const { installation, origin, proxyPort, to } = await arrange(t, { limits: { requests: { rate: '1/h', burst: 2 } } })
  const address = await exchangeInside(
    installation,
    { ...to, host: 'private.example', port: origin.port, servername: 'private.example' },
    request,
  )
  assert.match(address, /^HTTP\/1\.1 403 address-denied\r\n/)
  const plain = `GET http://localhost:${origin.port}/ HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`
  assert.match(await exchangeRaw(proxyPort, plain), /^HTTP\/1\.1 200 /)
  const quota = await exchangeInside(
    installation,
    { ...to, host: 'private.example', port: origin.port, servername: 'private.example' },
    request,
  )
  assert.match(quota, /^HTTP\/1\.1 429 quota-exceeded\r\n.*retry-after: \d+\r\n/is)
  const { instance, ...problem } = problemIn(quota)
  assert.deepEqual(problem['violated-policies'], ['requests'])
  assert.equal((await settled(installation, instance.replace('urn:sallyport:request:', '')))['problem'], 'quota-exceeded')
  assert.equal(origin.connections(), 1)
})

test('a refusal that waits in a tunnel for its caller holds no place among the requests that are open at once', async (t) => {
  const { origin, proxyPort } = await arrange(t, { limits: { concurrency: 1 } })
  // Refused for its address, so that it had been admitted.
  const waiting = await openTunnel(proxyPort, `private.example:${origin.port}`)
  const plain = `GET http://localhost:${origin.port}/ HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`
  await eachCase([1, 2], async () => assert.match(await exchangeRaw(proxyPort, plain), /^HTTP\/1\.1 200 /))
  const reply = readAll(waiting)
  waiting.write(request)
  assert.match(await reply, /^HTTP\/1\.1 403 address-denied\r\n/)
  assert.match(await exchangeRaw(proxyPort, plain), /^HTTP\/1\.1 200 /)
})

test('over HTTP/2 each stream gets the denial; the first is the CONNECT’s own, and the next connection is asked for anew', async (t) => {
  const { installation, to } = await arrange(t)
  const session = await openSession(t, installation, to)
  const closed = once(session, 'close')
  const head = { ':path': '/a', ':authority': denied }
  const answers = await Promise.all([ask(session, head), ask(session, { ...head, ':method': 'POST' }, 'body'), ask(session, head)])
  eachCase(answers, ({ headers, body }) => {
    assert.equal(headers[':status'], 403)
    assert.equal(JSON.parse(body).code, 'policy-denied')
  })
  await closed
  const [first = '', ...others] = answers.map(({ headers }) => String(headers['sallyport-request-id']))
  assert.equal((await settled(installation, first))['problem'], 'policy-denied')
  const inside = recordsOf(installation, 'parent', first)
  assert.deepEqual(
    inside.map(({ id, type, code }) => [id, type, code]),
    others.map((id) => [id, 'refused', 'policy-denied']),
  )
  assert.equal(installation.records().filter(({ allow }) => allow === true).length, 0)
})

test('a gRPC call inside gets its status', async (t) => {
  const { installation, to } = await arrange(t)
  const session = await openSession(t, installation, to)
  const stream = session.request({ ':method': 'POST', ':path': '/a.B/C', ':authority': denied, 'content-type': 'application/grpc' })
  stream.end()
  const { headers } = await answerOf(stream)
  assert.deepEqual([headers[':status'], headers['grpc-status']], [200, '7'])
})

test('HTTP/2 in the clear, as gRPC without TLS begins, gets the denial as a stream', async (t) => {
  const { proxyPort } = await arrange(t)
  const socket = await openTunnel(proxyPort, `${denied}:80`)
  const session = connectHttp2(`http://${denied}`, { createConnection: () => socket }).on('error', () => {})
  const closed = once(session, 'close')
  const { headers } = await ask(session, { ':path': '/a.B/C', ':method': 'POST', 'content-type': 'application/grpc' }, 'body')
  assert.deepEqual([headers[':status'], headers['grpc-status']], [200, '7'])
  await closed
})

test('the handshake of a WebSocket is answered so too', async (t) => {
  const { installation, to } = await arrange(t)
  const upgrade =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  const reply = await exchangeInside(installation, to, request.replace(/\r\n$/, `${upgrade}\r\n`))
  assert.match(reply, /^HTTP\/1\.1 403 policy-denied\r\n/)
  const { instance } = problemIn(reply)
  assert.equal((await settled(installation, instance.replace('urn:sallyport:request:', '')))['status'], 403)
  assert.equal(installation.records().filter(({ type }) => type === 'refused').length, 0)
})

test('requests that are pipelined behind the first are not answered, and what comes without TLS is, HTTP or not', async (t) => {
  const { installation, to, proxyPort } = await arrange(t)
  const pipelined = await exchangeInside(installation, to, request.repeat(3))
  assert.equal(pipelined.match(/HTTP\/1\.1 403 /g)?.length, 1)
  await eachCase([request, 'SSH-2.0-OpenSSH_9.6\r\n'], async (bytes) => {
    const clear = await openTunnel(proxyPort, `${denied}:80`)
    const reply = readAll(clear)
    clear.write(bytes)
    assert.match(await reply, /^HTTP\/1\.1 403 policy-denied\r\n/)
  })
  assert.equal(installation.records().filter(({ code }) => code === 'malformed-request').length, 0)
})

test('a caller that asks nothing inside, or does not trust the CA, is recorded with the refusal’s own code', async (t) => {
  const { installation, to } = await arrange(t)
  const left = await openInside(installation, to)
  left.destroy()
  const opened = await openTunnel(to.proxyPort, `${denied}:443`)
  const distrusting = connectTls({ socket: opened, servername: denied, ca: [] }).on('error', () => {})
  await once(distrusting, 'error')
  const ends = await eventually('both are settled', () => {
    const found = installation.records().filter(({ type, problem }) => type === 'settled' && problem === 'policy-denied')
    return found.length === 2 ? found : null
  })
  assert.deepEqual(
    ends.map(({ status, complete }) => [status, complete]),
    [
      [403, false],
      [403, false],
    ],
  )
})

test('a refusal while the gateway shuts down is read inside', async (t) => {
  const { installation, origin, gateway, proxyPort } = await arrange(t)
  const socket = connect(proxyPort, '127.0.0.1')
  const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
  // The head of the CONNECT has begun, so that the connection is not idle.
  socket.write(
    `GET http://localhost:${origin.port}/ HTTP/1.1\r\nHost: localhost:${origin.port}\r\n${auth}\r\nCONNECT inside.example:443 HTTP/1.1\r\n`,
  )
  await eventually('the first is settled', () => installation.records().some(({ type }) => type === 'settled'))
  const closed = gateway.close()
  socket.write(`${auth}\r\n`)
  await eventually('it is answered', () => String(socket.read() ?? '').includes('Connection Established'))
  const secure = connectTls({ socket, servername: 'inside.example', ca: installation.read('state/ca/ca.crt') }).on('error', () => {})
  const reply = readAll(secure)
  secure.write('GET / HTTP/1.1\r\nHost: inside.example\r\n\r\n')
  assert.match(await reply, /^HTTP\/1\.1 503 draining\r\n.*retry-after: 5\r\n/is)
  await closed
})

test('denials: connect, or an integration that intercepts nothing, has the CONNECT itself refused', async (t) => {
  const line = /^HTTP\/1\.1 403 policy-denied\r\n.*proxy-status: sallyport; error=http_request_denied; details="policy-denied"\r\n/is
  const { installation, proxyPort, gateway, to } = await arrange(t, { denials: 'connect' })
  const bytes = `CONNECT ${denied}:443 HTTP/1.1\r\nHost: ${denied}:443\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`
  assert.match(await exchangeRaw(proxyPort, bytes), line)
  installation.write('integrations/weather.yaml', grant({ network: [{ hosts: ['a.example'], tls: 'tunnel' }] }))
  await gateway.reload()
  assert.match(await exchangeRaw(proxyPort, bytes), line)
  installation.write('integrations/weather.yaml', grant({ network: [{ hosts: ['a.example'], tls: 'tunnel' }], denials: 'inside' }))
  await gateway.reload()
  assert.match(await exchangeInside(installation, to, request), /^HTTP\/1\.1 403 policy-denied\r\n/)
})

test('nobody, a malformed CONNECT and a flood get no handshake', async (t) => {
  const { proxyPort } = await arrange(t, { limits: { arrivals: { rate: '1/h', burst: 2 } } })
  const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
  await eachCase(
    [
      [`CONNECT ${denied}:443 HTTP/1.1\r\n\r\n`, '407 unidentified'],
      [`CONNECT ${denied} HTTP/1.1\r\n${auth}\r\n`, '400 malformed-request'],
      [`CONNECT ${denied}:443 HTTP/1.1\r\nContent-Length: 3\r\n${auth}\r\nabc`, '400 malformed-request'],
      [`CONNECT ${denied}:443 HTTP/1.1\r\n${auth}\r\n`, '429 arrivals-exceeded'],
    ] as const,
    async ([bytes, line]) => assert.equal((await exchangeRaw(proxyPort, bytes)).split('\r\n')[0], `HTTP/1.1 ${line}`),
  )
})

test('Node’s fetch reads why it was denied, through the environment’s proxy', async (t) => {
  const { installation, proxyPort } = await arrange(t)
  const script = `const res = await fetch('https://${denied}/a'); console.log(res.status, (await res.json()).code)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: {
      NODE_USE_ENV_PROXY: '1',
      HTTPS_PROXY: proxyUrl('weather', proxyPort),
      NODE_EXTRA_CA_CERTS: join(installation.folder, 'state/ca/ca.crt'),
    },
  })
  assert.equal(stdout, '403 policy-denied\n')
})

test('an address of either family is denied inside as a name is', async (t) => {
  const { installation, to } = await arrange(t)
  await eachCase(['[2001:db8::1]', '9.9.9.9', '[::ffff:9.9.9.9]'], async (host) => {
    const inside = { ...to, host, servername: '', tls: { checkServerIdentity: () => undefined } }
    const reply = await exchangeInside(installation, inside, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    assert.match(reply, /^HTTP\/1\.1 403 policy-denied\r\n/)
  })
})

test('a suspended integration is told so inside', async (t) => {
  const { installation, to } = await arrange(t)
  const { code } = await command(process.execPath, ['--no-warnings', main, 'suspend', 'weather', '--config', installation.configFile])
  assert.equal(code, 0)
  assert.match(await exchangeInside(installation, to, request), /^HTTP\/1\.1 403 suspended\r\n/)
})

test('a denied tunnel in which no request comes ends after http.headersTimeout, and is settled', async (t) => {
  const { installation, to } = await arrange(t, {}, { headersTimeout: '1s' })
  const shaken = await openInside(installation, to)
  const session = await openSession(t, installation, to)
  await Promise.all([once(shaken.resume(), 'close'), once(session, 'close')])
  await eventually('both are settled', () => {
    const ends = installation.records().filter(({ type, problem }) => type === 'settled' && problem === 'policy-denied')
    return ends.length === 2 && ends.every(({ complete }) => complete === false)
  })
})

test('a caller that waits for the other side to speak first, as with SSH, or ends its own side, is told after all', async (t) => {
  const { installation, to } = await arrange(t, {}, { headersTimeout: '1s' })
  const waiting = await openTunnel(to.proxyPort, `${denied}:22`)
  const ended = await openTunnel(to.proxyPort, `${denied}:22`)
  const replies = [readAll(waiting), readAll(ended)]
  ended.end()
  eachCase(await Promise.all(replies), (reply) => assert.match(reply, /^HTTP\/1\.1 403 policy-denied\r\n/))
  await eventually('both are settled', () => {
    const ends = installation.records().filter(({ type, problem }) => type === 'settled' && problem === 'policy-denied')
    return ends.length === 2 && ends.every(({ complete }) => complete === true)
  })
})

test('a denied tunnel stays denied when its host is allowed meanwhile; the next CONNECT is decided anew', async (t) => {
  const { installation, to, gateway, resolver } = await arrange(t)
  const before = await openInside(installation, to)
  installation.write('integrations/weather.yaml', grant({ network: [intercepting, { hosts: [denied], tls: 'intercept' }] }))
  await gateway.reload()
  const reply = readAll(before)
  before.write(request)
  assert.match(await reply, /^HTTP\/1\.1 403 policy-denied\r\n/)
  assert.deepEqual(resolver.asked, [])
  assert.match(await exchangeInside(installation, to, request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')), / address-denied\r\n/)
})

test('whenever its caller leaves, a denied CONNECT is settled, and once', async (t) => {
  const { installation, to, gateway } = await arrange(t)
  const parts = ['', '\x16\x03', `\x16\x03\x01\x00\x05hello`, 'GET /']
  await eachCase(parts, async (bytes) => {
    const socket = await openTunnel(to.proxyPort, `${denied}:443`)
    socket.end(Buffer.from(bytes, 'latin1')).resume()
    await once(socket, 'close')
  })
  await eachCase(['', 'GET /a HT', 'nonsense\r\n\r\n', request.replace('\r\n\r\n', '\r\nContent-Length: 9\r\n\r\nabc')], async (bytes) => {
    const secure = await openInside(installation, to)
    secure.end(bytes).resume()
    await once(secure, 'close')
  })
  const session = await openSession(t, installation, to)
  const stream = session.request({ ':path': '/a', ':authority': denied }).on('error', () => {})
  stream.close(8)
  await once(stream, 'close')
  session.destroy()
  const connects = () => installation.records().flatMap(({ door, id }) => (door === 'connect' ? [id] : []))
  await eachCase(connects(), (id) => settled(installation, id))
  await gateway.close()
  assert.equal(connects().length, 9)
  eachCase(connects(), (id) =>
    assert.deepEqual(
      recordsOf(installation, 'id', id).map(({ type }) => type),
      ['decided', 'settled'],
    ),
  )
})
