/** A machine that has no local port left for a destination: that says nothing of the destination. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { createInstallation, exchangeRaw, manifest, networkTo, portOf, proxyHeader, startHere } from '../support/installation.ts'
import { networkTest } from '../support/namespace.ts'
import { startOrigin } from '../support/origin.ts'

const test = networkTest(import.meta.filename)

test('local ports that are used up are the gateway’s own bound, and open no breaker', async (t) => {
  const open: ServerResponse[] = []
  const origin = await startOrigin(t, { answer: (_req, res) => void open.push(res) })
  const installation = createInstallation(t, {
    config: 'listeners: [{ name: first, address: "127.0.0.1:0" }, { name: second, address: "127.0.0.1:0" }]',
    manifests: { 'weather.yaml': manifest('weather', networkTo(origin.port)) },
  })
  const { gateway } = await startHere(t, installation)
  const host = `localhost:${origin.port}`
  const ask = (listener: number) =>
    exchangeRaw(
      portOf(gateway, listener),
      `GET http://${host}/v1 HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
    )
  // Of this network alone: room for four connections to one destination. Each listener is another one, so its callers have ports.
  writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', '61000 61003')
  const held = [ask(0), ask(0), ask(0), ask(0)]
  await eventually('four wait for their answer', () => open.length === 4)
  await eachCase([...Array(30).keys()], async () => {
    const reply = await ask(1)
    assert.match(reply, /^HTTP\/1\.1 429 .*"code":"connections-exceeded"/s)
    assert.doesNotMatch(reply, /ip_local_port_range|EADDRNOTAVAIL/)
  })
  const ended = open.map((res) => once(res, 'close'))
  await eachCase([...open], async (res) => void res.end('late'))
  await Promise.all([...held, ...ended])
  const last = ask(1)
  await eventually('another reaches the origin', () => open.length === 5)
  open[4]?.end('there')
  assert.match(await last, /^HTTP\/1\.1 200 .*there$/s)
})
