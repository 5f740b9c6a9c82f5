/** The sink that speaks OTLP, against a receiver in Go that is built from OTLP's own protobufs (test/support/go-otlp). */
import assert from 'node:assert/strict'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createOtlpSink, type OtlpSettings } from '../../src/sinks/otlp/otlp-sink.ts'
import { Refused, RetryLater, type ShippedRecord } from '../../src/sinks/sink.ts'
import { eachCase } from '../support/cases.ts'
import { createClientCertificate, createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { startOtlpReceiver } from '../support/go-otlp.ts'
import { buildGoProgram } from '../support/go-program.ts'
import { createInstallation, startHere } from '../support/installation.ts'
import { shippedCheckpoint, shippedRecord, shippedRecords } from '../support/shipped.ts'
import { unless } from '../support/tools.ts'

const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
after(async () => {
  for (const cleanup of whole.cleanups.toReversed()) await cleanup()
})
const { program, missing } = await buildGoProgram(whole, 'go-otlp')
const context = { origin: 'sallyport/5f0c', verifierKey: null, folder: '/', version: '1.2.3' }
const longEnough = () => AbortSignal.timeout(10_000)

const settings = (port: number, changes: Partial<OtlpSettings> = {}): OtlpSettings => ({
  ...{ type: 'otlp', name: 'collector', view: 'json', batch: 500, timeout: 5000, maxDelay: 1000, compression: 'gzip', attributes: {} },
  ...{ url: `http://127.0.0.1:${port}`, headers: {} },
  ...changes,
})

test('records are logs with the attributes that OpenTelemetry names, and their bytes as the body', unless(missing), async (t) => {
  const receiver = await startOtlpReceiver(t, program)
  const sink = createOtlpSink(settings(receiver.port, { attributes: { 'deployment.environment.name': 'test' } }), context)
  t.after(() => sink.close())
  const record = shippedRecord({
    ...{ seq: 7, time: '2026-11-28T04:00:00.123Z', type: 'decided', id: 'a1', integration: 'weather', allow: false, rule: 'default/deny' },
    ...{
      subject: { method: 'GET', scheme: 'https', host: 'api.example.com', port: 443, path: '/v1' },
      trace: '0af7651916cd43dd8448eb211c80319c',
    },
  })
  await sink.deliver([record, shippedCheckpoint(8)], longEnough())
  await receiver.has(2)
  const [log, checkpoint] = receiver.taken
  assert.deepEqual(log, {
    body: record.text,
    event: 'sallyport.audit.decided',
    severity: 'WARN',
    timeMs: Date.parse(record.time),
    ...{ authorization: '', tenant: '', client: '', encoding: 'gzip' },
    traceId: '0af7651916cd43dd8448eb211c80319c',
    resource: {
      'service.name': 'sallyport',
      'service.version': '1.2.3',
      'service.instance.id': 'sallyport/5f0c',
      'deployment.environment.name': 'test',
    },
    attributes: {
      'log.record.uid': 'sallyport/5f0c#7',
      'sallyport.audit.index': 7,
      'sallyport.audit.leaf': record.leaf,
      'sallyport.request.id': 'a1',
      'sallyport.integration': 'weather',
      'sallyport.decision.allow': false,
      'sallyport.decision.rule': 'default/deny',
      'http.request.method': 'GET',
      'url.scheme': 'https',
      'server.address': 'api.example.com',
      'server.port': 443,
      'url.path': '/v1',
    },
  })
  assert.equal(checkpoint?.event, 'sallyport.audit.checkpoint')
  assert.equal(checkpoint?.attributes['sallyport.audit.note'], shippedCheckpoint(8).note)
})

test('in another view the body says what a record is, and no member of it is taken for one of the log', unless(missing), async (t) => {
  const receiver = await startOtlpReceiver(t, program)
  const sink = createOtlpSink(settings(receiver.port, { view: 'ocsf' }), context)
  t.after(() => sink.close())
  const [record] = shippedRecords(1)
  const document = { class_uid: 4002, status: 'Success' }
  await sink.deliver([{ ...(record as ShippedRecord), document, text: JSON.stringify(document) }], longEnough())
  await receiver.has(1)
  assert.equal(receiver.taken[0]?.body, JSON.stringify(document))
  assert.deepEqual(Object.keys(receiver.taken[0]?.attributes ?? {}).sort(), [
    'log.record.uid',
    'sallyport.audit.index',
    'sallyport.audit.leaf',
  ])
})

test(
  'a receiver that is overloaded says when to come again, and one that refuses the content is not sent it again',
  unless(missing),
  async (t) => {
    const receiver = await startOtlpReceiver(t, program)
    const sink = createOtlpSink(settings(receiver.port, { compression: 'none' }), context)
    t.after(() => sink.close())
    const batch = shippedRecords(3)
    await receiver.answer('503 7', '400', '413', '401')
    await assert.rejects(sink.deliver(batch, longEnough()), (error) => error instanceof RetryLater && error.afterMs === 7000)
    await assert.rejects(
      sink.deliver(batch, longEnough()),
      (error) => error instanceof Refused && /answers with 400: not this one/.test(error.message),
    )
    await assert.rejects(sink.deliver(batch, longEnough()), Refused)
    await assert.rejects(
      sink.deliver(batch, longEnough()),
      (error) => !(error instanceof Refused) && /answers with 401/.test(String(error)),
    )
    await sink.deliver(batch, longEnough())
    await receiver.has(3)
  },
)

test('what a receiver rejects of a batch without saying which is counted, and none of it is sent again', unless(missing), async (t) => {
  const receiver = await startOtlpReceiver(t, program)
  const sink = createOtlpSink(settings(receiver.port), context)
  t.after(() => sink.close())
  await receiver.answer('partial 2')
  assert.deepEqual(await sink.deliver(shippedRecords(3), longEnough()), { count: 2, why: 'too old' })
  assert.equal(await sink.deliver(shippedRecords(3, 3), longEnough()), undefined)
})

test('a web server that answers everything with 200 has taken nothing', unless(missing), async (t) => {
  const receiver = await startOtlpReceiver(t, program)
  const sink = createOtlpSink(settings(receiver.port), context)
  t.after(() => sink.close())
  await receiver.answer('html')
  await assert.rejects(sink.deliver(shippedRecords(1), longEnough()), /not OTLP in protobuf but text\/html/)
})

test('a receiver that hangs, or is killed, has taken nothing, and takes it when it is there again', unless(missing), async (t) => {
  const first = await startOtlpReceiver(t, program)
  const sink = createOtlpSink(settings(first.port), context)
  t.after(() => sink.close())
  await first.answer('hang')
  await assert.rejects(sink.deliver(shippedRecords(2), AbortSignal.timeout(300)))
  await first.kill()
  await assert.rejects(sink.deliver(shippedRecords(2), longEnough()), /nothing listens there/)
  const second = await startOtlpReceiver(t, program, { port: first.port })
  await sink.deliver(shippedRecords(2), longEnough())
  await second.has(2)
})

test('a gateway ships its log to a collector as sallyport.yaml says, and goes on where that was away', unless(missing), async (t) => {
  const installation = createInstallation(t)
  const inFolder = (name: string) => join(installation.folder, name)
  const { ca } = await createOriginCertificate(installation.folder, 'localhost')
  const client = await createClientCertificate('gateway')
  const files = { 'client.pem': client.certificate, 'client.key': client.key, token: 'a-token', tenant: 'a-tenant', 'ca.pem': ca }
  eachCase(Object.entries(files), ([name, content]) => writeFileSync(inFolder(name), content, { mode: 0o600 }))
  const receiver = await startOtlpReceiver(t, program, { files: ['origin/origin.crt', 'origin/origin.key'].map(inFolder) })
  const sink = `type: otlp, name: collector, url: "https://localhost:${receiver.port}", ca: ca.pem, compression: none, maxDelay: 100ms`
  const shown =
    'token: { file: token }, headers: { X-Scope-OrgID: { file: tenant } }, clientCertificate: { certificate: client.pem, key: client.key }'
  const attributes = 'attributes: { service.name: edge, deployment.environment.name: test }'
  appendFileSync(installation.configFile, `\naudit: { sinks: [{ ${sink}, ${shown}, ${attributes} }] }\n`)
  await receiver.answer('503 0', 'partial 1', '401')
  const { gateway } = await startHere(t, installation)
  const isNoted = () => installation.records().some(({ type }) => type === 'sink-refused')
  await eventually('the log says what was refused', isNoted)
  await gateway.close()
  const records = installation.records()
  await receiver.has(records.length)
  const [log] = receiver.taken
  assert.deepEqual(
    [...new Set(receiver.taken.filter(({ event }) => event !== 'sallyport.audit.checkpoint').map(({ body }) => body))],
    records.map((record) => JSON.stringify(record)),
  )
  assert.deepEqual(
    {
      authorization: log?.authorization,
      tenant: log?.tenant,
      client: log?.client,
      encoding: log?.encoding,
      name: log?.resource['service.name'],
    },
    { authorization: 'Bearer a-token', tenant: 'a-tenant', client: 'gateway', encoding: '', name: 'edge' },
  )
  const refused = records.find(({ type }) => type === 'sink-refused')
  assert.deepEqual([refused?.['sink'], refused?.['count']], ['collector', 1])
  assert.match(String(refused?.['why']), /^too old; which of them, the receiver does not say$/)
})
