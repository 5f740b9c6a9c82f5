/** `retries` of a capability and of a service: what is sent again through every door, and what the record says of each attempt. */
import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { ask, openSession } from '../support/http2.ts'
import { startHttp2Origin } from '../support/http2-origin.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { connect, createServer } from '../support/sockets.ts'

/** Forwards connections to a port, after it has reset as many as it is told to. */
async function startFlaky(t: TestContext, port: number) {
  const state = { resets: 0 }
  const server = createServer((socket) => {
    socket.on('error', () => {})
    if (state.resets > 0) {
      state.resets -= 1
      return void socket.resetAndDestroy()
    }
    const on: Socket = connect(port, '127.0.0.1').on('error', () => socket.destroy())
    socket.pipe(on).pipe(socket)
    t.after(() => void on.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return Object.assign(state, { port: (server.address() as AddressInfo).port })
}

const retries = { attempts: 3, backoff: '1ms' } as const

async function arrange(t: TestContext) {
  const installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt }' })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  /** How often an origin is still too busy, and for how long it says so. */
  const state = { busy: 0, retryAfter: '0' }
  const isBusy = () => state.busy > 0 && state.busy-- > 0
  const answer = (req: IncomingMessage, res: ServerResponse) => {
    req.resume().on('end', () => (isBusy() ? res.writeHead(503, { 'retry-after': state.retryAfter }).end('busy') : res.end('hello')))
  }
  const answerOverHttp2 = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.resume().on('end', () => {
      if (headers[':path'] === '/reset' && isBusy()) return stream.close(7)
      stream.respond(isBusy() ? { ':status': 503, 'retry-after': state.retryAfter } : { ':status': 200 })
      stream.end('hello')
    })
  }
  const plain = await startOrigin(t, { answer })
  const http2 = await startHttp2Origin(t, { certificate, answer: answerOverHttp2 })
  const flaky = await startFlaky(t, http2.port)
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}services: [{ name: plain, url: "http://127.0.0.1:${plain.port}" }]\n`,
  )
  installation.write(
    'integrations/weather.yaml',
    grant({
      network: [
        toLocalhost(plain.port, { retries, timeouts: { total: '20s' } }),
        toLocalhost(http2.port, { tls: 'intercept', retries }),
        toLocalhost(flaky.port, { tls: 'intercept', retries }),
      ],
      services: [{ name: 'plain', retries }],
    }),
  )
  const { proxyPort } = await startHere(t, installation)
  const raw = (method: string, url: string) =>
    exchangeRaw(
      proxyPort,
      `${method} ${url} HTTP/1.1\r\nHost: localhost:${plain.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n${method === 'GET' ? '' : 'Content-Length: 5\r\n'}\r\n${method === 'GET' ? '' : 'hello'}`,
    ).then((text) => ({
      status: text.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length),
      id: /sallyport-request-id: (\S+)/i.exec(text)?.[1],
    }))
  const overHttp2 = async (method: string, port: number, path = '/') => {
    const session = await openSession(t, installation, { proxyPort, port })
    const { headers } = await ask(
      session,
      { ':method': method, ':path': path, ...(method !== 'GET' && { 'content-length': 5 }) },
      method === 'GET' ? undefined : 'hello',
    )
    return { status: String(headers[':status']), id: headers['sallyport-request-id'] }
  }
  const doors = {
    absolute: (method: string) => raw(method, `http://localhost:${plain.port}/`),
    service: (method: string) => raw(method, '/services/plain/'),
    http2: (method: string) => overHttp2(method, http2.port),
  }
  /** The status that the caller got, and what was recorded. */
  const settled = async ({ status, id }: { readonly status: string; readonly id: unknown }) => {
    const record = await eventually('it is settled', () =>
      installation.records().find((one) => one['type'] === 'settled' && one['id'] === id),
    )
    const retried = (record['retried'] ?? []) as { status?: number; problem?: string; sentBytes?: number; afterMs: number }[]
    return {
      status,
      attempts: record['attempts'] ?? 1,
      sentBytes: record['sentBytes'],
      retried: retried.map(({ afterMs: _afterMs, ...rest }) => rest),
    }
  }
  return { state, flaky, doors, settled, overHttp2 }
}

test('an origin or a service that is busy, and says until when, is asked again', async (t) => {
  const { state, doors, settled } = await arrange(t)
  await eachCase(['absolute', 'service', 'http2'] as const, async (door) => {
    state.busy = 2
    const former = { status: 503 }
    assert.deepEqual(await settled(await doors[door]('GET')), { status: '200', attempts: 3, sentBytes: 0, retried: [former, former] })
    // Each attempt had the body; its caller is charged for one.
    state.busy = 1
    assert.deepEqual(await settled(await doors[door]('PUT')), {
      ...{ status: '200', attempts: 2, sentBytes: 5 },
      retried: [{ status: 503, sentBytes: 5 }],
    })
  })
})

test('no more often than its attempts, not for longer than it may take, and never what is not idempotent', async (t) => {
  const { state, doors, settled } = await arrange(t)
  await eachCase(['absolute', 'service', 'http2'] as const, async (door) => {
    state.busy = 3
    assert.deepEqual((await settled(await doors[door]('GET'))).attempts, 3)
    state.busy = 1
    assert.deepEqual(await settled(await doors[door]('POST')), { status: '503', attempts: 1, sentBytes: 5, retried: [] })
    Object.assign(state, { busy: 1, retryAfter: '3600' })
    assert.deepEqual(await settled(await doors[door]('GET')), { status: '503', attempts: 1, sentBytes: 0, retried: [] })
    state.retryAfter = '0'
  })
})

test('an origin whose connections break before anything was sent is asked again', async (t) => {
  const { flaky, settled, overHttp2 } = await arrange(t)
  flaky.resets = 2
  const former = { problem: 'origin-unreachable' }
  assert.deepEqual(await settled(await overHttp2('GET', flaky.port)), {
    status: '200',
    attempts: 3,
    sentBytes: 0,
    retried: [former, former],
  })
})

test('over HTTP/2 a request that was refused unprocessed is sent again with its body, which counts once', async (t) => {
  const { state, settled, overHttp2, flaky } = await arrange(t)
  state.busy = 1
  assert.deepEqual(await settled(await overHttp2('PUT', flaky.port, '/reset')), {
    ...{ status: '200', attempts: 2, sentBytes: 5 },
    retried: [{ problem: 'origin-failed', sentBytes: 5 }],
  })
})

test('a caller that sends its body too slowly to be held for retries is cut by the time for all of it', async (t) => {
  const origin = await startOrigin(t)
  const bounded = { retries, timeouts: { total: '300ms' } }
  const installation = createInstallation(t, {
    config: `http: { lingerTimeout: 600ms }\nservices: [{ name: plain, url: "http://127.0.0.1:${origin.port}" }]`,
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port, bounded)], services: [{ name: 'plain', ...bounded }] }) },
  })
  const { proxyPort } = await startHere(t, installation)
  await eachCase([`http://localhost:${origin.port}/`, '/services/plain/'], async (url) => {
    const head = `PUT ${url} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n`
    assert.match(await exchangeRaw(proxyPort, `${head}Content-Length: 5\r\n\r\nhe`), /^HTTP\/1\.1 504 total-timeout\r\n/)
  })
  assert.equal(origin.connections(), 0)
})
