/** The log shipped by a real gateway: killed wherever it may be, and nothing is lost or out of order. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, type Installation, proxyHeader, startChild, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { childRunning, isRunning } from '../support/running.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const ask = (proxyPort: number, originPort: number) =>
  exchangeRaw(
    proxyPort,
    `GET http://localhost:${originPort}/ HTTP/1.1\r\nHost: localhost:${originPort}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
  )
const linesIn = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [])
const recordsIn = (path: string) => linesIn(path).filter((line) => !line.startsWith('{"type":"checkpoint"'))
const shipperOf = (pid: number) => childRunning(pid, 'shipper-process')
/** Each text once, where it came first. */
const distinct = (lines: readonly string[]) => [...new Set(lines)]

interface SinkStatus {
  readonly audit: {
    readonly records: number
    readonly sinks: readonly { readonly name: string; readonly next: number; readonly lagRecords: number }[]
  }
}
const statusOf = async (installation: Installation) =>
  (await askGateway(join(installation.folder, 'state/admin.sock'), 'GET', '/v1/status')).body as unknown as SinkStatus

async function arrange(t: Parameters<typeof startOrigin>[0], sinks: string) {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    config: `audit: { sinks: [${sinks}] }`,
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) },
  })
  return { origin, installation, shipped: join(installation.folder, 'shipped.jsonl') }
}

test('a gateway ships its log to a file, to its last record, and says in status and metrics how far it has come', async (t) => {
  const { origin, installation, shipped } = await arrange(t, '{ type: file, name: siem, path: shipped.jsonl }')
  const { gateway, proxyPort } = await startHere(t, installation)
  await times(3, () => ask(proxyPort, origin.port))
  const { audit } = await eventually('everything is shipped', async () => {
    const status = await statusOf(installation)
    return status.audit.sinks[0]?.lagRecords === 0 && status.audit.records > 6 ? status : null
  })
  assert.deepEqual([audit.sinks[0]?.name, audit.sinks[0]?.next], ['siem', audit.records])
  const metrics = await (await fetch(`http://127.0.0.1:${gateway.health.port}/metrics`)).text()
  assert.match(metrics, /^sallyport_sink_lag_records\{sink="siem"\} 0$/m)
  assert.match(metrics, /^sallyport_sink_lag_seconds\{sink="siem"\} 0$/m)
  assert.match(metrics, /^sallyport_sink_failing\{sink="siem"\} 0$/m)
  assert.match(metrics, /^sallyport_sink_shipped_total\{sink="siem"\} [1-9]/m)
  await gateway.close()
  assert.deepEqual(
    recordsIn(shipped).map((line) => JSON.parse(line)),
    installation.records(),
  )
  const records = installation.records()
  assert.equal(records.at(-1)?.['type'], 'stopped')
  const { type, size, note } = JSON.parse(linesIn(shipped).at(-1) ?? '')
  assert.deepEqual([type, size], ['checkpoint', records.length])
  assert.equal(note, installation.read('state/audit/checkpoint'))
})

test('the shipping process and the gateway are killed in turn, and the file has every record in its order', async (t) => {
  const { origin, installation, shipped } = await arrange(t, '{ type: file, name: siem, path: shipped.jsonl, batch: 3 }')
  await times(2, async () => {
    const child = await startChild(t, installation)
    const pid = child.process.pid ?? 0
    await ask(child.proxyPort, origin.port)
    const shipper = await eventually('the log is shipped', () => (linesIn(shipped).length > 0 ? shipperOf(pid) : null))
    const asked = times(5, () => ask(child.proxyPort, origin.port))
    process.kill(shipper, 'SIGKILL')
    await asked
    const next = await eventually('it is started again', () => (shipperOf(pid) === shipper ? null : shipperOf(pid)))
    child.process.kill('SIGKILL')
    await child.exited()
    await eventually('it has ended with the gateway', () => !isRunning(next))
  })
  const last = await startChild(t, installation)
  last.process.kill('SIGTERM')
  assert.deepEqual(await last.exited(), { code: 0, signal: null })
  assert.deepEqual(
    distinct(recordsIn(shipped)).map((line) => JSON.parse(line)),
    installation.records(),
  )
})

