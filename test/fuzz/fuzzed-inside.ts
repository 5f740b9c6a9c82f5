/** The gateway that frames are sent to: an origin of HTTP/2 and of HTTP/1.1 behind an interception, of which `/v1/**` is allowed. */
import assert from 'node:assert/strict'
import type { ServerHttp2Stream } from 'node:http2'
import type { TestContext } from 'node:test'
import { createOriginCertificate } from '../support/certificates.ts'
import { startHttp2Origin } from '../support/http2-origin.ts'
import { insideCallers, verdictOf } from '../support/inside-callers.ts'
import { type Child, createInstallation, type Installation, manifest, startChild } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

export interface FuzzedInside {
  readonly installation: Installation
  readonly gateway: Child
  /** Of HTTP/2, and of HTTP/1.1 alone. */
  readonly ports: readonly [number, number]
  requireAlive(): Promise<void>
  effects(): string
}

const large = Buffer.alloc(200_000, 'x')
const behaviours: Readonly<Record<string, (stream: ServerHttp2Stream) => void>> = {
  '/v1/reset': (stream) => stream.close(2),
  '/v1/away': (stream) => stream.session?.goaway(0),
  '/v1/never': () => {},
  '/v1/large': (stream) => {
    stream.respond({ ':status': 200 })
    stream.end(large)
  },
  '/v1/cut': (stream) => {
    stream.respond({ ':status': 200, 'content-length': 10 })
    stream.write('half', () => stream.close(2))
  },
  '/v1/trailers': (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-late': 'a' }))
    stream.end('hello')
  },
}

export async function startFuzzedInside(t: TestContext): Promise<FuzzedInside> {
  const installation = createInstallation(t, {
    config:
      'http: { originCa: ./origin-ca.crt, maxRequest: 4096B, idleTimeout: 1s, originTimeout: 1s, connectTimeout: 1s, headersTimeout: 2s, keepAlive: 1s, lingerTimeout: 600ms }',
  })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const origin = await startHttp2Origin(t, {
    certificate,
    answer(stream, headers) {
      const behave = behaviours[String(headers[':path'])]
      if (behave !== undefined) return behave(stream)
      stream.resume()
      stream.respond({ ':status': 200 })
      stream.end('hello')
    },
  })
  const http1 = await startOrigin(t, { certificate })
  const ports = [origin.port, http1.port] as const
  const plenty = '{ rate: 1000000/s, burst: 1000000 }'
  installation.write(
    'integrations/weather.yaml',
    manifest(
      'weather',
      `network: [{ hosts: [localhost], ports: [${ports}], tls: intercept, paths: [/v1/**], addresses: [127.0.0.0/8, "::1/128"] }]
limits: { arrivals: ${plenty}, requests: ${plenty}, bytesIn: { rate: 10GB/s }, bytesOut: { rate: 10GB/s }, concurrency: 10000 }
breaker: { minimumRequests: 1000000 }`,
    ),
  )
  const gateway = await startChild(t, installation)
  const targetOf = (head: readonly string[]) => head[head.indexOf(':path') + 1] ?? ''
  return {
    ...{ installation, gateway, ports },
    async requireAlive() {
      const ask = insideCallers['HTTP/2']
      for (const port of ports)
        assert.equal(verdictOf(await ask(installation, { proxyPort: gateway.proxyPort, port }, { target: '/v1/a' })), 'served')
    },
    effects: () =>
      [...origin.heads.map(targetOf), ...http1.requests.map(({ url }) => url)].filter((target) => !target.startsWith('/v1/')).join('\n'),
  }
}
