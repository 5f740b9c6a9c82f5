/** Replies that end before their time: the record says who ended them, and only an origin's own failures open its breaker. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { eachCase, times } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, main, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { connect } from '../support/sockets.ts'

async function arrange(t: TestContext) {
  const origin = await startOrigin(t, {
    answer(req, res) {
      if (req.url?.endsWith('/whole')) return void res.end('all of it')
      res.write('a part of it')
      // What it breaks off by is not said with what went before.
      if (req.url?.endsWith('/breaks')) setTimeout(() => res.destroy(), 20)
      else if (req.url?.endsWith('/large')) setTimeout(() => res.write('x'.repeat(5000)), 20)
    },
  })
  const installation = createInstallation(t, {
    config: `http: { maxReply: 4KiB }\nservices: [{ name: named, url: "http://localhost:${origin.port}" }]`,
    manifests: {
      'weather.yaml': grant({
        services: [{ name: 'named' }],
        network: [toLocalhost(origin.port)],
        breaker: { minimumRequests: 3, errorThresholdPercent: 50, reset: '60s' },
      }),
    },
  })
  const { proxyPort, gateway } = await startHere(t, installation)
  const targets = { proxy: `http://localhost:${origin.port}`, services: '/services/named' }
  const head = (door: keyof typeof targets, path: string) =>
    `GET ${targets[door]}${path} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`
  const ends = () =>
    installation
      .records()
      .filter(({ type }) => type === 'settled')
      .map(({ status, problem, side, complete }) => [status, problem ?? null, side ?? null, complete])
  return { installation, proxyPort, head, ends, gateway }
}

for (const door of ['proxy', 'services'] as const) {
  test(`${door}: an origin that breaks off has failed, and opens its breaker`, async (t) => {
    const { proxyPort, head, ends } = await arrange(t)
    await times(3, () => exchangeRaw(proxyPort, head(door, '/breaks')).catch(() => {}))
    await eventually('all are settled', () => ends().length === 3)
    assert.deepEqual(ends(), Array(3).fill([200, 'origin-failed', 'origin', false]))
    assert.match(await exchangeRaw(proxyPort, head(door, '/whole')), /^HTTP\/1\.1 503 breaker-open\r\n/)
  })

  test(`${door}: neither a caller that leaves nor a cap is the origin’s failure`, async (t) => {
    const { proxyPort, head, ends } = await arrange(t)
    await times(4, async (round) => {
      const i = round + 1

      await exchangeRaw(proxyPort, head(door, '/large')).catch(() => {})
      const caller = connect(proxyPort, '127.0.0.1')
      caller.write(head(door, '/waits'))
      await once(caller, 'data')
      caller.resetAndDestroy()
      await eventually('both are settled', () => ends().length === 2 * i)
    })
    assert.deepEqual(
      ends(),
      Array(4)
        .fill([
          [200, 'reply-too-large', 'cap', false],
          [200, 'client-closed', 'caller', false],
        ])
        .flat(),
    )
    assert.match(await exchangeRaw(proxyPort, head(door, '/whole')), /^HTTP\/1\.1 200 /)
  })
}

test('metrics and usage say which end broke a reply off, and do not count it as allowed', async (t) => {
  const { installation, proxyPort, head, ends, gateway } = await arrange(t)
  await exchangeRaw(proxyPort, head('proxy', '/whole'))
  await eachCase(['/breaks', '/large'], (path) => exchangeRaw(proxyPort, head('proxy', path)).catch(() => {}))
  const caller = connect(proxyPort, '127.0.0.1')
  caller.write(head('proxy', '/waits'))
  await once(caller, 'data')
  caller.resetAndDestroy()
  await eventually('all are settled', () => ends().length === 4)
  const metrics = await (await fetch(`http://127.0.0.1:${gateway.health.port}/metrics`)).text()
  assert.deepEqual(metrics.match(/^sallyport_problems_total.*$/gm)?.toSorted(), [
    'sallyport_problems_total{integration="weather",code="client-closed",side="caller"} 1',
    'sallyport_problems_total{integration="weather",code="origin-failed",side="origin"} 1',
    'sallyport_problems_total{integration="weather",code="reply-too-large",side="cap"} 1',
  ])
  assert.match(metrics, /^sallyport_requests_total\{integration="weather",result="allowed"\} 1$/m)
  assert.match(metrics, /^sallyport_requests_total\{integration="weather",result="aborted"\} 3$/m)
  const { stdout } = await command(process.execPath, [main, 'usage', '--config', installation.configFile])
  assert.match(stdout, /requests {2}1 allowed, 0 denied, 0 limited, 0 refused, 0 failed, 3 aborted/)
  assert.match(stdout, /problems {2}caller: client-closed 1; cap: reply-too-large 1; origin: origin-failed 1\n/)
})
