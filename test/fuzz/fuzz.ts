/** Hostile requests over every door, in HTTP/1.1. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createOriginCertificate } from '../support/certificates.ts'
import {
  type Child,
  createInstallation,
  exchangeRaw,
  type Installation,
  manifest,
  proxyHeader,
  startChild,
} from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { connect } from '../support/sockets.ts'
import { connectionBelow, exchangeInside, openInside } from '../support/tunnel.ts'
import { createGenerate, createRandom, type Sent } from './generate.ts'
import { hammer } from './hammer.ts'
import { startOrigins } from './origins.ts'

export interface FuzzOptions {
  readonly seed: number
  readonly requests: number
}

const maxPolicyBody = 1024
const maxRequest = 4096
const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`

/** Throws with the seed and the last request's bytes where the gateway does not do what it must. */
export async function fuzz(t: TestContext, { seed, requests }: FuzzOptions): Promise<string> {
  const installation = createInstallation(t, {
    config: `http: { originCa: ./origin-ca.crt, maxPolicyBody: ${maxPolicyBody}B, maxRequest: ${maxRequest}B, idleTimeout: 1s, originTimeout: 1s, connectTimeout: 1s, headersTimeout: 2s, keepAlive: 1s, lingerTimeout: 600ms }\nservices: [{ name: named, url: "http://localhost:PORT", timeout: 1s }]\npolicy: { rules: ./rules }`,
  })
  const origins = await startOrigins(await createOriginCertificate(installation.folder, 'localhost'))
  t.after(() => origins.close())
  write(installation, origins.plainPort, origins.tlsPort)
  const gateway = await startChild(t, installation)
  const random = createRandom(seed)
  const generate = createGenerate(
    { auth, originPort: origins.plainPort, tlsPort: origins.tlsPort, limits: [maxPolicyBody, maxRequest] },
    random,
  )
  return hammer({
    ...{ installation, gateway, seed, inputs: requests, what: 'requests' },
    requireAlive: () => requireAlive(installation, gateway, origins),
    effects: () => origins.denied.join('\n'),
    attack() {
      const sent = generate()
      const { door, bytes, cutAt, end } = sent
      const told = JSON.stringify([door, end, cutAt, bytes.toString('latin1').slice(0, 400)])
      return { inputs: 1, told, send: () => send(installation, gateway, origins.tlsPort, sent) }
    },
  })
}

function write(installation: Installation, originPort: number, tlsPort: number): void {
  installation.write('sallyport.yaml', installation.read('sallyport.yaml').replace('PORT', String(originPort)))
  mkdirSync(join(installation.folder, 'rules'))
  installation.write(
    'rules/bodies.rego',
    rego`
      package sallyport.rules

      deny contains "no" if {
        input.http.host == "ruled.localhost"
        input.http.body.value.no == true
      }

      deny contains "nothing comes here" if {
        some key in ["http", "service"]
        startswith(input[key].path, "/denied")
      }
    `,
  )
  mkdirSync(join(installation.folder, 'data'))
  const to = 'addresses: [127.0.0.0/8, "::1/128"]'
  const plenty = '{ rate: 1000000/s, burst: 1000000 }'
  // No breaker opens: its origins fail on purpose, and what it refuses reaches none of them.
  installation.write(
    'integrations/weather.yaml',
    manifest(
      'weather',
      `network:
  - { hosts: [localhost, ruled.localhost], ports: [${originPort}], tls: none, ${to} }
  - { hosts: [127.0.0.1], ports: [${originPort}], tls: tunnel, ${to} }
  - { hosts: [localhost], ports: [${tlsPort}], tls: intercept, ${to} }
services: [{ name: named, websocket: true }]
files: [{ name: data, root: ${join(installation.folder, 'data')}, actions: [read, write, list, stat] }]
limits: { arrivals: ${plenty}, requests: ${plenty}, bytesIn: { rate: 10GB/s }, bytesOut: { rate: 10GB/s }, concurrency: 10000 }
breaker: { minimumRequests: 1000000 }`,
    ),
  )
}

async function requireAlive(
  installation: Installation,
  { proxyPort }: Child,
  { plainPort, tlsPort }: { plainPort: number; tlsPort: number },
): Promise<void> {
  const host = `localhost:${plainPort}`
  const plain = await exchangeRaw(proxyPort, `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n${auth}Connection: close\r\n\r\n`)
  assert.match(plain, /^HTTP\/1\.1 200 .*hello$/s)
  const inside = `GET / HTTP/1.1\r\nHost: localhost:${tlsPort}\r\nConnection: close\r\n\r\n`
  assert.match(await exchangeInside(installation, { proxyPort, port: tlsPort }, inside), /^HTTP\/1\.1 200 .*hello$/s)
}

/** Resolves once the connection has closed, or its caller has had enough. */
async function send(installation: Installation, { proxyPort }: Child, tlsPort: number, { door, bytes, cutAt, end }: Sent): Promise<void> {
  const socket =
    door === 'intercept'
      ? await openInside(installation, { proxyPort, port: tlsPort }).catch(() => null)
      : connect({ port: proxyPort, host: '127.0.0.1' })
  if (socket === null) return
  await new Promise<void>((resolve) => {
    // Most are answered at once; what is not is left as a caller leaves.
    const patience = setTimeout(leave, end === 'wait' ? 60 : 15)
    function leave(): void {
      if (end === 'reset') connectionBelow(socket as Socket).resetAndDestroy()
      else socket?.destroy()
    }
    socket.on('error', () => {}).on('data', () => end !== 'wait' && leave())
    socket.once('close', () => {
      clearTimeout(patience)
      resolve()
    })
    socket.write(cutAt === null ? bytes : bytes.subarray(0, cutAt), () => {
      if (cutAt === null) return
      if (end === 'fin') socket.end()
      else if (end === 'reset') leave()
    })
  })
}
