/** Killed under load and started again: the log verifies, and every reply that a client got has its record. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyAudit } from '../../src/audit/index.ts'
import { createInstallation, manifest, proxyHeader, startChild } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

const rounds = Number(process.env['SALLYPORT_KILLS'] ?? 3)
const clients = 16

/** Asks over one connection until it breaks; the ids of replies whose last byte arrived. */
function drive(port: number, originPort: number): Promise<string[]> {
  return new Promise((resolve) => {
    const ids: string[] = []
    let received = ''
    const ask = () =>
      socket.write(
        `GET http://localhost:${originPort}/v1/a HTTP/1.1\r\nHost: localhost:${originPort}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`,
      )
    const socket = connect(port, '127.0.0.1', ask)
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      const end = received.indexOf('\r\n\r\nhello')
      if (end < 0) return
      const id = /sallyport-request-id: (\S+)/.exec(received)?.[1]
      if (id !== undefined) ids.push(id)
      received = ''
      ask()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(ids))
  })
}

test('SIGKILL under load loses no record of a reply that was received', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = createInstallation(t, {
    config: 'audit: { maxSegment: 256KiB }',
    manifests: {
      'weather.yaml': manifest(
        'weather',
        `network: [{ hosts: [localhost], ports: [${origin.port}], tls: none, addresses: [127.0.0.0/8, "::1/128"] }]\nlimits: { arrivals: { rate: 100000/s }, requests: { rate: 100000/s } }`,
      ),
    },
  })
  const folder = join(installation.folder, 'state/audit')
  const received: string[] = []
  for (let round = 0; round < rounds; round += 1) {
    const child = await startChild(t, installation)
    const driven = Array.from({ length: clients }, () => drive(child.proxyPort, origin.port))
    // Killed after a number of requests rather than a time, in the middle of many.
    const target = origin.requests.length + 700
    await new Promise<void>((resolve) => {
      const look = () => (origin.requests.length >= target ? resolve() : setImmediate(look))
      look()
    })
    child.process.kill('SIGKILL')
    received.push(...(await Promise.all(driven)).flat())
    await child.exited()
  }
  const last = await startChild(t, installation)
  last.process.kill('SIGTERM')
  assert.deepEqual(await last.exited(), { code: 0, signal: null })

  const verification = await verifyAudit(folder)
  assert.deepEqual(verification.findings, [])
  assert.ok(verification.segments > 1, 'segments were rotated on the way')
  const { readdirSync, readFileSync } = await import('node:fs')
  const log = readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('')
  const decided = new Set([...log.matchAll(/"type":"decided","id":"([^"]+)"/g)].map((match) => match[1]))
  assert.ok(received.length > rounds * 100)
  assert.deepEqual(
    received.filter((id) => !decided.has(id)),
    [],
  )
  t.diagnostic(`${received.length} replies received, ${verification.records} records, ${verification.unsettled} cut off`)
})
