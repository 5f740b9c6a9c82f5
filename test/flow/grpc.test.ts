/** gRPC through an interception, by its own library on both sides: every kind of call passes, and a refusal is a status. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import * as grpc from '@grpc/grpc-js'
import { all, eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { both, type EchoServer, gather, methods, neverAnswered, spread, startEchoServer, unary } from '../support/grpc-echo.ts'
import { createInstallation, type Installation, startHere } from '../support/installation.ts'
import { startTunnels } from '../support/tunnel.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
let installation: Installation
let client: grpc.Client
let server: EchoServer

before(async () => {
  const t = whole as never
  installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt }' })
  const { key, certificate } = await createOriginCertificate(installation.folder, 'localhost')
  const credentials = grpc.ServerCredentials.createSsl(null, [{ private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) }])
  server = await startEchoServer(t, credentials)
  const { port } = server
  const capability = toLocalhost(port, { tls: 'intercept', paths: ['/test.Echo/*'], methods: ['POST'] })
  installation.write('integrations/weather.yaml', grant({ network: [capability] }))
  const { proxyPort } = await startHere(t, installation)
  // The library sends no credentials to a proxy on this machine, so that each of its connections is put into a tunnel here.
  const tunnels = await startTunnels(t, proxyPort, `localhost:${port}`)
  const ca = readFileSync(join(installation.folder, 'state/ca/ca.crt'))
  client = new grpc.Client(`127.0.0.1:${tunnels}`, grpc.credentials.createSsl(ca), {
    'grpc.ssl_target_name_override': 'localhost',
    'grpc.default_authority': `localhost:${port}`,
  })
  whole.after(() => client.close())
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

test('a unary call passes with its reply, its status and its trailers', async () => {
  const { status, reply } = await unary(client, methods.unary.path, 'there')
  assert.deepEqual([status.code, reply, status.metadata.get('x-trailer')], [grpc.status.OK, 'there back', ['kept']])
  const failed = await unary(client, methods.unary.path, 'fail')
  assert.deepEqual([failed.status.code, failed.status.details], [grpc.status.NOT_FOUND, 'no such thing'])
})

test('a client stream is one reply', async () => {
  assert.equal(await gather(client, ['a', 'b', 'c']), 'a+b+c')
})

test('a server stream comes message by message', async () => {
  assert.deepEqual(await all(spread(client, 'xyz')), ['x', 'y', 'z'])
})

test('both sides stream at once: each answer comes before the next question', async () => {
  const call = both(client)
  await eachCase(['first', 'second'], async (question) => {
    call.write(question)
    assert.deepEqual(await once(call, 'data'), [`${question} back`])
  })
  call.end()
  const [status] = await once(call.resume(), 'status')
  assert.equal(status.code, grpc.status.OK)
})

test('a deadline of the caller ends the call at its origin', async () => {
  const { code } = await neverAnswered(client)
  assert.equal(code, grpc.status.DEADLINE_EXCEEDED)
  await eventually('the origin knows', () => server.cancelled > 0)
})

test('a refusal is PERMISSION_DENIED with the problem in its details, and is recorded as the 403 that it is', async () => {
  const { status } = await unary(client, '/other.Service/Call', 'hello')
  assert.equal(status.code, grpc.status.PERMISSION_DENIED)
  assert.match(status.details, /^policy-denied: /)
  const [details] = status.metadata.get('grpc-status-details-bin')
  assert.match(String(details), /google\.rpc\.ErrorInfo.*policy-denied.*sallyport/s)
  const [id] = status.metadata.get('sallyport-request-id')
  const record = () => installation.records().find((one) => one['type'] === 'settled' && one['id'] === id)
  assert.equal((await eventually('it is settled', record))['status'], 403)
})
