/** sallyport.yaml as a whole: what it takes from outside, what must not collide, and that its defaults are what the schema says. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { configJsonSchema, loadConfig } from '../../src/config/index.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder, problemsOf } from '../support/folder.ts'

const variable = (name: string) => `$${'{'}${name}}`
const head = 'apiVersion: sallyport/v1\nkind: Gateway\n'
const load = (t: TestContext, text: string | Buffer, files: Record<string, string> = {}, env: Record<string, string> = {}) => {
  const folder = createFolder(t, { ...files, 'sallyport.yaml': text })
  return { folder, config: () => loadConfig(join(folder, 'sallyport.yaml'), env) }
}
const problems = (t: TestContext, text: string | Buffer, files: Record<string, string> = {}, env: Record<string, string> = {}) => {
  const { folder, config } = load(t, text, files, env)
  return problemsOf(folder, config)
}

test('problems of every kind are told at once, each with its place', async (t) => {
  const text = `${head}state: "${variable('NOWHERE')}/x"
limts: {}
drainTimeout: soon
listeners:
  - { name: a, address: "127.0.0.1:1", socket: ./a.sock }
  - { name: a, address: "127.0.0.1:2", doors: [front] }
services:
  - { name: s, url: "http://s.internal", headers: { X: { env: NO_SECRET }, Y: { file: ./none }, Z: inline } }
admin: { tcp: { address: "127.0.0.1:2", token: { file: ./empty } } }
`
  assert.deepEqual(await problems(t, text, { empty: '\n' }), [
    'sallyport.yaml:3:1 state: the environment has no NOWHERE',
    `sallyport.yaml:4:1 limts: unknown key; did you mean "limits"? (known: ${Object.keys((configJsonSchema() as { properties: object }).properties).join(', ')})`,
    'sallyport.yaml:5:1 drainTimeout: expected a duration such as "500ms", "10s" or "2m"',
    'sallyport.yaml:7:5 listeners.0: expected either an address or a socket',
    'sallyport.yaml:8:7 listeners.1.name: "a" is there twice',
    'sallyport.yaml:8:48 listeners.1.doors.0: expected "proxy", "services" or "broker"',
    'sallyport.yaml:10:53 services.0.headers.X: the environment has no NO_SECRET, which should hold this secret',
    "sallyport.yaml:10:76 services.0.headers.Y: the secret's file cannot be read: ENOENT",
    'sallyport.yaml:10:97 services.0.headers.Z: expected { env: NAME } or { file: path }; a secret is never in this file',
    'sallyport.yaml:11:17 admin.tcp.address: "127.0.0.1:2" is taken by listeners.1.address already',
    'sallyport.yaml:11:41 admin.tcp.token: the secret’s file is empty',
  ])
})

test('writing out every default changes nothing', (t) => {
  interface Schema {
    readonly default?: unknown
    readonly properties?: Readonly<Record<string, Schema>>
    readonly required?: readonly string[]
  }
  const written = ({ properties, required = [], default: stated }: Schema, whole = false): unknown => {
    const keys = Object.entries(properties ?? {}).map(([key, value]) => [key, written(value)] as const)
    const given = keys.filter(([, value]) => value !== undefined)
    // A part that is absent by default, and needs something where it is present, is not written out.
    if (!whole && required.some((key) => !given.some(([name]) => name === key))) return stated
    return given.length > 0 ? Object.fromEntries(given) : stated
  }
  const all = { ...(written(configJsonSchema() as Schema, true) as object), apiVersion: 'sallyport/v1', kind: 'Gateway' }
  assert.ok(JSON.stringify(all).length > 500)
  // That it is there turns watching on.
  const { folder, config } = load(t, JSON.stringify(all), { 'small.yaml': `${head}watch: {}` })
  assert.deepEqual({ ...config(), file: '' }, { ...loadConfig(join(folder, 'small.yaml'), {}), file: '' })
})

test('a variable’s value is taken as it is, never expanded again', (t) => {
  const { config } = load(t, `${head}state: "${variable('A')}/${variable('B')}"`, {}, { A: '/a/$', B: variable('A') })
  assert.equal(config().state.folder, `/a/$/${variable('A')}`)
})

const refused: readonly (readonly [string, string, RegExp])[] = [
  ['another spelling of a variable', `state: "${variable('env:HOME')}"`, /3:1 state: a variable is written \$\{NAME\}/],
  ['a variable that is empty', `state: "${variable('EMPTY')}"`, /3:1 state: the environment has no EMPTY/],
  [
    'a variable in a URL',
    `services: [{ name: s, url: "http://${variable('HOST')}/" }]`,
    /url: variables are replaced in paths of files only/,
  ],
  ['a variable in an address', `admin: { health: "${variable('HOST')}:1" }`, /admin\.health: expected an address and port/],
  ['a path with a line end', 'state: "a\\nb"', /state: a path has no control characters/],
  [
    'a password in a URL',
    'services: [{ name: s, url: "http://me:hunter2@s/" }]',
    /url: no user, password, query or fragment: a credential is a header/,
  ],
  ['a query in a URL', 'services: [{ name: s, url: "http://s/?key=hunter2" }]', /url: no user, password, query or fragment/],
  ['another scheme', 'services: [{ name: s, url: "file:///etc/passwd" }]', /url: expected an http:\/\/ or https:\/\/ URL/],
  [
    'a header that frames the message',
    'services: [{ name: s, url: "http://s/", headers: { Transfer-Encoding: { env: A } } }]',
    /this header belongs to the connection/,
  ],
  [
    'one header in two spellings',
    'services: [{ name: s, url: "http://s/", headers: { A: { env: A }, a: { env: A } } }]',
    /one header in two spellings/,
  ],
  [
    'a secret with a line end',
    'services: [{ name: s, url: "http://s/", headers: { A: { env: LINES } } }]',
    /headers\.A: the secret has a character that no header has/,
  ],
  [
    'two services of one name',
    'services: [{ name: s, url: "http://s/" }, { name: s, url: "http://t/" }]',
    /services\.1\.name: "s" is there twice/,
  ],
  [
    'a listener where health is',
    'listeners: [{ name: a, address: "127.0.0.1:8282" }]',
    /admin\.health: "127\.0\.0\.1:8282" is taken by listeners\.0\.address already/,
  ],
  [
    'a port that an all-address listener takes',
    'listeners: [{ name: a, address: "0.0.0.0:1" }, { name: b, address: "[::1]:1" }]',
    /listeners\.1\.address: "::1:1" is taken by/,
  ],
  [
    'one IPv6 address in two spellings',
    'listeners: [{ name: a, address: "[::1]:1" }, { name: b, address: "[0:0:0:0:0:0:0:1]:1" }]',
    /listeners\.1\.address: "::1:1" is taken by/,
  ],
  [
    'one socket twice',
    'listeners: [{ name: a, socket: ./a }, { name: b, socket: a }]',
    /listeners\.1\.socket: "a" is taken by listeners\.0\.socket already/,
  ],
  [
    'a socket whose path is too long',
    `listeners: [{ name: a, socket: "/${'x'.repeat(107)}" }]`,
    /listeners\.0\.socket: a Unix socket's path may have 107 bytes, and \/x+ has 108/,
  ],
  [
    'a state folder whose socket has too long a path',
    `state: "/${'x'.repeat(100)}"`,
    /state: a Unix socket's path may have 107 bytes, and \/x+\/admin\.sock has 112; give admin\.socket a shorter path/,
  ],
  [
    'a mode that is a decimal number',
    'listeners: [{ name: a, socket: ./a, mode: 0660 }]',
    /listeners\.0\.mode: expected a mode in quotes, such as "0660"/,
  ],
  [
    'a mode that shuts out the gateway',
    'listeners: [{ name: a, socket: ./a, mode: "0060" }]',
    /listeners\.0\.mode: expected a mode such as/,
  ],
  [
    'a group that is not there',
    'listeners: [{ name: a, socket: ./a, group: no-such-group }]',
    /\/etc\/group knows no group "no-such-group"/,
  ],
  [
    'the mode of an address',
    'listeners: [{ name: a, address: "127.0.0.1:1", mode: "0660" }]',
    /listeners\.0: mode and group are those of a socket/,
  ],
  [
    'a listener with no door',
    'listeners: [{ name: a, address: "127.0.0.1:1", doors: [] }]',
    /listeners\.0\.doors: expected at least 1 item/,
  ],
  ['a timeout that is over at once', 'drainTimeout: 0s', /drainTimeout: a duration must be above zero, at least "1ms"/],
  ['a timeout that is shorter than any timer', 'drainTimeout: 0.1ms', /drainTimeout: a duration must be above zero, at least "1ms"/],
  ['a timeout that no timer can wait', 'drainTimeout: 1000h', /drainTimeout: a duration may be 24 days at most/],
  ['a size beyond what can be counted', 'http: { maxReply: 99999999999GiB }', /http\.maxReply: expected a size between 0 and/],
  [
    'room for less than two bodies that the policy looks at',
    'http: { maxPolicyBody: 1MiB, maxPolicyBodies: 1MiB }',
    /http\.maxPolicyBodies: expected at least twice http\.maxPolicyBody/,
  ],
  ['no room for headers', 'http: { maxHeader: 0 }', /http\.maxHeader: expected a size between 1024 and 1048576 bytes/],
  [
    'a rate beyond what can be counted',
    `limits: { requests: { rate: ${'9'.repeat(400)}/s } }`,
    /limits\.requests\.rate: a rate must be above zero, and a number/,
  ],
  ['a bucket that holds nothing', 'limits: { requests: { rate: 1/s, burst: 0 } }', /limits\.requests\.burst: expected a size between 1/],
  [
    'a timeout that is never reached',
    'services: [{ name: a, url: "http://a.example", timeouts: { idle: 2s, total: 1s } }]',
    /services\.0\.timeouts\.idle: it is longer than "timeouts\.total"/,
  ],
  [
    'a timeout of a handshake without TLS',
    'services: [{ name: a, url: "http://a.example", timeouts: { tls: 1s } }]',
    /services\.0\.timeouts\.tls: without TLS there is no handshake/,
  ],
  ['a maxTtl below minTtl', 'http: { dns: { minTtl: 1m, maxTtl: 1s } }', /http\.dns\.maxTtl: expected no less than http\.dns\.minTtl/],
  ['a resolver by name', 'http: { dnsServers: [dns.internal] }', /http\.dnsServers\.0: expected a resolver such as/],
  ['rules that are not there', 'policy: { rules: ./rules }', /policy\.rules: there is no such folder/],
  ['CAs that are not there', 'http: { originCa: ./ca.pem }', /http\.originCa: cannot be read: ENOENT/],
  ['CAs that are none', 'http: { originCa: ./sallyport.yaml }', /http\.originCa: holds no certificate in PEM/],
]
for (const [what, text, expected] of refused)
  test(`refuses ${what}, and repeats no secret`, async (t) => {
    const found = (await problems(t, head + text, {}, { A: 'a', EMPTY: '', LINES: 'hunter2\r\nX-Evil: 1' })).join('\n')
    assert.match(found, expected)
    assert.doesNotMatch(found, /hunter2/)
  })

test('a file that is not text, no file, or a pipe that nobody writes to is refused, not waited for', async (t) => {
  assert.deepEqual(await problems(t, Buffer.from([0x61, 0xff, 0x62])), ['sallyport.yaml: is not UTF-8; give another with --config'])
  const folder = createFolder(t)
  mkdirSync(join(folder, 'folder.yaml'))
  execFileSync('mkfifo', [join(folder, 'pipe.yaml')])
  await eachCase(['folder.yaml', 'pipe.yaml'], async (name) =>
    assert.deepEqual(await problemsOf(folder, () => loadConfig(join(folder, name), {})), [
      `${name}: cannot be read: it is not a regular file; give another with --config`,
    ]),
  )
})

test('a byte order mark is no part of the first key', (t) => assert.equal(load(t, `\ufeff${head}`).config().drainTimeoutMs, 10_000))
