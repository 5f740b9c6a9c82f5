/** What a scraper is given that asks for OpenMetrics: the same series, and examples that lead to a trace. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { createInstallation, exchangeRaw, manifest, networkTo, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

const openMetrics =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5'
const trace = '4bf92f3577b34da6a3ce929d0e0e4736'

test('a scraper gets what it prefers, and exemplars in OpenMetrics alone', async (t) => {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, { manifests: { 'weather.yaml': manifest('weather', networkTo(origin.port)) } })
  const { proxyPort, gateway } = await startHere(t, installation)
  const scrape = async (accept: string) => {
    const response = await fetch(`http://127.0.0.1:${gateway.health.port}/metrics`, { headers: { accept } })
    return { type: response.headers.get('content-type') ?? '', text: await response.text() }
  }
  await exchangeRaw(
    proxyPort,
    `GET http://localhost:${origin.port}/ HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\ntraceparent: 00-${trace}-00f067aa0ba902b7-01\r\nConnection: close\r\n\r\n`,
  )
  await eventually('it is counted', async () => (await scrape('*/*')).text.includes('sallyport_request_duration_seconds_count'))
  const { text } = await scrape(openMetrics)
  const buckets = text.split('\n').filter((line) => line.startsWith('sallyport_request_duration_seconds_bucket'))
  const [example = ''] = buckets.filter((line) => line.includes(' # '))
  assert.match(example, new RegExp(`^[^ ]+ 1 # \\{trace_id="${trace}"\\} 0\\.\\d+ \\d{10}(\\.\\d+)?$`))
  assert.match(text, /^# TYPE sallyport_requests counter\nsallyport_requests_total\{/m)
  assert.match(text, /\n# EOF\n$/)
  const plain = await scrape('text/plain;version=0.0.4')
  assert.ok(!plain.text.includes(' # {') && !plain.text.includes('# EOF'))
  await eachCase(
    [
      [openMetrics, /^application\/openmetrics-text; version=1\.0\.0/],
      ['', /^text\/plain/],
      ['*/*', /^text\/plain/],
      ['application/openmetrics-text;q=0.2, text/plain', /^text\/plain/],
    ] as const,
    async ([accept, type]) => assert.match((await scrape(accept)).type, type),
  )
})
