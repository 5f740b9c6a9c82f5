/** The default policy decides whatever is asked of it without OPA's library of functions, as a machine has it that never built one. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AccessRequest, Claim, Decision, Json, JsonObject, ResourceKind } from '../../src/core/index.ts'
import { decodeManifest } from '../../src/manifests/decode.ts'
import { createCompile } from '../../src/opa/index.ts'
import { createLibrarySource } from '../../src/opa/library-source.ts'
import { createPolicy } from '../../src/policy/policy.ts'
import { composed } from '../support/composed.ts'
import { smallDefaults } from '../support/defaults.ts'
import { createFolder } from '../support/folder.ts'
import { grant } from '../support/grant.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const integration = decodeManifest(
  '/x/weather.yaml',
  grant({
    network: [
      { hosts: ['api.example.com'], tls: 'intercept', methods: ['GET'], paths: ['/v1/**'] },
      { hosts: ['*.example.org'], tls: 'tunnel' },
      { hosts: ['1.example.net'], tls: 'none', ports: [80], paths: ['/v1.0/*/e1'] },
    ],
    services: [{ name: 'search-1e5', methods: ['GET'], paths: ['/q/**'] }],
    files: [{ name: 'data-1e5', root: '/srv/data', actions: ['read'], paths: ['public/**'] }],
  }),
  smallDefaults,
)

/** Of what callers can put into a host, a path or a name: digits before `.`, `e` and `E`, Rego's and JSON's own characters, verbs of sprintf. */
const pieces = [
  '1.',
  '1e5',
  '2E',
  '-0',
  '1.0',
  '{',
  '}',
  '{"a":1}',
  '[',
  ']',
  '"',
  '\\',
  '%',
  '%s',
  '%d',
  '%!',
  '%25',
  'set()',
  ',',
  '/',
  '.',
]
const odd = [
  '\0',
  '\u001f',
  '\u007f',
  '\u0085',
  '\u2028',
  '\ufeff',
  '\ufffd',
  '\ud800',
  '\udfff',
  'é',
  'e\u0301',
  '😀',
  '‮',
  ' ',
  '\t',
  '\n',
  '\r\n',
]
const textOf = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.oneof(fc.constantFrom(...pieces, ...odd), fc.string({ maxLength: 5 })), { maxLength: 12 }).map((list) => list.join('')),
  fc.constantFrom(...pieces).map((piece) => piece.repeat(20_000)),
)
/** Canonical names are no longer than this. */
const maxHost = 253
const host = fc.oneof(
  textOf.map((text) => text.slice(0, maxHost)),
  fc.constantFrom('api.example.com', '1.example.net', 'a1.e2.example.org', '127.0.0.1', '10.1e2.x', '::1', 'fd00::1e5'),
)
const path = fc.oneof(
  textOf,
  textOf.map((text) => `/${text}`),
  fc.constantFrom('/v1/a', '/v1.0/x/e1', '/pkg/1.2.3/file-1e5.tar.gz'),
)
const method = fc.oneof(textOf, fc.constantFrom('GET', 'POST', 'M1.0E'))
const port = fc.oneof(fc.integer(), fc.constantFrom(80, 443, 0, -1, 2 ** 53 - 1))
const asked: fc.Arbitrary<{ kind: ResourceKind; facts: JsonObject }> = fc.oneof(
  fc.record({ scheme: fc.constantFrom('http', 'https'), host, port, method, path }).map((facts) => ({ kind: 'http' as const, facts })),
  fc.record({ host, port }).map((facts) => ({ kind: 'tunnel' as const, facts })),
  fc
    .record({ name: fc.oneof(textOf, fc.constant('search-1e5')), method, path, websocket: fc.boolean() })
    .map((facts) => ({ kind: 'service' as const, facts })),
  fc
    .record({ root: fc.oneof(textOf, fc.constant('data-1e5')), path, action: fc.constantFrom('read', 'write', 'list', 'delete') })
    .map((facts) => ({ kind: 'file' as const, facts })),
  fc.record({ host }).map((facts) => ({ kind: 'lookup' as const, facts })),
  fc.constant({ kind: 'self' as const, facts: {} }),
)

