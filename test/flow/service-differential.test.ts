/** Whatever a caller sends, a named service receives what was judged, as an origin behind the proxy door does: byte for byte of the same generated requests. */

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { forwardableHeaders } from '../../src/ingress/headers.ts'
import { headersOf } from '../../src/text/index.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, proxyHeader, startHere } from '../support/installation.ts'
import { type RawRequest, startRawOrigin } from '../support/raw-origin.ts'
import { rego } from '../support/rego.ts'
import { connect } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const credential = 'differential-credential-0123456789'

/** Names that Node or the proxy library treats specially, ours, and plain ones. */
const names = fc.constantFrom(
  ...['Expect', 'Connection', 'TE', 'Trailer', 'Keep-Alive', 'Proxy-Connection', 'Upgrade', 'HTTP2-Settings'],
  ...['X-Api-Key', 'x_api_key', 'Range', 'If-Range', 'Accept-Encoding', 'Authorization', 'Proxy-Authenticate', 'Via', 'Forwarded'],
  ...['X-Forwarded-For', 'x_forwarded_host', 'X-Original-URL', ':authority', 'Cookie', 'Referer', 'Set-Cookie', 'Content-Type'],
  ...[
    'Accept',
    'User-Agent',
    'X-Plain',
    'x-plain',
    '__proto__',
    'constructor',
    '1',
    'Transfer_Encoding',
    'Content_Length',
    'If-None-Match',
    'Date',
  ],
)
const values = new Map<string, fc.Arbitrary<string>>(
  Object.entries({
    Expect: fc.constantFrom('100-continue', '100-Continue', '100-continue, 100-continue', '100-continue, magic', ''),
    Connection: fc.constantFrom(
      'keep-alive',
      'X-Plain',
      'close, x-plain',
      'Upgrade',
      'Upgrade, HTTP2-Settings',
      'X-Api-Key',
      'transfer-encoding',
    ),
    Upgrade: fc.constantFrom('h2c', 'websocket2', 'h2c, foo/1'),
    'Accept-Encoding': fc.constantFrom('gzip', 'identity', 'br, *'),
  }),
)
const plainValue = fc.string({ maxLength: 12, unit: fc.constantFrom(...'abcXYZ019 ,;="/.:-_é\xff') }).map((value) => value.trim())
const header = names.chain((name) => (values.get(name) ?? plainValue).map((value) => [name, value] as const))
const segment = fc.oneof(
  fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom(...'abz09-_~!$&()*+,;=:@') }),
  fc.constantFrom('%41', '%c3%a9', '%20', 'a%3fb', '%2B', 'a.b', '...'),
)
const query = fc.string({ maxLength: 10, unit: fc.constantFrom(...'ab=&?/%2f+;') })
const body = fc.record({
  framing: fc.constantFrom('none', 'length', 'chunked', 'zero'),
  text: fc.string({ minLength: 1, maxLength: 60, unit: fc.constantFrom(...'abc\r\n0') }),
  cut: fc.nat({ max: 60 }),
  /** Behind a chunked body; none of it goes on. */
  trailer: fc.constantFrom('', 'X-Plain: late\r\n', 'X-Api-Key: late\r\nHost: late.example\r\n'),
})
const generated = fc.record({
  method: fc.constantFrom(
    ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'M-SEARCH', 'LINK'],
  ),
  segments: fc.array(segment, { maxLength: 4 }),
  query,
  headers: fc.uniqueArray(header, { maxLength: 7, selector: ([name, value]) => (!values.has(name) ? `${name}${value}` : name) }),
  body,
})
type Generated = typeof generated extends fc.Arbitrary<infer T> ? T : never

function framed({ framing, text, cut, trailer }: Generated['body']): {
  readonly header: string
  readonly content: string
  readonly bytes: string
} {
  if (framing === 'none') return { header: '', content: '', bytes: '' }
  if (framing === 'zero') return { header: 'Content-Length: 0\r\n', content: '', bytes: '' }
  if (framing === 'length') return { header: `Content-Length: ${text.length}\r\n`, content: text, bytes: text }
  const chunks = [text.slice(0, cut), text.slice(cut)].filter((chunk) => chunk !== '')
  const bytes = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')
  return { header: 'Transfer-Encoding: chunked\r\n', content: text, bytes: `${bytes}0\r\n${trailer}\r\n` }
}

/**
 * Method, target, end-to-end headers and content: what is left when the connection's own framing is taken away.
 * `Content-Length: 0` and no framing at all are one (RFC 9110 §8.6), and a body of an unknown length may be sent in either way once it is known.
 */
function received({ line, headers, body: bytes }: RawRequest) {
  const found = headersOf(headers.flatMap((header) => [header.slice(0, header.indexOf(':')), header.slice(header.indexOf(':') + 1).trim()]))
  const chunked = found['transfer-encoding'] !== undefined
  if (chunked) assert.deepEqual([found['transfer-encoding'], found['content-length']], [['chunked'], undefined])
  for (const name of ['connection', 'transfer-encoding', 'content-length']) delete found[name]
  return { line, headers: { ...found }, content: chunked ? unchunk(bytes.toString('latin1')) : bytes.toString('latin1') }
}

function unchunk(bytes: string): string {
  let text = ''
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.slice(at, end), 16)
    if (!(size > 0)) return text
    text += bytes.slice(end + 2, end + 2 + size)
    at = end + 2 + size + 2
  }
}

