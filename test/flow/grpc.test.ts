/** gRPC through an interception, by its own library on both sides: every kind of call passes, and a refusal is a status. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import * as grpc from '@grpc/grpc-js'
import { all, eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, type Installation, startHere } from '../support/installation.ts'
import { openTunnel } from '../support/tunnel.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
const bytes = { serialize: (text: string) => Buffer.from(text), deserialize: (given: Buffer) => given.toString() }
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  ...{ path, requestStream, responseStream },
  ...{ requestSerialize: bytes.serialize, requestDeserialize: bytes.deserialize },
  ...{ responseSerialize: bytes.serialize, responseDeserialize: bytes.deserialize },
})
const methods = {
  unary: method('/test.Echo/Unary', false, false),
  gather: method('/test.Echo/Gather', true, false),
  spread: method('/test.Echo/Spread', false, true),
  both: method('/test.Echo/Both', true, true),
  never: method('/test.Echo/Never', false, false),
}
let installation: Installation
let client: grpc.Client
let cancelled = 0

before(async () => {
  const t = whole as never
  installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt }' })
  const { key, certificate } = await createOriginCertificate(installation.folder, 'localhost')
  const server = new grpc.Server()
  server.addService(methods, {
    unary: (call: grpc.ServerUnaryCall<string, string>, done: grpc.sendUnaryData<string>) => {
      const trailers = new grpc.Metadata()
      trailers.set('x-trailer', 'kept')
      if (call.request === 'fail') done({ code: grpc.status.NOT_FOUND, details: 'no such thing', metadata: trailers })
      else done(null, `${call.request} back`, trailers)
    },
    gather: (call: grpc.ServerReadableStream<string, string>, done: grpc.sendUnaryData<string>) => {
      const all: string[] = []
      call.on('data', (one: string) => all.push(one)).on('end', () => done(null, all.join('+')))
    },
    spread: (call: grpc.ServerWritableStream<string, string>) => {
      for (const letter of call.request) call.write(letter)
      call.end()
    },
    both: (call: grpc.ServerDuplexStream<string, string>) => {
      call.on('data', (one: string) => call.write(`${one} back`)).on('end', () => call.end())
    },
    never: (call: grpc.ServerUnaryCall<string, string>) => {
      call.on('cancelled', () => {
        cancelled += 1
      })
    },
  })
  const credentials = grpc.ServerCredentials.createSsl(null, [{ private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) }])
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error))),
  )
  whole.after(() => server.forceShutdown())
  const capability = toLocalhost(port, { tls: 'intercept', paths: ['/test.Echo/*'], methods: ['POST'] })
  installation.write('integrations/weather.yaml', grant({ network: [capability] }))
  const { proxyPort } = await startHere(t, installation)
  // The library sends no credentials to a proxy on this machine, so that each of its connections is put into a tunnel here.
  const tunnels = createServer((socket) => {
    socket.on('error', () => {})
    openTunnel(proxyPort, `localhost:${port}`).then(
      (tunnel) =>
        void tunnel
          .on('error', () => socket.destroy())
          .pipe(socket)
          .pipe(tunnel),
      () => socket.destroy(),
    )
  })
  await once(tunnels.listen(0, '127.0.0.1'), 'listening')
  whole.after(() => tunnels.close())
  const ca = readFileSync(join(installation.folder, 'state/ca/ca.crt'))
  client = new grpc.Client(`127.0.0.1:${(tunnels.address() as AddressInfo).port}`, grpc.credentials.createSsl(ca), {
    'grpc.ssl_target_name_override': 'localhost',
    'grpc.default_authority': `localhost:${port}`,
  })
  whole.after(() => client.close())
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

interface Ended {
  readonly status: grpc.StatusObject
  readonly reply: string | undefined
}

function unary(path: string, message: string, options: grpc.CallOptions = {}): Promise<Ended> {
  return new Promise((resolve) => {
    let reply: string | undefined
    const call = client.makeUnaryRequest(path, bytes.serialize, bytes.deserialize, message, options, (_error, given) => {
      reply = given
    })
    call.on('status', (status) => setImmediate(() => resolve({ status, reply })))
  })
}

test('a unary call passes with its reply, its status and its trailers', async () => {
  const { status, reply } = await unary(methods.unary.path, 'there')
  assert.deepEqual([status.code, reply, status.metadata.get('x-trailer')], [grpc.status.OK, 'there back', ['kept']])
  const failed = await unary(methods.unary.path, 'fail')
  assert.deepEqual([failed.status.code, failed.status.details], [grpc.status.NOT_FOUND, 'no such thing'])
})

test('a client stream is one reply', async () => {
  const reply = await new Promise<string | undefined>((resolve, reject) => {
    const call = client.makeClientStreamRequest(methods.gather.path, bytes.serialize, bytes.deserialize, (error, given) =>
      error === null ? resolve(given) : reject(error),
    )
    for (const one of ['a', 'b', 'c']) call.write(one)
    call.end()
  })
  assert.equal(reply, 'a+b+c')
})

test('a server stream comes message by message', async () => {
  const call = client.makeServerStreamRequest(methods.spread.path, bytes.serialize, bytes.deserialize, 'xyz')
  assert.deepEqual(await all(call), ['x', 'y', 'z'])
})

test('both sides stream at once: each answer comes before the next question', async () => {
  const call = client.makeBidiStreamRequest(methods.both.path, bytes.serialize, bytes.deserialize)
  await eachCase(['first', 'second'], async (question) => {
    call.write(question)
    assert.deepEqual(await once(call, 'data'), [`${question} back`])
  })
  call.end()
  const [status] = await once(call.resume(), 'status')
  assert.equal(status.code, grpc.status.OK)
})

test('a deadline of the caller ends the call at its origin', async () => {
  const { status } = await unary(methods.never.path, 'wait', { deadline: Date.now() + 300 })
  assert.equal(status.code, grpc.status.DEADLINE_EXCEEDED)
  await eventually('the origin knows', () => cancelled === 1)
})

test('a refusal is PERMISSION_DENIED with the problem in its details, and is recorded as the 403 that it is', async () => {
  const { status } = await unary('/other.Service/Call', 'hello')
  assert.equal(status.code, grpc.status.PERMISSION_DENIED)
  assert.match(status.details, /^policy-denied: /)
  const [details] = status.metadata.get('grpc-status-details-bin')
  assert.match(String(details), /google\.rpc\.ErrorInfo.*policy-denied.*sallyport/s)
  const [id] = status.metadata.get('sallyport-request-id')
  const record = () => installation.records().find((one) => one['type'] === 'settled' && one['id'] === id)
  assert.equal((await eventually('it is settled', record))['status'], 403)
})
