/** What the log says of those who run the gateway: each act and who did it, each revision and what it changed; and that any change of a manifest is another revision. */

import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { askGateway } from '../../src/cli/admin-client.ts'
import { manifestJsonSchema } from '../../src/manifests/index.ts'
import { askAdmin, bearer, startAdminGateway } from '../support/admin-gateway.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { createInstallation, type Installation, manifest, root, startHere } from '../support/installation.ts'

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly additionalProperties?: Schema | boolean
}

/** Names of all members that hold a value. */
function leaves({ properties, items, anyOf = [], additionalProperties }: Schema, name: string): readonly string[] {
  if (properties !== undefined) return Object.entries(properties).flatMap(([key, value]) => leaves(value, key))
  const [below = anyOf[0]] = [items, typeof additionalProperties === 'object' ? additionalProperties : undefined].filter((one) => one)
  return below === undefined ? [name] : leaves(below, name)
}

/** One line of YAML per member, which the next one replaces with another value. */
const network = { hosts: '[a.test]', ports: '[80]', tls: 'intercept', addresses: '[10.0.0.0/8]' }
const capability = (more: string) =>
  `network: [{ ${Object.entries(network)
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ')}${more} }]`
const service = (more: string) => `services: [{ name: search${more} }]`
const file = (more: string) => `files: [{ name: data, root: ../data, actions: [read]${more} }]`

const requests = ['methods: [GET]', 'methods: [PUT]', 'paths: [/a]', 'paths: [/b]', 'query: { q: [a] }', 'query: { q: [b] }']
const waits = ['connect', 'tls', 'firstByte', 'idle', 'total'].map((part) => `timeouts: { ${part}: 3s }`)
const of = [
  ...requests,
  ...waits,
  ...[
    'encodedSlash: literal',
    'emptySegments: literal',
    'websocket: true',
    'websocket: true, maxMessage: 9KiB',
    'websocket: true, messagesPerSecond: 9',
  ],
  ...['retries: { attempts: 3 }', 'retries: { attempts: 3, backoff: 2s }', 'retries: { attempts: 3, budget: 7 }'],
]
const bucket = (name: string) => [`limits: { ${name}: { rate: 7/s } }`, `limits: { ${name}: { rate: 7/s, burst: 777 } }`]

/** Each is another manifest than all others. */
const manifests = [
  '',
  'labels: { team: maps }',
  'labels: { team: cards }',
  capability(''),
  ...['hosts: [b.test]', 'ports: [81]', 'tls: none', 'addresses: [10.0.0.0/9]'].map((other) => {
    const [key = ''] = other.split(':')
    return capability('').replace(new RegExp(`${key}: (?:\\[[^\\]]*\\]|\\w+)`), other)
  }),
  ...[...of, 'timeout: 3s', 'maxRequest: 9KiB', 'maxReply: 9KiB'].map((more) => capability(`, ${more}`)),
  ...['', ...of.map((more) => `, ${more}`)].map(service),
  'services: [{ name: other }]',
  ...['', ', paths: [a]', ', maxBytes: 9KiB'].map(file),
  file('').replace('read', 'stat'),
  file('').replace('../data', '../other'),
  file('').replace('name: data', 'name: more'),
  ...['arrivals', 'requests', 'bytesOut', 'bytesIn'].flatMap(bucket),
  ...['concurrency', 'connections'].map((name) => `limits: { ${name}: 7 }`),
  ...['errorThresholdPercent: 7', 'minimumRequests: 7', 'window: 7s', 'reset: 7s'].map((more) => `breaker: { ${more} }`),
  ...['headers: [x-a]', 'queryKeys: [a]', 'jsonKeys: [a]'].map((more) => `redaction: { ${more} }`),
  'denials: inside',
  'telemetry: { traceparent: remove }',
  'telemetry: { serverTiming: true }',
]