test('the default policy answers requests of every shape without the library of functions', async (t) => {
  const failures: unknown[] = []
  const policy = createPolicy({
    cacheFolder: createFolder(t),
    compile: createCompile(),
    library: {
      readyFor: async ({ always, sometimes }) => assert.deepEqual([always, sometimes], [[], []]),
      now: () => assert.fail('the library is not needed'),
      code: () => null,
      codeFor: async () => null,
    },
    maxMemoryPages: 2000,
    maxEvaluationMs: 10_000,
    readContext: () => ({}),
    onFailure: (_kind, error) => void failures.push(error),
  })
  const prepared = await policy.prepare(composed({ integrations: [integration] }))
  prepared.activate()
  const stranger = { ...integration, name: 'nobody.1e5' }
  const decide = (kind: ResourceKind, facts: JsonObject, who: Json): Decision | null =>
    policy.decide(
      {
        kind,
        id: 'id',
        door: 'proxy',
        at: 0,
        integration: who === true ? integration : stranger,
        identity: 'token',
        action: 'x',
      } as unknown as AccessRequest,
      { facts, subject: {}, origin: null } as unknown as Claim,
    )
  let denials = 0
  fc.assert(
    fc.property(asked, fc.boolean(), ({ kind, facts }, isKnown) => {
      const decision = decide(kind, facts, isKnown)
      assert.deepEqual(failures, [])
      assert.ok(decision !== null)
      assert.match(decision.rule, /^default\//)
      if (decision.allow) return
      denials += 1
      // What a reason names, it names as it was asked.
      for (const reason of decision.reasons) assert.ok(reason.length > 0)
      if (isKnown && kind === 'tunnel' && decision.reasons.some((reason) => reason.startsWith('no network')))
        assert.deepEqual(decision.reasons, [`no network capability names the host "${(facts['host'] as string).toWellFormed()}"`])
    }),
    { numRuns: Number(process.env['SALLYPORT_RUNS'] ?? 2000) },
  )
  t.diagnostic(`${denials} denials`)
  assert.ok(denials > 500)
})

compilerTest('rules whose functions need the library are activated only once it is there', async (t) => {
  const options = {
    cacheFolder: createFolder(t),
    compile: createCompile(),
    maxMemoryPages: 200,
    maxEvaluationMs: 50,
    readContext: () => ({}),
    onFailure: () => {},
  }
  const missing = createLibrarySource(() => Promise.reject(new Error('spawn go ENOENT')))
  const policy = createPolicy({ ...options, library: missing })
  const rules = { 'rules/a.rego': 'package sallyport.rules\n\ndeny contains "x" if time.weekday(0) == input.http.path\n' }
  await assert.rejects(policy.prepare(composed({ integrations: [integration], rules })), {
    name: 'CompilerMissing',
    message: /call time\.weekday.*spawn go ENOENT/,
  })
  assert.equal(policy.revision(), null)
})

compilerTest('rules that format only strings and whole numbers are activated and decide without the library', async (t) => {
  const failures: string[] = []
  const policy = createPolicy({
    cacheFolder: createFolder(t),
    compile: createCompile(),
    library: createLibrarySource(() => Promise.reject(new Error('spawn go ENOENT'))),
    maxMemoryPages: 200,
    maxEvaluationMs: 50,
    readContext: () => ({}),
    onFailure: (_kind, error) => void failures.push((error as Error).message),
  })
  const rule =
    'package sallyport.rules\n\ndeny contains sprintf("%s:%v is no place", [input.http.host, input.http.port]) if input.http.method == "GET"\n'
  const prepared = await policy.prepare(composed({ integrations: [integration], rules: { 'rules/a.rego': rule } }))
  prepared.activate()
  const decide = (number: number) =>
    policy.decide(
      { kind: 'http', id: 'id', door: 'proxy', at: 0, integration, identity: 'token', action: 'GET' } as unknown as AccessRequest,
      {
        facts: { scheme: 'https', host: '1e5.{x}.example', port: number, method: 'GET', path: '/' },
        subject: {},
        origin: null,
      } as unknown as Claim,
    )
  assert.deepEqual(decide(443)?.reasons, ['1e5.{x}.example:443 is no place'])
  assert.equal(decide(0.5)?.rule, 'engine/builtin')
  assert.match(failures[0] ?? '', /sprintf: .*install Go/)
})
