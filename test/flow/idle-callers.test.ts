/** A caller in whose connection nothing moves: cut where it is its turn, left alone where it waits for an answer. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createInstallation, exchangeRaw, manifest, networkTo, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

async function arrange(t: TestContext, network = (rest: string) => rest) {
  const origin = await startOrigin(t, {
    answer: (req, res) => {
      if (req.url === '/slow') void sleep(2500).then(() => res.end('late'))
      else if (req.url !== '/never') req.resume().on('end', () => res.end('hello'))
    },
  })
  const installation = createInstallation(t, {
    config: 'http: { idleTimeout: 1s }',
    manifests: { 'weather.yaml': manifest('weather', network(networkTo(origin.port))) },
  })
  const { proxyPort } = await startHere(t, installation)
  const ask = (path: string, rest: string) =>
    `POST http://localhost:${origin.port}${path} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n${rest}`
  return { installation, origin, ask, exchange: (bytes: string) => exchangeRaw(proxyPort, bytes) }
}

test('an answer may take longer than a connection may idle, pipelined ones too', async (t) => {
  const { ask, exchange } = await arrange(t)
  const whole = await exchange(
    `${ask('/slow', 'Content-Length: 5\r\n\r\nhello')}${ask('/a', 'Content-Length: 0\r\nConnection: close\r\n\r\n')}`,
  )
  assert.match(whole, /^HTTP\/1\.1 200 .*late.*HTTP\/1\.1 200 .*hello/s)
})

test('an origin that never answers is bounded by the timeout of the capability', async (t) => {
  const { ask, exchange } = await arrange(t, (rest) => rest.replace('tls: none', 'tls: none, timeout: 2500ms'))
  const whole = await exchange(ask('/never', 'Content-Length: 0\r\nConnection: close\r\n\r\n'))
  assert.match(whole, /^HTTP\/1\.1 504 /)
})

test('a caller that stops in the middle of its body is cut all the same', async (t) => {
  const { ask, exchange } = await arrange(t)
  assert.equal(await exchange(ask('/a', 'Content-Length: 5\r\n\r\nhe')), '')
})