test('any change of a manifest is another revision, its limits, its owner and its tokens included', async (t) => {
  const installation = createInstallation(t, {
    config: 'services: [{ name: search, url: "http://127.0.0.1:9" }, { name: other, url: "http://127.0.0.1:9" }]',
    manifests: { 'weather.yaml': manifest('weather', '') },
  })
  const { gateway } = await startHere(t, installation)
  const others = [
    manifest('weather', '').replace('owner: tests', 'owner: others'),
    manifest('weather', '').replace(/[0-9a-f]{64}/, hash('sha256', 'other')),
    manifest('other', ''),
  ]
  const all = [...manifests.map((rest) => manifest('weather', rest)), ...others]
  const known = leaves(manifestJsonSchema() as Schema, '').filter((key) => !['apiVersion', 'kind', 'kv', 'secrets', 'exec'].includes(key))
  assert.deepEqual(
    [...new Set(known)].filter((key) => !all.some((text) => text.includes(`${key}:`))),
    [],
    'each key of a manifest is among those that are changed',
  )
  const seen = new Map<string, string>()
  await eachCase(all, async (text) => {
    installation.write('integrations/weather.yaml', text)
    const { ok, revision, problem } = await gateway.reload()
    assert.equal(ok, true, problem)
    assert.equal(seen.get(revision), undefined)
    seen.set(revision, text)
  })
})

function operatorOf({ folder }: Installation) {
  return async (path: string) => (await askGateway(join(folder, 'state/admin.sock'), 'POST', `/v1/${path}`)).body as { ok?: boolean }
}

async function arrange(t: TestContext) {
  const installation = createInstallation(t, { manifests: { 'weather.yaml': manifest('weather', '') } })
  const { gateway } = await startHere(t, installation)
  const of = (type: string) => installation.records().filter((record) => record['type'] === type)
  return { installation, gateway, of, ask: operatorOf(installation) }
}

test('each act of an operator is a record, done or not, and says who did it', async (t) => {
  const { installation, of, ask } = await arrange(t)
  const [{ revision: first } = {}] = of('activated')
  installation.write('integrations/weather.yaml', manifest('weather', 'limits: { concurrency: 7 }'))
  const acts = [
    ['reload', 'reload', undefined, true],
    ['policy/rollback', 'rollback', undefined, true],
    ['policy/rollback', 'rollback', undefined, false],
    ['policy/follow', 'follow', undefined, true],
    [`policy/activate/${first}`, 'activate', first, true],
    ['policy/activate/nonsense%22%7D%0A', 'activate', 'nonsense"}\n', false],
    ['integrations/weather/suspend?reason=a', 'suspend', 'weather', true],
    ['integrations/nobody/suspend', 'suspend', 'nobody', false],
    ['integrations/weather/suspend?forMs=-1', 'suspend', 'weather', false],
    ['integrations/weather/resume', 'resume', 'weather', true],
    ['integrations/weather/resume', 'resume', 'weather', false],
    ['ca/rotate?overlapMs=0', 'rotate-ca', undefined, false],
    ['ca/rotate', 'rotate-ca', undefined, true],
    ['audit/holds?reason=a&from=3', 'hold', undefined, true],
    ['audit/holds', 'hold', undefined, false],
    ['audit/holds/none/release?reason=a', 'release', 'none', false],
    ['audit/archive?below=1', 'archive', undefined, false],
  ] as const
  await eachCase(acts, async ([path, act, on, ok]) => {
    assert.equal((await ask(path)).ok, ok)
    const { who, by, role, claimed, ...last } = of('acted').at(-1) ?? {}
    assert.deepEqual([last['act'], last['on'], last['ok'], typeof last['problem']], [act, on, ok, ok ? 'undefined' : 'string'])
    assert.deepEqual([who, by, role], ['socket', 'socket', 'operator'])
    assert.match(String(claimed), /^uid \d+/)
  })
  assert.equal(of('acted').length, acts.length)
  await ask('policy/follow')
  installation.write('integrations/weather.yaml', 'name: [')
  assert.equal((await ask('reload')).ok, false)
  assert.deepEqual([of('acted').at(-1)?.['act'], of('acted').at(-1)?.['ok']], ['reload', false])
})

test('an activation says from which revision, by whom, by which files, and what it changed for whom', async (t) => {
  const { installation, of, ask } = await arrange(t)
  installation.write('integrations/other.yaml', manifest('other', ''))
  installation.write(
    'integrations/weather.yaml',
    manifest('weather', 'limits: { concurrency: 7 }').replace(/[0-9a-f]{64}/, hash('sha256', 'new')),
  )
  await ask('reload')
  const [first = {}, second = {}] = of('activated')
  assert.deepEqual([first['previous'], first['files'], first['changed']], [undefined, undefined, undefined])
  assert.equal(second['previous'], first['revision'])
  assert.deepEqual(
    [second['how'], second['by'], second['from'], second['files'], second['changed']],
    ['reload', 'operator', 'socket', 'other.yaml, weather.yaml', 'other: added; weather: tokens, limits'],
  )
})

