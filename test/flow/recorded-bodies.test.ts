/** What records hold of content where sallyport.yaml asks for it: the masked input of decisions, and the hashes of bodies. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Json } from '../../src/core/index.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { createInstallation, exchangeRaw, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { connect } from '../support/sockets.ts'

const reply = 'x'.repeat(100_000)
const answers: Readonly<Record<string, RequestListener>> = {
  '/echo': (req, res) => req.resume().on('end', () => res.end('taken')),
  '/large': (_req, res) => res.end(reply),
  '/early': (req, res) => {
    req.once('data', () => res.writeHead(413, { connection: 'close' }).end('no'))
  },
  '/torn': (_req, res) => {
    res.writeHead(200, { 'content-length': '10' }).write('half')
    setImmediate(() => res.destroy())
  },
}

async function arrange(t: TestContext, audit: string, rules = '') {
  const installation = createInstallation(t, { config: `audit: ${audit}\n${rules === '' ? '' : 'policy: { rules: ./rules }\n'}` })
  mkdirSync(join(installation.folder, 'rules'))
  installation.write('rules/body.rego', rules)
  const origin = await startOrigin(t, { answer: (req, res) => answers[req.url?.split('?')[0] ?? '']?.(req, res) })
  const network = `network: [{ hosts: [localhost], ports: [${origin.port}], tls: none, addresses: [127.0.0.0/8, "::1/128"] }]`
  installation.write('integrations/weather.yaml', manifest('weather', network))
  const { proxyPort } = await startHere(t, installation)
  const head = (path: string, method = 'POST') =>
    `${method} http://localhost:${origin.port}${path} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n`
  const ask = (text: string) => exchangeRaw(proxyPort, Buffer.from(text, 'latin1'))
  const last = (type: string, fits: (record: Record<string, unknown>) => boolean = () => true) =>
    eventually(`there is a record ${type}`, () => installation.records().findLast((record) => record['type'] === type && fits(record)))
  return { head, ask, last, proxyPort }
}

const sized = (body: string) => `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
const chunked = (...chunks: readonly string[]) =>
  `Transfer-Encoding: chunked\r\n\r\n${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`
const looksAtBodies = 'package sallyport.rules\n\ndeny contains "no" if input.http.body.value.forbidden\n'
const json = 'Content-Type: application/json\r\n'

test('a settlement has the hash of both bodies, however they came', async (t) => {
  const { head, ask, last } = await arrange(t, '{ bodyHashes: true }')
  const cases: Readonly<Record<string, readonly [request: string, sent: string | undefined, received: string]>> = {
    'with a length': [`${head('/echo')}${sized('hello')}`, 'hello', 'taken'],
    'in chunks': [`${head('/echo')}${chunked('hel', 'lo you')}`, 'hello you', 'taken'],
    large: [`${head('/echo')}${sized('y'.repeat(300_000))}`, 'y'.repeat(300_000), 'taken'],
    'without one': [`${head('/large', 'GET')}\r\n`, undefined, reply],
  }
  await eachCase(Object.entries(cases), async ([name, [request, sent, received]]) => {
    const [, id = ''] = /sallyport-request-id: (\S+)/i.exec(await ask(request)) ?? []
    const { sentSha256, receivedSha256 } = await last('settled', (record) => record['id'] === id)
    assert.deepEqual([sentSha256, receivedSha256], [sent === undefined ? undefined : hash('sha256', sent), hash('sha256', received)], name)
  })
})

test('a body that a rule has looked at is hashed as it was sent', async (t) => {
  const { head, ask, last } = await arrange(t, '{ bodyHashes: true }', looksAtBodies)
  const body = '{ "forbidden" : false }'
  assert.match(await ask(`${head('/echo')}${json}${sized(body)}`), /^HTTP\/1\.1 200/)
  assert.equal((await last('settled'))['sentSha256'], hash('sha256', body))
})

test('of a body that did not go to its end there is no hash, nor of a refusal, nor where nobody asks for it', async (t) => {
  const { head, ask, last } = await arrange(t, '{ bodyHashes: true }', looksAtBodies)
  const hashesOf = ({ sentSha256, receivedSha256 }: Record<string, unknown>) => [sentSha256, receivedSha256]
  assert.match(await ask(`${head('/echo')}${json}${sized('{"forbidden":true}')}`), /^HTTP\/1\.1 403/)
  assert.deepEqual(hashesOf(await last('settled', ({ status }) => status === 403)), [undefined, undefined])
  await ask(`${head('/torn', 'GET')}\r\n`)
  assert.deepEqual(hashesOf(await last('settled', ({ complete }) => complete === false)), [undefined, undefined])
  const without = await arrange(t, '{}')
  await without.ask(`${without.head('/echo')}${sized('hello')}`)
  assert.deepEqual(hashesOf(await without.last('settled')), [undefined, undefined])
})

test('of an upload that its destination did not wait for there is no hash, and of the answer to it there is', async (t) => {
  const { head, last, proxyPort } = await arrange(t, '{ bodyHashes: true }')
  const caller = connect(proxyPort, '127.0.0.1')
  t.after(() => caller.destroy())
  caller.write(`${head('/early', 'PUT')}Content-Length: 100\r\n\r\nonly the beginning`)
  const { sentSha256, receivedSha256 } = await last('settled')
  assert.deepEqual([sentSha256, receivedSha256], [undefined, hash('sha256', 'no')])
})

test('with audit.input a decision has what the policy saw, masked, and the record keeps its bound', async (t) => {
  const { head, ask, last } = await arrange(t, '{ input: true }', looksAtBodies)
  const body = JSON.stringify({ forbidden: false, password: 'hunter2-hunter2', list: ['', 'z'.repeat(30_000)], size: 1 })
  await ask(
    `${head('/echo?token=abcdefgh12345678&a=1')}${json}${sized(body.replace('1}', '9007199254740993}').replace('""', '"\\u2028"'))}`,
  )
  const record = await last('decided')
  const input = record['input'] as Record<string, never>
  assert.deepEqual(Object.keys(input), ['version', 'integration', 'request', 'http'])
  const { http, request } = input as unknown as { http: Record<string, Json>; request: Record<string, Json> }
  assert.deepEqual([http['host'], http['path'], request['id']], ['localhost', '/echo', record['id'] as Json])
  const { value } = http['body'] as { value: Record<string, Json> }
  assert.deepEqual([value['forbidden'], value['password']], [false, '[redacted]'])
  assert.match(String((value['list'] as string[])[1]), /^z{4096}…\[cut\]$/)
  const text = JSON.stringify(record)
  assert.doesNotMatch(text, /hunter2|abcdefgh12345678/)
  assert.ok(Buffer.byteLength(text) < 32 * 1024)
})

test('an input of thousands of members is left out, and the rest of its record is not cut', async (t) => {
  const { head, ask, last } = await arrange(t, '{ input: true }', looksAtBodies)
  const many = JSON.stringify(Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`member${at}`, at])))
  const path = `/echo?page=${'9'.repeat(3000)}`
  await ask(`${head(path)}${json}${sized(many)}`)
  const { input, subject } = await last('decided')
  assert.deepEqual(input, { cut: true })
  assert.equal((subject as { query: string }).query.length, 3005)
})

test('without audit.input there is none', async (t) => {
  const { head, ask, last } = await arrange(t, '{}', looksAtBodies)
  await ask(`${head('/echo')}${sized('x')}`)
  assert.equal((await last('decided'))['input'], undefined)
})