test('SIGHUP has a file opened anew, and standard output gets the log as well', async (t) => {
  const { installation, shipped } = await arrange(t, '{ type: file, name: siem, path: shipped.jsonl }, { type: stdout, name: out }')
  const child = await startChild(t, installation)
  const printed = text(child.process.stdout as NodeJS.ReadableStream)
  await eventually('the log is shipped', () => linesIn(shipped).length > 0)
  renameSync(shipped, `${shipped}.1`)
  child.process.kill('SIGHUP')
  child.process.kill('SIGTERM')
  await child.exited()
  const records = installation.records()
  assert.deepEqual(
    [...recordsIn(`${shipped}.1`), ...recordsIn(shipped)].map((line) => JSON.parse(line)),
    records,
  )
  assert.ok(recordsIn(shipped).length > 0)
  const lines = (await printed).split('\n').filter((line) => line.startsWith('{"seq":'))
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    records,
  )
})

test('a sink that takes nothing keeps no request waiting, and no other sink', async (t) => {
  const { origin, installation } = await arrange(
    t,
    '{ type: file, name: siem, path: shipped.jsonl }, { type: file, name: broken, path: shipped.jsonl/impossible }',
  )
  const { gateway, proxyPort, log } = await startHere(t, installation)
  assert.match(await ask(proxyPort, origin.port), /^HTTP\/1.1 200 /)
  await eventually('the other has everything', async () => (await statusOf(installation)).audit.sinks[0]?.lagRecords === 0)
  const broken = await eventually('it is told', async () =>
    (await statusOf(installation)).audit.sinks.find(({ name, lagRecords }) => name === 'broken' && lagRecords > 0),
  )
  assert.equal(broken.next, 0)
  assert.match(log.join(''), /"sink":"broken","problem":"ENOTDIR/)
  await gateway.close()
})

compilerTest('a webhook gets the log in its view, signed, and without what the rules of its sink drop', async (t) => {
  const received: { readonly headers: IncomingHttpHeaders; readonly body: Buffer }[] = []
  const receiver = createServer(async (req, res) => {
    received.push({ headers: req.headers, body: await buffer(req) })
    res.writeHead(204).end()
  }).listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  t.after(() => receiver.close())
  const { port } = receiver.address() as AddressInfo
  const { origin, installation } = await arrange(
    t,
    `{ type: webhook, name: siem, url: "http://127.0.0.1:${port}/hook", view: ocsf, rules: ./siem, gzip: false, signing: { file: ./key }, token: { file: ./key } }`,
  )
  mkdirSync(join(installation.folder, 'siem'))
  installation.write('key', 'signing-key\n')
  installation.write(
    'siem/masks.rego',
    rego`
      package system.log

      drop if input.input.type == "started"

      mask contains "/input/peer"
    `,
  )
  const { gateway, proxyPort } = await startHere(t, installation)
  await ask(proxyPort, origin.port)
  await eventually('its rules are compiled, and it ships', async () => (await statusOf(installation)).audit.sinks[0]?.lagRecords === 0)
  await gateway.close()
  const [first] = received
  const id = String(first?.headers['webhook-id'])
  const signed = createHmac('sha256', 'signing-key')
    .update(`${id}.${first?.headers['webhook-timestamp']}.`)
    .update(first?.body ?? '')
  assert.deepEqual(
    [first?.headers['webhook-signature'], first?.headers['authorization']],
    [`v1,${signed.digest('base64')}`, 'Bearer signing-key'],
  )
  const events = received.flatMap(({ body }) => JSON.parse(body.toString()))
  const codeOf = (event: { readonly metadata: { readonly event_code: string } }) => event.metadata.event_code
  const shipped = installation.records().flatMap(({ type }) => (type === 'started' ? [] : [type]))
  assert.deepEqual(
    events.map(codeOf).filter((code) => code !== 'checkpoint'),
    shipped,
  )
  const decided = events.find((event) => codeOf(event) === 'decided')
  assert.deepEqual([decided.class_uid, decided.src_endpoint], [4002, { name: 'weather', port: decided.src_endpoint.port }])
})
