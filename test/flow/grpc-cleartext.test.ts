/** gRPC without TLS: its library reaches a server through the proxy's port, and through a tunnel that the gateway opens, over the same path. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import * as grpc from '@grpc/grpc-js'
import { all, eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { both, type EchoServer, gather, methods, neverAnswered, spread, startEchoServer, unary } from '../support/grpc-echo.ts'
import { createInstallation, type Installation, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { startTunnels } from '../support/tunnel.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }

let installation: Installation
let server: EchoServer
let proxyPort: number
let proxied: grpc.Client
let tunnelled: grpc.Client
/** To an origin that speaks HTTP/1.1 only. */
let misled: grpc.Client

function proof(): grpc.Metadata {
  const metadata = new grpc.Metadata()
  metadata.set('proxy-authorization', proxyHeader('weather'))
  return metadata
}

function openClient(port: number, authority: string): grpc.Client {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), { 'grpc.default_authority': authority })
  whole.after(() => client.close())
  return client
}

before(async () => {
  const t = whole as never
  installation = createInstallation(t, {})
  server = await startEchoServer(t, grpc.ServerCredentials.createInsecure())
  const http1 = await startOrigin(t)
  const to = { paths: ['/test.Echo/*'], methods: ['POST'] }
  const network = [server, http1].flatMap(({ port }) => [
    toLocalhost(port, { ...to, tls: 'none' }),
    toLocalhost(port, { ...to, tls: 'intercept' }),
  ])
  installation.write('integrations/weather.yaml', grant({ network }))
  proxyPort = (await startHere(t, installation)).proxyPort
  // The library sends no credentials to a proxy on this machine, so that each of its connections is put into a tunnel here.
  const tunnels = await startTunnels(t, proxyPort, `localhost:${server.port}`)
  proxied = openClient(proxyPort, `localhost:${server.port}`)
  misled = openClient(proxyPort, `localhost:${http1.port}`)
  tunnelled = openClient(tunnels, `localhost:${server.port}`)
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

const ways = () => [
  { way: 'the proxy', client: proxied, door: 'proxy' },
  { way: 'a tunnel', client: tunnelled, door: 'intercept' },
]
const decidedBy = (id: unknown) => installation.records().find((record) => record['type'] === 'decided' && record['id'] === id)

test('every kind of call passes, with its status and its trailers, and is recorded', () =>
  eachCase(ways(), async ({ client, door }) => {
    const { status, reply } = await unary(client, methods.unary.path, 'there', { metadata: proof() })
    assert.deepEqual([status.code, reply, status.metadata.get('x-trailer')], [grpc.status.OK, 'there back', ['kept']])
    assert.equal(await gather(client, ['a', 'b', 'c'], proof()), 'a+b+c')
    assert.deepEqual(await all(spread(client, 'xyz', proof())), ['x', 'y', 'z'])
    const call = both(client, proof())
    await eachCase(['first', 'second'], async (question) => {
      call.write(question)
      assert.deepEqual(await once(call, 'data'), [`${question} back`])
    })
    call.end()
    assert.equal((await once(call.resume(), 'status'))[0].code, grpc.status.OK)
    const decided = installation.records().filter((record) => record['type'] === 'decided' && record['door'] === door)
    assert.ok(decided.length >= 4)
  }))

test('a failure of the server is its own, and a deadline of the caller ends its call', () =>
  eachCase(ways(), async ({ client }) => {
    const failed = await unary(client, methods.unary.path, 'fail', { metadata: proof() })
    assert.deepEqual([failed.status.code, failed.status.details], [grpc.status.NOT_FOUND, 'no such thing'])
    const before = server.cancelled
    const { code } = await neverAnswered(client, proof())
    assert.equal(code, grpc.status.DEADLINE_EXCEEDED)
    await eventually('the origin knows', () => server.cancelled > before)
  }))

test('what is denied is PERMISSION_DENIED, and recorded', () =>
  eachCase(ways(), async ({ client, door }) => {
    const { status } = await unary(client, '/other.Service/Call', 'hello', { metadata: proof() })
    assert.equal(status.code, grpc.status.PERMISSION_DENIED)
    assert.equal(decidedBy(status.metadata.get('sallyport-request-id')[0])?.['door'], door)
  }))

test('a tunnel that is denied says so inside, where its caller reads it', async () => {
  const port = await startTunnels(whole, proxyPort, 'localhost:1')
  const { status } = await unary(openClient(port, 'localhost:1'), methods.unary.path, 'there')
  assert.equal(status.code, grpc.status.PERMISSION_DENIED)
  assert.match(status.details, /^policy-denied: /)
})

test('a call without proof of who asks is UNAUTHENTICATED at the proxy', async () => {
  const { status } = await unary(proxied, methods.unary.path, 'there')
  assert.equal(status.code, grpc.status.UNAUTHENTICATED)
  assert.match(status.details, /^unidentified: /)
})

test('a call to what speaks no HTTP/2 is UNAVAILABLE', async () => {
  const { status } = await unary(misled, methods.unary.path, 'there', { metadata: proof() })
  assert.equal(status.code, grpc.status.UNAVAILABLE)
})
