/** Metrics over OTLP, against a receiver that reads them with the collector's own package (test/support/go-otlp). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { startOtlpReceiver, type TakenPoint } from '../support/go-otlp.ts'
import { buildGoProgram } from '../support/go-program.ts'
import { createInstallation, exchangeRaw, manifest, networkTo, proxyHeader, root, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { unless } from '../support/tools.ts'

const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
after(async () => {
  for (const cleanup of whole.cleanups.toReversed()) await cleanup()
})
const { program, missing } = await buildGoProgram(whole, 'go-otlp')
const trace = '4bf92f3577b34da6a3ce929d0e0e4736'

/** As a collector names it that gives it to Prometheus. */
const prometheusName = ({ name, unit, type }: TakenPoint) => {
  const suffix = { s: '_seconds', By: '_bytes' }[unit] ?? ''
  return `${name.replaceAll('.', '_')}${suffix}${type === 'Sum' ? '_total' : ''}`
}

test(
  'a collector gets the metrics of /metrics at each interval, at the end, and with the names of the conventions',
  unless(missing),
  async (t) => {
    const origin = await startOrigin(t)
    const receiver = await startOtlpReceiver(t, program)
    const otlp = `endpoint: "http://127.0.0.1:${receiver.port}", traces: { ratio: 1 }`
    const installation = createInstallation(t, {
      config: `telemetry: { otlp: { ${otlp}, metrics: { interval: 100ms } } }`,
      manifests: { 'weather.yaml': manifest('weather', networkTo(origin.port)) },
    })
    const { proxyPort, gateway } = await startHere(t, installation)
    receiver.answer('503 0')
    await exchangeRaw(
      proxyPort,
      `GET http://localhost:${origin.port}/ HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\ntraceparent: 00-${trace}-00f067aa0ba902b7-01\r\nConnection: close\r\n\r\n`,
    )
    const last = (name: string, attributes: Readonly<Record<string, unknown>> = {}) =>
      receiver.points.findLast(
        (point) => point.name === name && Object.entries(attributes).every(([key, value]) => point.attributes[key] === value),
      )
    const weather = { 'sallyport.integration': 'weather' }
    await eventually('the request is counted', () => last('sallyport.requests', { ...weather, result: 'allowed' })?.value === 1)
    await gateway.close()
    assert.deepEqual(receiver.wrong, [])
    const duration = last('sallyport.request_duration', weather)
    assert.deepEqual([duration?.type, duration?.unit, duration?.count, duration?.exemplars], ['Histogram', 's', 1, [trace]])
    assert.equal(duration?.buckets.length, (duration?.bounds.length ?? 0) + 1)
    assert.deepEqual(last('http.server.request.duration')?.attributes, {
      ...{ ...weather, 'http.request.method': 'GET', 'url.scheme': 'http', 'http.response.status_code': 200 },
    })
    assert.deepEqual(last('http.client.request.duration')?.attributes, {
      ...{
        ...weather,
        'http.request.method': 'GET',
        'server.address': 'localhost',
        'server.port': origin.port,
        'http.response.status_code': 200,
      },
    })
    const reference = readFileSync(join(root, 'docs/reference/metrics.md'), 'utf8')
    const own = new Map(receiver.points.filter(({ name }) => name.startsWith('sallyport.')).map((point) => [point.name, point]))
    assert.ok(own.size > 30)
    eachCase(own.values(), (point) => assert.ok(reference.includes(`| \`${prometheusName(point)}\` `), prometheusName(point)))
  },
)
