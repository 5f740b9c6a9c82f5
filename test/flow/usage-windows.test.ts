/** `sallyport usage --window` as it is typed, and `GET /v1/usage?window=`. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createProgram } from '../../src/cli/index.ts'
import { loadConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, portOf, proxyHeader } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

async function arrange(t: TestContext, config: string) {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, { config, manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) } })
  const run = async (...words: readonly string[]) => {
    let printed = ''
    const all = ['usage', ...words, '--config', installation.configFile]
    const program = await createProgram(all, (text) => {
      printed += text
    })
    await program.parseAsync(all, { from: 'user' })
    return printed
  }
  const start = async () => {
    const gateway = await startGateway(loadConfig(installation.configFile), { logTo: { write: () => {} } })
    t.after(() => gateway.close())
    const at = `localhost:${origin.port}`
    const request = () =>
      exchangeRaw(
        portOf(gateway),
        `GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
      )
    return { gateway, request }
  }
  return { start, run }
}

test('usage per window goes on after a restart, as sparks, CSV and JSON', async (t) => {
  const { start, run } = await arrange(t, 'watch: {}')
  const first = await start()
  await first.request()
  await first.gateway.close()
  const second = await start()
  await second.request()
  const csv = await eventually('both are counted', async () => {
    const text = await run('--window', 'month', '--format', 'csv')
    return /^month,\S+T00:00:00\.000Z,weather,2,0,0,0,0,0,\d+,2,/m.test(text) ? text : null
  })
  assert.equal(
    csv.split('\n')[0],
    'window,at,integration,requests,denied,limited,failed,originErrors,sentBytes,receivedBytes,ended,totalMs,maxMs,arrivalsLowest,requestsLowest,bytesOutLowest,bytesInLowest,concurrencyLowest',
  )
  assert.match(await run('--window', 'day'), /^weather +█ +2 /m)
  const [json = ''] = (await run('--window', 'hour', '--integration', 'weather', '--format', 'json')).split('\n')
  assert.partialDeepStrictEqual(JSON.parse(json), { window: 'hour', integration: 'weather' })
  const { lowest } = JSON.parse(json)
  assert.deepEqual([lowest.arrivals, lowest.requests, lowest.concurrency], [0.9995, 0.999, 0.9961])
  assert.match(csv, /^month,.*,0\.9995,0\.999,1,(?:1|0\.9+),0\.9961$/m)
  assert.match(await run('--format', 'csv'), /^integration,since,allowed,.*\nweather,\S+,2,0,/)
  await eachCase(
    [
      [['--window', 'day', '--since', 'soon'], /--since soon: it is a time span/],
      [['--window', 'day', '--since', '2026-01-02', '--until', '2026-01-01'], /--since is not earlier than --until/],
      [['--since', '2h'], /--since and --until go with --window/],
    ] as const,
    async ([words, problem]) => assert.rejects(run(...words), problem),
  )
})

test('without watch the command says what to do', async (t) => {
  const { start, run } = await arrange(t, '')
  await start()
  await assert.rejects(run('--window', 'day'), /add "watch: \{\}" to sallyport\.yaml and restart the gateway/)
  assert.match(await run(), /^weather$/m)
})
