/** What a policy that sees everything is given, through every door and of every kind, is what rego/schemas/input.json says, and all of it. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Ajv } from 'ajv'
import { bodyOf } from '../../src/resources/http/body-facts.ts'
import { eachCase } from '../support/cases.ts'
import { createInstallation, exchangeRaw, manifest, networkTo, portOf, proxyHeader, root, startHere } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

interface Schema {
  readonly type?: string
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
}

const schema = JSON.parse(readFileSync(join(root, 'rego/schemas/input.json'), 'utf8')) as Schema

type Document = Readonly<Record<string, unknown>>

/** Everything is denied but tunnels to this machine, for reasons that are the input itself, in pieces that a record holds whole. */
const tellInput = rego`
  package sallyport.rules

  deny contains sprintf("%d%s", [piece, text]) if {
    not is_open
    some piece in numbers.range(0, 8)
    text := substring(json.marshal(input), piece * 400, 400)
    text != ""
  }

  is_open if input.tunnel.host == "localhost"

  # Nothing is asked about what nothing covers.
  allow contains "what is asked about" if input.http.path == "/outside"

  deny contains "what it asks outside is denied as well" if {
    input.http.path == "/outside"
    input.request.door != "policy"
    http.send({"method": "GET", "url": "http://a.example/", "raise_error": false}).status_code == 0
    count(net.lookup_ip_addr("a.example")) == 0
  }
`

/** What the pieces make together; a reason of words alone is none of them. */
function inputIn(reasons: readonly string[]): Document {
  const pieces = reasons.filter((reason) => /^\d/.test(reason)).sort()
  return JSON.parse(pieces.map((piece) => piece.slice(1)).join('')) as Document
}

const literal = 'encodedSlash: literal, emptySegments: literal'

/** Asks through every door, and gives what the policy was given. */
async function inputs(t: TestContext): Promise<readonly Document[]> {
  const installation = createInstallation(t, {
    config: `policy:
  rules: ./rules
  grants: { builtins: [http.send, net.lookup_ip_addr], integration: weather }
listeners:
  - { name: proxy, address: "127.0.0.1:0" }
  - { name: own, address: "127.0.0.1:0", integration: weather }
services: [{ name: search, url: "http://127.0.0.1:9", addresses: [127.0.0.0/8] }]`,
    manifests: {
      'weather.yaml': manifest(
        'weather',
        `labels: { team: maps }\n${networkTo(9).replace('tls: none', `tls: none, query: { page: ["1"] }, ${literal}`)}\nservices: [{ name: search, websocket: true, query: { q: ["1"] }, ${literal} }]`,
      ),
    },
  })
  await mkdir(join(installation.folder, 'rules'))
  installation.write('rules/tell.rego', tellInput)
  const { gateway } = await startHere(t, installation)
  const [proxy, own] = [portOf(gateway), portOf(gateway, 1)]
  const found: Document[] = []

  async function ask(port: number, bytes: string): Promise<void> {
    const answer = await exchangeRaw(port, bytes)
    const body = answer.slice(answer.lastIndexOf('\r\n\r\n') + 4)
    const { reasons } = JSON.parse(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1)) as { reasons: readonly string[] }
    found.push(inputIn(reasons))
  }
  const request = (target: string, { method = 'GET', type = '', body = '', host = 'a.example', more = '' } = {}) =>
    `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n${more}${
      type === '' ? '' : `Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
    }\r\n${body}`

  await ask(proxy, request('http://a.example/v1/items/?page=1&page=2&empty', { more: 'Accept: a\r\nAccept: b\r\n' }))
  await ask(own, request('http://a.example/'))
  for (const path of ['/@a%2Fb', '/a//b']) {
    await ask(proxy, request(`http://a.example${path}`))
    await ask(proxy, request(`/services/search${path}`))
  }
  for (const [type, body] of [
    ['application/json', '{"a": [1, null, "x"]}'],
    ['application/vnd.x+json', '7'],
    ['application/x-www-form-urlencoded', 'a=1&a=2'],
    ['text/plain', 'hello'],
    ['application/octet-stream', 'x'],
  ] as const) {
    await ask(proxy, request('http://a.example/post', { method: 'POST', type, body }))
    await ask(proxy, request('/services/search/post?q=1', { method: 'POST', type, body }))
  }
  for (const target of ['http://a.example/post', '/services/search/post']) {
    const sent = { method: 'POST', type: 'text/plain; charset=utf-16', body: 'x', more: 'Content-Encoding: gzip\r\n' }
    await ask(proxy, request(target, sent))
  }
  await ask(proxy, request('a.example:443', { method: 'CONNECT', host: 'a.example:443' }))
  // A tunnel that is opened tells of the requests inside: its own answer is 200.
  await ask(
    proxy,
    `CONNECT localhost:9 HTTP/1.1\r\nHost: localhost:9\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n` +
      'GET /inside HTTP/1.1\r\nHost: localhost:9\r\nConnection: close\r\n\r\n',
  )
  const upgrade = 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  await ask(proxy, request('http://a.example/live', { more: upgrade }).replace('Connection: close', 'Connection: upgrade'))
  await ask(proxy, request('/services/search/live', { more: upgrade }).replace('Connection: close', 'Connection: upgrade'))
  await ask(proxy, request('/v1/self'))
  for (const operation of ['read', 'stat', 'list']) await ask(proxy, request(`/v1/files/data/a/b.txt?op=${operation}`))
  await ask(proxy, request('/v1/files/data/new', { method: 'PUT', type: 'text/plain', body: 'x' }))
  // What rules ask outside has no caller to be told: the audit log has the reasons.
  await exchangeRaw(proxy, request('http://a.example/outside'))
  const asked = installation.records().filter(({ type, door }) => type === 'decided' && door === 'policy')
  return [...found, ...asked.map(({ reasons }) => inputIn(reasons as readonly string[]))]
}

