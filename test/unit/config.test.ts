/** sallyport.yaml: defaults, references to the environment, and every problem at once. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { ConfigError, loadConfig } from '../../src/config/index.ts'
import { decodeManifest } from '../../src/manifests/decode.ts'
import { smallDefaults } from '../support/defaults.ts'

const head = 'apiVersion: sallyport/v1\nkind: Gateway\n'

function write(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-config-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'sallyport.yaml')
  writeFileSync(file, text)
  return file
}

const problemsOf = (load: () => unknown): string => {
  try {
    load()
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    assert.equal(error.exitCode, 78)
    return error.message
  }
  throw new Error('it was accepted')
}

test('the smallest file has safe defaults', (t) => {
  const config = loadConfig(write(t, head), {})
  assert.deepEqual(config.listeners, [
    { name: 'proxy', address: { host: '127.0.0.1', port: 3128 }, integration: null, doors: ['proxy', 'services', 'broker'] },
  ])
  assert.deepEqual(config.admin.health, { host: '127.0.0.1', port: 8282 })
  assert.equal(config.admin.tcp, null)
  assert.equal(config.audit.durability, 'reply')
})

test('paths come from the environment where they say so; secrets from it or a file, and are known to the redactor', (t) => {
  const file = write(
    t,
    `${head}state: "\${STATE}/x"\nadmin: { tcp: { address: "[::1]:9000", token: { file: ./token } } }\nservices: [{ name: s, url: "http://search.internal/", headers: { A: { env: SECRET } } }]\n`,
  )
  writeFileSync(join(file, '../token'), 'from-file\n')
  const config = loadConfig(file, { STATE: '/var/s', SECRET: 'from-env' })
  assert.equal(config.state.folder, '/var/s/x')
  assert.deepEqual(config.admin.tcp, { host: '::1', port: 9000, token: 'from-file', tls: null, dashboard: null })
  assert.deepEqual(config.secrets.toSorted(), ['from-env', 'from-file'])
})

const wrong: readonly (readonly [string, string, RegExp])[] = [
  ['an unknown key', `${head}limitts: {}`, /:3:1 limitts: unknown key; did you mean "limits"\?/],
  [
    'an unknown key inside',
    `${head}audit:\n  folder: x\n  durabilty: strict`,
    /:5:3 audit\.durabilty: unknown key; did you mean "durability"\? \(known: folder, maxSegment, durability, key, signer, input, bodyHashes, index, sinks, personal, keep, archive, reserve, review, witness\)/,
  ],
  [
    'a segment too large to be read again',
    `${head}audit: { maxSegment: 1GiB }`,
    /:3:10 audit\.maxSegment: expected a size between 1KiB and 256MiB/,
  ],
  ['a wrong type', `${head}policy: { maxMemoryPages: lots }`, /:3:11 policy\.maxMemoryPages: .*expected a number/],
  ['a missing key', 'kind: Gateway', /:1:1 apiVersion: /],
  ['another version', 'apiVersion: sallyport/v2\nkind: Gateway', /:1:1 apiVersion: .*sallyport\/v1/],
  ['a duplicate key', `${head}state: a\nstate: b`, /:4:1: the key "state" is there twice/],
  ['broken YAML', `${head}state: [`, /:4?3?:?\d+: /],
  [
    'an inline secret',
    `${head}admin: { tcp: { address: "127.0.0.1:1", token: abc } }`,
    /admin\.tcp\.token: expected \{ env: NAME \} or \{ file: path \}/,
  ],
  ['a missing variable', `${head}state: "\${NOWHERE}"`, /state: the environment has no NOWHERE/],
  [
    'a missing secret file',
    `${head}admin: { tcp: { address: "127.0.0.1:1", token: { file: ./none } } }`,
    /admin\.tcp\.token: the secret's file cannot be read: ENOENT/,
  ],
  ['a bad address', `${head}admin: { health: "8282" }`, /:3:10 admin\.health: expected an address and port such as/],
  [
    'two listeners of one name',
    `${head}listeners: [{ name: a, address: "127.0.0.1:1" }, { name: a, address: "127.0.0.1:1" }]`,
    /:3:52 listeners\.1\.name: "a" is there twice\n.*:3:61 listeners\.1\.address: "127\.0\.0\.1:1" is taken by listeners\.0\.address already/,
  ],
  ['neither address nor socket', `${head}listeners: [{ name: a }]`, /listeners\.0: expected either an address or a socket/],
  ['a rate that is none', `${head}limits: { requests: { rate: fast } }`, /limits\.requests\.rate: expected a rate such as "50\/s"/],
  ['a rate of zero', `${head}limits: { requests: { rate: 0/s } }`, /limits\.requests\.rate: a rate must be above zero/],
  ['nothing', '', /the file is empty/],
]
for (const [name, text, expected] of wrong)
  test(`refuses ${name}, with its place`, (t) =>
    assert.match(
      problemsOf(() => loadConfig(write(t, text), {})),
      expected,
    ))

const manifestOf = (rest: string) =>
  decodeManifest('/x/weather.yaml', `apiVersion: sallyport/v1\nkind: Integration\nname: weather\nowner: maps\n${rest}`, smallDefaults)

test('a manifest’s hosts are canonical, and its TLS mode and ports follow from what it asks', () => {
  const { network } = manifestOf('network:\n  - hosts: [API.Example.COM., "*.bücher.example", "127.1"]\n')
  assert.deepEqual(network[0]?.hosts, ['api.example.com', '*.xn--bcher-kva.example', '127.0.0.1'])
  assert.deepEqual([network[0]?.tls, network[0]?.ports], ['tunnel', [443]])
  const [first, two] = manifestOf('network:\n  - { hosts: [a.b], paths: [/x] }\n  - { hosts: [a.b], tls: none, methods: [] }').network
  assert.deepEqual([first?.tls, first?.ports, two?.ports, two?.methods], ['intercept', [443], [80], []])
  assert.deepEqual(manifestOf('network: []').network, [])
})

const wrongManifests: readonly (readonly [string, string, RegExp])[] = [
  ['a wildcard over a top-level name', 'network: [{ hosts: ["*.com"] }]', /network\.0\.hosts\.0: "\*\.com" is not a host/],
  ['a wildcard inside', 'network: [{ hosts: ["a.*.com"] }]', /is not a host/],
  ['a URL for a host', 'network: [{ hosts: ["https://a.com"] }]', /is not a host/],
  ['a host with a port', 'network: [{ hosts: ["a.com:443"] }]', /is not a host/],
  ['a NUL in a host', 'network: [{ hosts: ["a\\0.com"] }]', /is not a host/],
  [
    'paths in a blind tunnel',
    'network: [{ hosts: [a.com], tls: tunnel, paths: [/x] }]',
    /network\.0: methods and paths [^\n]*cannot be held inside a blind tunnel/,
  ],
  ['a path with dots', 'network: [{ hosts: [a.com], paths: [/a/../b] }]', /network\.0\.paths\.0: a canonical path has no/],
  ['a path without slash', 'network: [{ hosts: [a.com], paths: [x] }]', /expected a path that begins with/],
  ['another glob', 'network: [{ hosts: [a.com], paths: ["/{a,b}"] }]', /nothing special but \* and \*\*/],
  ['a method in lower case', 'network: [{ hosts: [a.com], methods: [get] }]', /expected a method in upper case/],
  ['a bad block', 'network: [{ hosts: [a.com], addresses: [10.0.0.0/40] }]', /expected a block such as/],
  ['a short digest', 'identity: { tokens: [{ sha256: abc }] }', /expected the SHA-256 of the token, 64 hex digits/],
  ['a kind that is not there yet', 'kv: []', /kv: kv capabilities are not available in this version/],
  ['a way out in a file pattern', 'files: [{ name: a, root: /x, actions: [read], paths: ["../**"] }]', /no "\." or "\.\." segment/],
  ['an unknown action', 'files: [{ name: a, root: /x, actions: [delete] }]', /files\.0\.actions\.0: /],
]
for (const [name, text, expected] of wrongManifests)
  test(`a manifest with ${name} is refused, with its place`, () =>
    assert.match(
      problemsOf(() => manifestOf(text)),
      expected,
    ))

