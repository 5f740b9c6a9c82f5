/** What is remembered of decisions, and which functions forbid it. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { decodeManifest } from '../../src/manifests/decode.ts'
import { createLibrarySource } from '../../src/opa/library-source.ts'
import { createDecider } from '../support/decide.ts'
import { smallDefaults } from '../support/defaults.ts'
import { createFolder } from '../support/folder.ts'
import { grant } from '../support/grant.ts'
import { root } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const weather = decodeManifest('/x/weather.yaml', grant({ network: [{ hosts: ['api.example.com'], tls: 'intercept' }] }), smallDefaults)
const request = { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET', path: '/a' }

const read = (file: string) => readFileSync(join(root, file), 'utf8')
const namesIn = (text: string) => [...text.matchAll(/["`]([a-z0-9_.]+)["`]/gi)].map(([, name]) => name)

test('every function of OPA is in our list of those that look at no clock, or on the page as one that may', () => {
  const all = ['capabilities', 'external-builtins'].flatMap((file) => {
    const parsed = JSON.parse(read(`rego/compiler/${file}.json`)) as { builtins?: { name: string }[] } | { name: string }[]
    return (Array.isArray(parsed) ? parsed : (parsed.builtins ?? [])).map(({ name }) => name)
  })
  const deterministic = namesIn(/var deterministic = \[\]string\{[^}]*\}/.exec(read('rego/compiler/deterministic.go'))?.[0] ?? '')
  const volatile = namesIn(/<!-- volatile -->(.*)<!-- \/volatile -->/s.exec(read('docs/reference/builtins.md'))?.[1] ?? '')
  const outside = ['http.send', 'net.lookup_ip_addr', 'opa.runtime']
  assert.ok(volatile.includes('crypto.x509.parse_and_verify_certificates'))
  assert.deepEqual([...deterministic, ...volatile, ...outside].sort(), all.sort())
})

for (const [what, call, evaluations] of [
  ['a decision is remembered, for a minute at most', 'regex.match("^/x", input.http.path)', [1, 1, 1, 2]],
  [
    'a policy that verifies certificates is evaluated for each request',
    'crypto.x509.parse_and_verify_certificates(input.http.path)[0]',
    [1, 2, 3, 4],
  ],
] as const)
  compilerTest(what, async (t) => {
    const rulesFolder = createFolder(t)
    writeFileSync(
      join(rulesFolder, 'rules.rego'),
      rego`
        package sallyport.rules

        deny contains "x" if ${call}
      `,
    )
    const source = createLibrarySource()
    let calls = 0
    const library = {
      ...source,
      now(builtin: string) {
        calls += 1
        return source.now(builtin)
      },
    }
    const { http } = await createDecider(t, [weather], { rulesFolder, library, maxEvaluationMs: 500 })
    const counted = [0, 1000, 60_000, 60_001].map((at) => {
      http(weather, request, at)
      return calls
    })
    assert.deepEqual(counted, evaluations)
  })