/** Dotted paths of every key, in objects whose keys the schema names. */
function keysOf(document: unknown, { properties }: Schema, prefix = ''): string[] {
  if (properties === undefined || typeof document !== 'object' || document === null) return []
  return Object.entries(document).flatMap(([key, value]) => [
    `${prefix}${key}`,
    ...keysOf(value, properties[key] ?? {}, `${prefix}${key}.`),
  ])
}

function schemaKeys({ properties = {} }: Schema, prefix = ''): string[] {
  return Object.entries(properties).flatMap(([key, value]) => [`${prefix}${key}`, ...schemaKeys(value, `${prefix}${key}.`)])
}

const at = (document: unknown, path: string) =>
  path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document)
const schemaAt = (path: string) => path.split('.').reduce<Schema>((value, key) => value.properties?.[key] ?? {}, schema)

compilerTest('every input is of the schema, every key of the schema is in an input, and so is every word it lists', async (t) => {
  const found = await inputs(t)
  const validate = new Ajv({ allErrors: true }).compile(schema)
  eachCase(found, (value) => assert.ok(validate(value), `${JSON.stringify(validate.errors)} in ${JSON.stringify(value)}`))
  assert.deepEqual([...new Set(found.flatMap((value) => keysOf(value, schema)))].sort(), schemaKeys(schema).sort())
  eachCase(['request.door', 'request.kind', 'integration.identity', 'file.action', 'version'], (path) => {
    const said = new Set(found.map((value) => at(value, path)).filter((value) => value !== undefined))
    assert.deepEqual([...said].sort(), [...(schemaAt(path).enum ?? [])].sort(), path)
  })
  eachCase(['http', 'service'], (kind) => {
    const said = new Set(found.map((value) => at(value, `${kind}.body.type`)).filter((value) => value !== undefined))
    said.add(bodyOf({ whole: null } as Parameters<typeof bodyOf>[0], [])['type'] ?? null)
    assert.deepEqual([...said].sort(), [...(schemaAt(`${kind}.body.type`).enum ?? [])].sort(), kind)
  })
  const [first] = found
  assert.deepEqual(at(first, 'http.segments'), ['v1', 'items', ''])
  assert.deepEqual(at(first, 'http.query'), { page: ['1', '2'], empty: [''] })
  assert.deepEqual(at(first, 'http.headers.accept'), ['a', 'b'])
})

test('the schema is closed everywhere, and says what every key means', () => {
  function check(value: Schema, path: string): void {
    if (value.type === 'object') assert.notEqual(value.additionalProperties ?? true, true, `${path} lets any key in`)
    if (path !== '') assert.notEqual(value.description ?? '', '', path)
    eachCase(Object.entries(value.properties ?? {}), ([key, value]) => {
      check(value, path === '' ? key : `${path}.${key}`)
    })
  }
  check(schema, '')
})