test('no text makes the decoder throw anything but ConfigError', () => {
  const yaml = fc
    .array(
      fc.constantFrom(
        'network',
        ':',
        ' ',
        '\n',
        '- ',
        '[',
        ']',
        '{',
        '}',
        '&a',
        '*a',
        '!!int',
        '"',
        "'",
        '|',
        '>',
        '#',
        '~',
        'hosts',
        '0',
        '\t',
        '%',
        '\0',
        '__proto__',
        'constructor',
        '<<',
        '?',
        ',',
      ),
      { maxLength: 30 },
    )
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(yaml, fc.string({ unit: 'binary' })), (text) => {
      try {
        manifestOf(text)
      } catch (error) {
        assert.ok(error instanceof ConfigError, String((error as Error).stack))
      }
    }),
    { numRuns: 3000 },
  )
})

test('a small file cannot become a huge value', () => {
  const bomb = `x: &a [1,1,1,1,1,1,1,1,1,1]\n${Array.from({ length: 9 }, (_, i) => `y${i}: &${'bcdefghij'[i]} [${Array.from({ length: 10 }, () => `*${'abcdefghi'[i]}`).join(',')}]`).join('\n')}`
  assert.match(
    problemsOf(() => manifestOf(bomb)),
    /not readable as YAML: .*alias/,
  )
})
