/** An instance is never trusted after an oddity: what is decided does not depend on what was decided before. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import fc from 'fast-check'
import { decodeManifest } from '../../src/manifests/decode.ts'
import { eachCase } from '../support/cases.ts'
import { createDecider } from '../support/decide.ts'
import { smallDefaults } from '../support/defaults.ts'
import { createFolder } from '../support/folder.ts'
import { grant } from '../support/grant.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

const weather = decodeManifest(
  '/x/weather.yaml',
  grant({ network: [{ hosts: ['api.example.com'], tls: 'intercept', paths: ['/v1/**'] }] }),
  smallDefaults,
)
const good = { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET', path: '/v1/a' }
const json = (value: unknown) => ({ ...good, method: 'POST', body: { type: 'json', bytes: 1, value } })

const rules = rego`
  package sallyport.rules

  numbers_ := [${Array.from({ length: 60 }, (_, index) => index).join(',')}]

  both := 1 if input.http.method == "CONFLICT"
  both := 2 if input.http.method == "CONFLICT"
  deny contains "x" if both == 3

  deny contains "memory" if {
    input.http.method == "MEMORY"
    count([[a, b, c, d] | some a in numbers_; some b in numbers_; some c in numbers_; some d in numbers_]) == 0
  }

  deny contains "time" if {
    input.http.method == "TIME"
    some a in numbers_
    some b in numbers_
    some c in numbers_
    some d in numbers_
    some e in numbers_
    some f in numbers_
    a + b + c + d + e + f == 10000
  }

  deny contains "division" if 1 / (input.http.port - 444) == 3

  obligations contains {"fly": true} if input.http.method == "ODD"

  deny contains "text" if json.is_valid(input.http.body.value.text)

  deny contains "base64" if base64.is_valid(input.http.body.value.base64)

  deny contains "first" if input.http.body.value[0] == 1

  deny contains "secret" if startswith(input.http.path, "/v1/secret")
`

/** Successes and failures of every kind. */
const requests: readonly Record<string, unknown>[] = [
  good,
  { ...good, path: '/v1/b' },
  { ...good, path: '/v1/secret' },
  { ...good, path: '/other' },
  { ...good, path: '/v1/\ud800' },
  { ...good, path: `/v1/${'x'.repeat(100_000)}` },
  { ...good, method: 'CONFLICT' },
  { ...good, method: 'MEMORY' },
  { ...good, method: 'TIME' },
  { ...good, method: 'ODD' },
  { ...good, port: 444 },
  { ...good, path: 'x'.repeat(9_000_000) },
  json({ text: 'true' }),
  json({ text: 'true x' }),
  json({ text: '[1' }),
  json({ base64: 'aGVsbG8=' }),
  json({ base64: 'a' }),
  json([1, 2, 3]),
  json([2, 1]),
  json(Array.from({ length: 20_000 }, () => 0)),
  json('x'.repeat(200_000)),
]

async function decider(t: TestContext) {
  const rulesFolder = createFolder(t)
  writeFileSync(join(rulesFolder, 'rules.rego'), rules)
  return createDecider(t, [weather], { rulesFolder, maxEvaluationMs: 200 })
}

const told = ({ allow, rule, reasons }: { allow: boolean; rule: string; reasons: readonly string[] }) => [allow, rule, ...reasons]

test('every kind of failure between every kind of success leaves the next answer as a fresh instance gives it', async (t) => {
  const fresh: unknown[][] = []
  const first = await decider(t)
  await eachCase(requests.entries(), async ([index, request]) => {
    // The good one before and after shows that each stands for itself.
    assert.equal(first.http(weather, { ...good, path: `/v1/before/${index}` }).allow, true)
    fresh.push(told((await decider(t)).http(weather, request)))
    assert.deepEqual(told(first.http(weather, request)), fresh[index], `request ${index}`)
    assert.equal(first.http(weather, { ...good, path: `/v1/after/${index}` }).allow, true, `after request ${index}`)
  })
  assert.deepEqual(fresh.map(([, rule]) => rule).filter((rule) => String(rule).startsWith('engine/')).length >= 6, true)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(requests.length - 1), { minLength: 2, maxLength: 12 }), async (order) => {
      for (const index of order)
        assert.deepEqual(told(first.http(weather, requests[index] ?? good)), fresh[index], `request ${index} of ${order}`)
    }),
    { numRuns: 40 },
  )
})

for (const [what, unit, bytes] of [
  ['small numbers', 0, 2],
  ['empty arrays', [], 3],
  ['empty objects', {}, 3],
  ['objects', { a: 1 }, 8],
  ['empty strings', '', 3],
  ['nulls', null, 5],
] as const)
  test(`a body of ${what} as large as http.maxPolicyBody lets one be is decided with the limits that are the default`, async (t) => {
    const rulesFolder = createFolder(t)
    writeFileSync(
      join(rulesFolder, 'rules.rego'),
      rego`
        package sallyport.rules

        deny contains "first" if input.http.body.value[0] == 1
      `,
    )
    const { http, failures } = await createDecider(t, [weather], { rulesFolder, maxMemoryPages: 1600, maxEvaluationMs: 50 })
    eachCase([200, 1024, 200, 1024], (kibi) => {
      const value = Array.from({ length: Math.floor((kibi * 1024) / bytes) }, () => unit)
      assert.deepEqual([http(weather, json(value)).allow, failures], [true, []], `${kibi} KiB`)
    })
  })