test('each POST of the API is an act, and who may not do it is recorded with it', async (t) => {
  const { paths } = parse(readFileSync(join(root, 'docs/audit/openapi.yaml'), 'utf8')) as {
    readonly paths: Readonly<Record<string, object>>
  }
  const posts = Object.entries(paths).flatMap(([path, methods]) => ('post' in methods ? [path.replaceAll(/\{\w+\}/g, 'none')] : []))
  const { adminPort, installation } = await startAdminGateway(
    t,
    { admin: 'tokens: [{ name: looks, role: viewer, token: { file: ./viewer } }]' },
    async ({ write }) => write('viewer', 'token-of-the-viewer'),
  )
  await eachCase(posts, async (path) => {
    assert.equal((await askAdmin(adminPort, path, { method: 'POST', headers: bearer('token-of-the-viewer') })).status, 403)
    const { type, act, ok, who, role, by, peer } = installation.records().at(-1) ?? {}
    assert.deepEqual(
      { type, ok, who, role, by, peer },
      { type: 'acted', ok: false, who: 'looks', role: 'viewer', by: 'token', peer: '127.0.0.1' },
    )
    assert.equal(typeof act, 'string')
  })
  assert.ok(posts.length >= 10)
})

test('however a revision came into force, its record says from which one, by what, and what it changed', async (t) => {
  const installation = createInstallation(t, {
    config: 'policy: { bundles: [{ name: acme, folder: ./acme }] }',
    manifests: { 'weather.yaml': manifest('weather', '') },
  })
  mkdirSync(join(installation.folder, 'acme'))
  const bundle = (revision: string) => installation.write('acme/.manifest', JSON.stringify({ revision, roots: ['acme'] }))
  bundle('b1')
  const { gateway } = await startHere(t, installation)
  const of = () => installation.records().filter(({ type }) => type === 'activated')
  bundle('b2')
  installation.write('acme/data.json', '{ "acme": { "a": 1 } }')
  await eventually('the bundle is active', async () => of().some(({ how }) => how === 'bundle'))
  installation.write('integrations/weather.yaml', manifest('weather', 'limits: { concurrency: 7 }'))
  await gateway.reload()
  const ask = operatorOf(installation)
  await ask('policy/rollback')
  await ask(`policy/activate/${of()[0]?.['revision']}`)
  const records = of()
  assert.deepEqual(
    records.slice(1).map(({ previous }) => previous),
    records.slice(0, -1).map(({ revision }) => revision),
  )
  assert.deepEqual(
    records.map(({ how, by, from, files, changed }) => [how, by === 'signal' ? 'folders' : by, from, files, changed]),
    [
      ['start', 'folders', undefined, undefined, undefined],
      ['bundle', 'acme', join(installation.folder, 'acme'), undefined, undefined],
      ['reload', 'folders', undefined, 'weather.yaml', 'weather: limits'],
      ['rollback', 'operator', 'socket', 'weather.yaml', 'weather: limits'],
      ['activate', 'operator', 'socket', undefined, undefined],
    ],
  )
})

test('who proves nothing on the operator’s side is recorded in sums, by address and answer', async (t) => {
  const { adminPort, installation, gateway } = await startAdminGateway(
    t,
    { admin: 'tokens: [{ name: looks, role: viewer, token: { file: ./viewer } }]' },
    async ({ write }) => write('viewer', 'token-of-the-viewer'),
  )
  const statuses = await eachCase(
    [{}, bearer('guessed'), bearer('guessed again'), { ...bearer('token-of-the-viewer'), origin: 'https://a.example' }],
    async (headers) => (await askAdmin(adminPort, '/v1/status', { headers })).status,
  )
  await gateway.close()
  const sums = installation.records().filter(({ type }) => type === 'operator-refused')
  assert.deepEqual(
    sums.map(({ peer, status, count }) => [peer, status, count]),
    [
      ['127.0.0.1', 401, 3],
      ['127.0.0.1', 403, 1],
    ],
    String(statuses),
  )
  assert.doesNotMatch(JSON.stringify(sums), /guessed|token-of/)
})