/** Sends bytes and resolves with the final status; whatever follows it is of no interest. */
function statusOf(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      const status = /(?:^|\r\n\r\n)HTTP\/1\.1 (?!100)(\d{3}) [\s\S]*?\r\n\r\n/.exec(answer)?.[1]
      if (status === undefined) return
      resolve(status)
      socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`closed after ${JSON.stringify(answer)}`)))
  })
}

interface Outcome {
  readonly subject: Readonly<Record<string, string>>
  readonly status?: number
  readonly problem?: string | null
  readonly sentBytes?: number
  readonly receivedBytes?: number
}

const modes: Readonly<Record<string, { readonly config?: string; readonly rules?: string }>> = {
  'by default': {},
  'in strict mode': { config: 'audit: { durability: strict }' },
  'where rules read bodies': {
    config: 'policy: { rules: ./rules }',
    rules: rego`
      deny contains "no" if input.service.body.value.no == true

      deny contains "no" if input.http.body.value.no == true
    `,
  },
}

for (const [mode, { config = '', rules = '' }] of Object.entries(modes)) {
  const run = rules === '' ? test : compilerTest
  run(`judged and received are the same for services as for the proxy door ${mode}`, async (t) => {
    process.env['TEST_DIFFERENTIAL_CREDENTIAL'] = credential
    const origin = await startRawOrigin(t, (_request, socket) => void socket.write('HTTP/1.1 204 No Content\r\n\r\n'))
    const authority = `localhost:${origin.port}`
    const installation = createInstallation(t, {
      config: `services: [{ name: plain, url: "http://${authority}" }, { name: own, url: "http://${authority}", headers: { X-Api-Key: { env: TEST_DIFFERENTIAL_CREDENTIAL } } }]\n${config}`,
      manifests: { 'weather.yaml': grant({ services: [{ name: 'plain' }, { name: 'own' }], network: [toLocalhost(origin.port)] }) },
    })
    mkdirSync(join(installation.folder, 'rules'))
    if (rules !== '')
      installation.write(
        'rules/bodies.rego',
        rego`
          package sallyport.rules

          ${rules}
        `,
      )
    const { proxyPort } = await startHere(t, installation)

    async function send(target: string, { method, headers, body }: Generated) {
      const before = origin.requests.length
      const { header: framing, bytes } = framed(body)
      const own: string[] = ['Host', authority, 'Proxy-Authorization', proxyHeader('weather'), ...headers.flat()]
      const lines = own.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${own[i + 1]}\r\n`] : [])).join('')
      const status = await statusOf(proxyPort, Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}${framing}\r\n${bytes}`, 'latin1'))
      return { status, requests: origin.requests.slice(before).map(received) }
    }

    await fc.assert(
      fc.asyncProperty(generated, async (item) => {
        const target = `/${item.segments.join('/')}${item.query === '' ? '' : `?${item.query}`}`
        const proxied = await send(`http://${authority}${target}`, item)
        const served = await send(`/services/plain${target}`, item)
        assert.deepEqual(served, proxied)
        const [request] = served.requests
        assert.equal(request === undefined, served.status !== '204')
        if (request === undefined) return
        assert.equal(request.content, framed(item.body).content)
        const judged = headersOf(forwardableHeaders(item.headers.flat()))
        assert.deepEqual(request.headers, { ...judged, host: [authority] })
        // A service with a credential gets the same, but for what the gateway sets and what would hide it in a reply.
        for (const name of Object.keys(judged))
          if (['x-api-key', 'range', 'if-range', 'accept-encoding'].includes(name.replaceAll('_', '-'))) delete judged[name]
        const trusted = await send(`/services/own${target}`, item)
        assert.deepEqual(trusted.requests, [
          { ...request, headers: { ...judged, host: [authority], 'x-api-key': [credential], 'accept-encoding': ['identity'] } },
        ])
      }),
      { numRuns: Number(process.env['SALLYPORT_RUNS'] ?? 150) },
    )

    const decided = () => installation.records().filter(({ type, kind }) => type === 'decided' && (kind === 'service' || kind === 'http'))
    const outcomes = await eventually('all are settled', () => {
      const settled = new Map(installation.records().flatMap((record) => (record['type'] === 'settled' ? [[record['id'], record]] : [])))
      const found = decided().map(({ id, subject }) => ({ subject: subject as Record<string, string>, ...settled.get(id) }) as Outcome)
      return found.every(({ status }) => status !== undefined) ? found : null
    })
    assert.ok(outcomes.every(({ problem }) => problem !== 'internal'))
    const allowed = outcomes.filter(({ status }) => status === 204)
    assert.ok(allowed.length > 0)
    // Each path as it was recorded is one that an origin received, and what passed is counted alike.
    const lines = new Set(origin.requests.map(({ line }) => line))
    eachCase(
      allowed.filter(({ subject }) => subject['query'] === undefined),
      ({ subject }) => assert.ok(lines.has(`${subject['method']} ${subject['path']} HTTP/1.1`), subject['path']),
    )
    assert.equal(allowed.length % 3, 0)
    for (let i = 0; i < allowed.length; i += 3)
      assert.equal(new Set(allowed.slice(i, i + 3).map(({ sentBytes, receivedBytes }) => `${sentBytes} ${receivedBytes}`)).size, 1)
  })
}
