/** The sink that is syslog over TLS, with the distribution's rsyslog and with receivers that break off. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createServer, type TLSSocket } from 'node:tls'
import { createShape } from '../../src/sinks/shape.ts'
import { syslogFrame } from '../../src/sinks/syslog-frame.ts'
import { createSyslogSink, type SyslogConfig } from '../../src/sinks/syslog-sink.ts'
import type { ViewName } from '../../src/sinks/views/index.ts'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate, type OriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { createGrowingLog } from '../support/growing-log.ts'
import { shipTo } from '../support/receiver.ts'
import { startRsyslog, withoutRsyslog } from '../support/rsyslog.ts'
import { sampleOf } from '../support/sample-records.ts'
import { shippedCheckpoint, shippedRecord, shippedRecords, textsOf } from '../support/shipped.ts'
import { unless } from '../support/tools.ts'

const hasRsyslog = unless(await withoutRsyslog())
const { signal } = new AbortController()

function sinkTo(port: number, more: Partial<SyslogConfig> = {}) {
  const config = { type: 'syslog', name: 'siem', view: 'json', batch: 500, timeout: 1000, maxDelay: 20, facility: 'local3' } as const
  return createSyslogSink(
    { ...config, host: 'localhost', port, ...more },
    { origin: 'sallyport/5f0c', verifierKey: null, folder: '/', version: '0.1.0' },
  )
}

test(
  'rsyslog over TLS with client certificates gets every message whole, with its facility, severity, time and number',
  hasRsyslog,
  async (t) => {
    const rsyslog = await startRsyslog(t)
    const { ca, clientCertificate } = rsyslog
    const sink = sinkTo(rsyslog.port, { ca, clientCertificate })
    const denied = shippedRecord({ seq: 2, type: 'decided', allow: false, rule: 'd' })
    const large = shippedRecord({ seq: 3, type: 'activated', padding: `Grüße\u2028 ${'x'.repeat(40_000)}` })
    const items = [...shippedRecords(2), denied, large, shippedCheckpoint(4)]
    await sink.deliver(items, signal)
    const messages = await eventually('all have come', () => (rsyslog.messages().length === 5 ? rsyslog.messages() : null))
    assert.deepEqual(
      messages.map(({ text }) => text.trimStart()),
      textsOf(items),
    )
    assert.deepEqual(
      messages.map(({ priority, id, application }) => [Math.floor(priority / 8), priority % 8, id, application]),
      [
        [19, 6, 'settled', 'sallyport'],
        [19, 6, 'settled', 'sallyport'],
        [19, 4, 'decided', 'sallyport'],
        [19, 5, 'activated', 'sallyport'],
        [19, 5, 'checkpoint', 'sallyport'],
      ],
    )
    assert.match(messages[1]?.data ?? '', /^\[origin software="sallyport" swVersion="0\.1\.0"\]\[meta sequenceId="2"\]$/)
    assert.equal(Date.parse(messages[0]?.time ?? ''), Date.parse(items[0]?.time ?? ''))
  },
)

test('rsyslog that is stopped and started again has everything in order, and none without our certificate', hasRsyslog, async (t) => {
  const rsyslog = await startRsyslog(t)
  const { ca, clientCertificate } = rsyslog
  await assert.rejects(sinkTo(rsyslog.port, { clientCertificate }).deliver(shippedRecords(1), signal), /localhost:\d+ .*certificate/)
  await assert.rejects(sinkTo(rsyslog.port, { ca }).deliver(shippedRecords(1), signal), /localhost:\d+ /)
  const log = createGrowingLog(t)
  log.append(300)
  const shipping = shipTo(t, log, { sink: sinkTo(rsyslog.port, { ca, clientCertificate }) }, { maxRecords: 20 })
  await eventually('some are shipped', () => Number(shipping.progress().next) > 100)
  await rsyslog.stop()
  log.append(50)
  await eventually('it fails', () => shipping.progress().problem)
  await rsyslog.start()
  await eventually('all are shipped', () => shipping.progress().next === 350)
  const texts = () => [...new Set(rsyslog.messages().map(({ text }) => text.trimStart()))]
  await eventually('all are written', () => texts().length === 350)
  assert.deepEqual(texts(), log.lines)
})

async function startReceiver(t: TestContext, { key, certificate }: OriginCertificate, serve: (socket: TLSSocket) => void) {
  const server = createServer({ key, cert: certificate, allowHalfOpen: true }, (socket) => serve(socket.on('error', () => {})))
  server.on('tlsClientError', () => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

test('a batch counts as taken only when the receiver has read it to its end', async (t) => {
  const own = await createOriginCertificate(createFolder(t), 'localhost')
  const { ca } = own
  const large = shippedRecords(200, 0, 'x'.repeat(10_000))
  const broken = /has closed the connection before it had everything|ECONNRESET|EPIPE|has broken the connection off/
  await eachCase<[(socket: TLSSocket) => void, RegExp, number]>(
    [
      [(socket) => void socket.once('data', () => socket.pause().end(() => socket.destroy())), broken, 30_000],
      [(socket) => void socket.once('data', () => socket.destroy()), broken, 30_000],
      [(socket) => void socket.resume(), /did not take it in time/, 300],
      [() => {}, /did not take it in time/, 300],
    ],
    async ([serve, problem, withinMs]) => {
      const port = await startReceiver(t, own, serve)
      await assert.rejects(sinkTo(port, { ca }).deliver(large, AbortSignal.timeout(withinMs)), problem)
    },
  )
  const whole = await startReceiver(t, own, (socket) => void socket.resume().once('end', () => socket.end()))
  await sinkTo(whole, { ca }).deliver(large, signal)
  await assert.rejects(sinkTo(1, { ca }).deliver(large, signal), /localhost:1 .*ECONNREFUSED/)
})

test('what was denied has the severity of a warning in each view', () => {
  const source = { facility: 'local0', host: 'gateway', version: '0.1.0' } as const
  const priorityIn = (view: ViewName, allow: boolean) => {
    const text = JSON.stringify(sampleOf('decided', true, { allow }))
    const shape = createShape({ view, mask: null, context: { origin: 'sallyport/5f0c', version: '0.1.0' } })
    return /<(\d+)>1 /.exec(syslogFrame(shape.record({ index: 0, text }, 0) ?? shippedCheckpoint(1), source).toString())?.[1]
  }
  const views = ['json', 'ocsf', 'ecs', 'opa', 'cloudevents'] as const
  assert.deepEqual(
    views.map((view) => priorityIn(view, false)),
    Array(5).fill('132'),
  )
  assert.deepEqual(
    views.map((view) => priorityIn(view, true)),
    Array(5).fill('134'),
  )
})
