/** The sink that posts batches: what a receiver gets, what counts as taken, and what is never taken. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { webhookHeaders } from '../../src/bundles/index.ts'
import { Refused, RetryLater, type Shipped } from '../../src/sinks/sink.ts'
import { createWebhookSink, type WebhookConfig } from '../../src/sinks/webhook-sink.ts'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { createGrowingLog } from '../support/growing-log.ts'
import { shipTo } from '../support/receiver.ts'
import { shippedCheckpoint, shippedRecords } from '../support/shipped.ts'

const { signal } = new AbortController()
const nowMs = Date.parse('2026-11-28T04:00:00Z')

interface Received {
  readonly headers: IncomingMessage['headers']
  readonly items: readonly { readonly seq?: number }[]
}

/** Answers with 204, or as `answer` does for a while. */
async function startReceiver(t: TestContext, make: (answer: (req: IncomingMessage, res: ServerResponse) => void) => Server = createServer) {
  const received: Received[] = []
  const state: { answer: ((res: ServerResponse) => void) | null } = { answer: null }
  const server = make(async (req, res) => {
    const body = await buffer(req)
    const content = req.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
    if (state.answer !== null) return state.answer(res)
    received.push({ headers: req.headers, items: JSON.parse(content.toString()) })
    res.writeHead(204).end()
  })
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  await listen(0)
  t.after(close)
  const { port } = server.address() as AddressInfo
  return { received, state, port, close, listen: () => listen(port) }
}

function sinkTo(t: TestContext, port: number, more: Partial<WebhookConfig> = {}) {
  const config = {
    type: 'webhook',
    name: 'siem',
    view: 'json',
    batch: 500,
    timeout: 20_000,
    maxDelay: 20,
    headers: {},
    gzip: true,
  } as const
  const sink = createWebhookSink({ ...config, url: `http://127.0.0.1:${port}/hooks/audit`, ...more }, () => nowMs)
  t.after(sink.close)
  return sink
}

// The example of the specification's reference libraries.
test('signatures are those of Standard Webhooks', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const headers = webhookHeaders({ id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: '{"test": 2432232314}', secret, nowMs: 1614265330_000 })
  assert.equal(headers['webhook-signature'], 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

test('a batch arrives as one JSON array with its id, signed over what it is before it is compressed', async (t) => {
  const { received, port } = await startReceiver(t)
  const sink = sinkTo(t, port, { token: 'tk', signing: 'key', headers: { 'x-index': 'audit' } })
  const items: readonly Shipped[] = [...shippedRecords(2, 7), shippedCheckpoint(9)]
  await sink.deliver(items, signal)
  await sink.deliver(items, signal)
  await sinkTo(t, port, { gzip: false }).deliver(shippedRecords(1), signal)
  const [first, again, plain] = received
  assert.deepEqual(
    first?.items,
    items.map(({ document }) => document),
  )
  const id = String(first?.headers['webhook-id'])
  assert.match(id, /^7-[0-9a-f]{32}$/)
  assert.deepEqual(
    [first?.headers['idempotency-key'], again?.headers['webhook-id'], first?.headers['authorization'], first?.headers['x-index']],
    [id, id, 'Bearer tk', 'audit'],
  )
  const expected = webhookHeaders({ id, body: JSON.stringify(first?.items), secret: 'key', nowMs })
  assert.equal(first?.headers['webhook-signature'], expected['webhook-signature'])
  assert.deepEqual(
    [plain?.headers['content-encoding'], plain?.headers['webhook-signature'], plain?.items.length],
    [undefined, undefined, 1],
  )
})

test('what a receiver says of the content is final; anything else, half an answer too, is tried again', async (t) => {
  const { state, port } = await startReceiver(t)
  const sink = sinkTo(t, port)
  await eachCase([400, 413, 415, 422], async (status) => {
    state.answer = (res) => void res.writeHead(status).end()
    await assert.rejects(sink.deliver(shippedRecords(2), signal), (error) => error instanceof Refused && error.items === null)
  })
  await eachCase([401, 403, 404, 408, 429, 500, 503], async (status) => {
    state.answer = (res) => void res.writeHead(status).end()
    await assert.rejects(
      sink.deliver(shippedRecords(2), signal),
      (error: Error) => !(error instanceof Refused) && error.message.includes(`answers with ${status}`),
    )
  })
  const pauses = [
    ['7', 7000],
    ['86400', 3_600_000],
    ['soon', 0],
    [new Date(Date.now() - 5000).toUTCString(), 0],
  ] as const
  await eachCase(pauses, async ([retryAfter, afterMs]) => {
    state.answer = (res) => void res.writeHead(429, { 'retry-after': retryAfter }).end()
    await assert.rejects(sink.deliver(shippedRecords(2), signal), (error) => error instanceof RetryLater && error.afterMs === afterMs)
  })
  await eachCase<[(res: ServerResponse) => unknown, RegExp]>(
    [
      [(res) => res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), /redirects \(302\) to another origin/],
      [(res) => res.writeHead(200, { 'content-length': 10 }).write('half', () => res.destroy()), /\/hooks\/audit/],
      [(res) => res.destroy(), /\/hooks\/audit/],
    ],
    async ([answer, problem]) => {
      state.answer = (res) => void answer(res)
      await assert.rejects(sink.deliver(shippedRecords(2), signal), problem)
    },
  )
  state.answer = () => {}
  await assert.rejects(sinkTo(t, port, { timeout: 100 }).deliver(shippedRecords(2), signal), /did not answer within 100 ms/)
})

test('a receiver over TLS is trusted by its CA alone', async (t) => {
  const { key, certificate, ca } = await createOriginCertificate(createFolder(t), 'localhost')
  const { received, port } = await startReceiver(t, (answer) => createTlsServer({ key, cert: certificate }, answer) as unknown as Server)
  const url = `https://localhost:${port}/hooks/audit`
  await assert.rejects(sinkTo(t, port, { url }).deliver(shippedRecords(1), signal), /certificate/)
  await sinkTo(t, port, { url, ca }).deliver(shippedRecords(1), signal)
  assert.equal(received.length, 1)
})

test('a receiver that is away for a while has everything in order in the end', async (t) => {
  const receiver = await startReceiver(t)
  const log = createGrowingLog(t)
  log.append(20)
  const sink = sinkTo(t, receiver.port)
  const shipping = shipTo(t, log, { sink }, { maxRecords: 5 })
  await eventually('the first are shipped', () => (shipping.progress().next ?? 0) >= 20)
  await receiver.close()
  log.append(20)
  await eventually('it fails', () => shipping.progress().problem)
  await receiver.listen()
  await eventually('all are shipped', () => shipping.progress().next === 40)
  assert.deepEqual(
    receiver.received.flatMap(({ items }) => items.map(({ seq }) => seq)),
    [...Array(40).keys()],
  )
})
