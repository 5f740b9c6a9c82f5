/** Spans of requests, against a receiver that reads them with the collector's own package (test/support/go-otlp). */
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { eachCase, times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { type OtlpReceiver, startOtlpReceiver, type TakenSpan } from '../support/go-otlp.ts'
import { buildGoProgram } from '../support/go-program.ts'
import { createInstallation, exchangeRaw, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { unless } from '../support/tools.ts'

const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
after(async () => {
  for (const cleanup of whole.cleanups.toReversed()) await cleanup()
})
const { program, missing } = await buildGoProgram(whole, 'go-otlp')

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const caller = '00f067aa0ba902b7'
const traceparent = `traceparent: 00-${trace}-${caller}-01\r\ntracestate: a=1\r\nTraceState: b=2\r\n`

async function arrange(t: TestContext, { telemetry = '', otlp = 'interval: 20ms, traces: { ratio: 1 }, metrics: off', rest = '' } = {}) {
  const origin = await startOrigin(t, { answer: (req, res) => void req.resume().on('end', () => res.end('hello')) })
  const receiver = await startOtlpReceiver(t, program)
  const to = `hosts: [localhost], ports: [${origin.port}], addresses: [127.0.0.0/8, "::1/128"]`
  const installation = createInstallation(t, {
    config: `telemetry: { ${telemetry}otlp: { endpoint: "http://127.0.0.1:${receiver.port}", ${otlp} } }`,
    manifests: { 'weather.yaml': manifest('weather', `network: [{ ${to}, paths: [/ok], tls: none }]\n${rest}`) },
  })
  const { proxyPort, gateway, log } = await startHere(t, installation)
  const ask = (path: string, headers = '', name = 'weather') =>
    exchangeRaw(
      proxyPort,
      `GET http://localhost:${origin.port}${path} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader(name)}\r\n${headers}Connection: close\r\n\r\n`,
    )
  const sentHeader = (name: string) => {
    const { rawHeaders } = origin.requests.at(-1) as { rawHeaders: string[] }
    return rawHeaders.filter((_value, index) => rawHeaders[index - 1]?.toLowerCase() === name && index % 2 === 1)
  }
  return { origin, receiver, installation, gateway, log, ask, sentHeader }
}

const requestSpans = ({ spans }: OtlpReceiver) => spans.filter(({ spanKind }) => spanKind === 'Server')
/** The wait for the record is the last span of a request that is printed. */
const has = ({ spans }: OtlpReceiver, count: number) =>
  eventually(`spans of ${count} requests are taken`, () => spans.filter(({ name }) => name === 'record').length >= count)
const named = (spans: readonly TakenSpan[], name: string) => spans.find((span) => span.name === name) as TakenSpan

test(
  'a request is a span of the caller’s trace, with one span per station, and its destination is told of the exchange',
  unless(missing),
  async (t) => {
    const { receiver, ask, sentHeader, installation, origin } = await arrange(t, { telemetry: 'traceparent: continue, ' })
    assert.match(await ask('/ok?q=1', traceparent), /^HTTP\/1\.1 200 /)
    await has(receiver, 1)
    const { spans } = receiver
    const [request] = requestSpans(receiver) as [TakenSpan]
    const exchange = spans.find(({ spanKind }) => spanKind === 'Client') as TakenSpan
    assert.deepEqual(
      [request.trace, request.parent, request.state, request.name, request.status],
      [trace, caller, 'a=1,b=2', 'GET', 'Unset'],
    )
    assert.deepEqual(
      spans
        .filter(({ parent }) => parent === request.span)
        .map(({ name }) => name)
        .sort(),
      ['GET', 'admit', 'identify', 'limits', 'policy', 'record'],
    )
    assert.deepEqual(
      spans
        .filter(({ parent }) => parent === exchange.span)
        .map(({ name }) => name)
        .sort(),
      ['body', 'connect', 'dns', 'first_byte', 'queue'],
    )
    assert.deepEqual(sentHeader('traceparent'), [`00-${trace}-${exchange.span}-01`])
    assert.deepEqual(sentHeader('tracestate'), ['a=1,b=2'])
    const [decided] = installation.records().filter(({ type }) => type === 'decided')
    const {
      'network.peer.port': _port,
      'sallyport.policy.duration': _duration,
      'sallyport.cpu.time': cpu,
      'sallyport.policy.revision': revision,
      ...attributes
    } = request.attributes
    assert.deepEqual([decided?.['trace'], decided?.['revision']], [trace, revision])
    assert.deepEqual(attributes, {
      'http.request.method': 'GET',
      'url.scheme': 'http',
      'server.address': 'localhost',
      'server.port': origin.port,
      'url.path': '/ok',
      'url.query': 'q=1',
      'http.response.status_code': 200,
      'network.peer.address': '127.0.0.1',
      'sallyport.request.id': decided?.['id'],
      'sallyport.door': 'proxy',
      'http.request.body.size': 0,
      'http.response.body.size': 5,
      'sallyport.integration': 'weather',
      'sallyport.identity': 'token',
      'sallyport.decision.allow': true,
      'sallyport.decision.rule': 'default/network/0',
      'sallyport.decision.capability': 'network/0',
      'sallyport.breaker.state': 'closed',
      'sallyport.tokens.requests': 1,
      'sallyport.tokens.bytes_out': 0,
      'sallyport.tokens.bytes_in': 5,
    })
    assert.ok(Number(cpu) > 0)
    assert.equal(exchange.attributes['network.peer.port'], origin.port)
    assert.equal(request.resource['service.name'], 'sallyport')
    assert.ok(named(spans, 'policy').startNs >= named(spans, 'limits').endNs && exchange.endNs <= request.endNs)
    assert.deepEqual(receiver.wrong, [])
  },
)

test('with a ratio of 0 the spans of denials, refusals and failures are exported, and no others', unless(missing), async (t) => {
  const { receiver, ask, origin, gateway } = await arrange(t, { otlp: 'interval: 20ms, traces: { ratio: 0 }, metrics: off' })
  // Its flags say that the caller's own span is exported: nobody else's business.
  await times(3, () => ask('/ok', traceparent))
  await ask('/denied', traceparent)
  await ask('/ok', '', 'nobody')
  origin.server.close()
  await ask('/ok')
  await has(receiver, 3)
  assert.deepEqual(
    requestSpans(receiver).map(({ attributes, status }) => [attributes['http.response.status_code'], attributes['error.type'], status]),
    [
      [403, 'policy-denied', 'Unset'],
      [407, 'unidentified', 'Unset'],
      [502, 'origin-unreachable', 'Error'],
    ],
  )
  assert.equal(requestSpans(receiver)[0]?.trace, trace)
  const scraped = await fetch(`http://127.0.0.1:${gateway.health.port}/metrics`, { headers: { accept: 'application/openmetrics-text' } })
  const durations = [...(await scraped.text()).matchAll(/^sallyport_request_duration_seconds_bucket.*$/gm)].map(([line]) => line)
  assert.ok(durations.length > 0 && !durations.some((line) => line.includes('trace_id')), 'an exemplar leads to no trace')
})

test('a manifest says what destinations are told of a trace', unless(missing), async (t) => {
  await eachCase(
    [
      ['', [`00-${trace}-${caller}-01`], ['a=1', 'b=2']],
      ['telemetry: { traceparent: remove }', [], []],
    ] as const,
    async ([rest, parents, states]) => {
      const { ask, sentHeader } = await arrange(t, { rest })
      await ask('/ok', traceparent)
      assert.deepEqual([sentHeader('traceparent'), sentHeader('tracestate')], [parents, states])
    },
  )
})

test('spans reach a collector as sallyport.yaml says, also where it was away, and the last ones at the end', unless(missing), async (t) => {
  const otlp =
    'interval: 1h, timeout: 200ms, compression: none, headers: { X-Scope-OrgID: { env: TENANT } }, traces: { ratio: 1 }, metrics: off'
  process.env['TENANT'] = 'a-tenant'
  t.after(() => delete process.env['TENANT'])
  const { receiver, ask, gateway } = await arrange(t, {
    otlp: `${otlp}, attributes: { service.name: edge, deployment.environment.name: test }`,
  })
  await receiver.answer('hang', '503 0.1')
  await ask('/ok')
  assert.deepEqual(receiver.spans, [])
  await gateway.close()
  await has(receiver, 1)
  const [{ tenant, encoding, resource }] = requestSpans(receiver) as [TakenSpan]
  assert.deepEqual([tenant, encoding, resource['service.name'], resource['deployment.environment.name']], ['a-tenant', '', 'edge', 'test'])
})

test(
  'a collector that is not there costs spans, which are counted, and neither a request nor the end of the gateway',
  unless(missing),
  async (t) => {
    const { receiver, ask, gateway, log } = await arrange(t)
    await receiver.kill()
    assert.match(await ask('/ok'), /^HTTP\/1\.1 200 /)
    await eventually('it is said', () => log.some((line) => line.includes('spans are not exported')))
    await gateway.close()
    assert.equal(log.filter((line) => line.includes('spans are not exported')).length, 1)
  },
)

test('where spans are off, requests have none', unless(missing), async (t) => {
  const { ask, gateway, receiver, sentHeader } = await arrange(t, {
    telemetry: 'traceparent: continue, ',
    otlp: 'traces: off, metrics: off',
  })
  await ask('/denied')
  await ask('/ok', traceparent)
  await gateway.close()
  assert.deepEqual(receiver.spans, [])
  assert.deepEqual(sentHeader('traceparent'), [`00-${trace}-${caller}-01`])
})
