/** A number reaches the policy as it was spelled, on every way there: what a rule says of 9007199254740993 holds for no other number. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { applyDelta } from '../../src/bundles/format/apply-delta.ts'
import type { DeltaBundle } from '../../src/bundles/format/bundle.ts'
import { readBundle } from '../../src/bundles/index.ts'
import type { Json, JsonObject, RequestBody } from '../../src/core/index.ts'
import { decodeManifest } from '../../src/manifests/decode.ts'
import { readHttpSend, replyAnswer } from '../../src/policy/external-calls/http-send.ts'
import { createRedactor } from '../../src/redact/index.ts'
import { applyMasks } from '../../src/reporting/apply-masks.ts'
import type { DecisionEvent } from '../../src/reporting/event.ts'
import { shortenWritten } from '../../src/reporting/shorten.ts'
import { bodyOf } from '../../src/resources/http/body-facts.ts'
import { readKeptBundle, writeBundle } from '../../src/rollout/history/revision-folder.ts'
import { parseExactJson, stringify } from '../../src/text/index.ts'
import { bundleOf, origin, readFiles, refusalOf } from '../support/bundles.ts'
import { eachCase } from '../support/cases.ts'
import { createDecider } from '../support/decide.ts'
import { smallDefaults } from '../support/defaults.ts'
import { grant } from '../support/grant.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const body = (text: string): RequestBody => ({
  declaredBytes: null,
  arrived: async () => true,
  whole: Buffer.from(text),
  watch: () => {},
  count: () => null,
  async *chunks() {},
})
const factsOf = (text: string): JsonObject => ({
  scheme: 'https',
  host: 'api.example.com',
  port: 443,
  method: 'GET',
  path: '/',
  body: bodyOf(body(text), ['content-type', 'application/json']),
})

async function decide(t: TestContext, rule: string) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-rules-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(
    join(folder, 'rules.rego'),
    rego`
      package sallyport.rules
      ${rule}
    `,
  )
  const weather = decodeManifest(
    '/x/weather.yaml',
    grant({ network: [{ hosts: ['api.example.com'], tls: 'intercept', methods: ['GET'] }] }),
    smallDefaults,
  )
  const { http } = await createDecider(t, [weather], { rulesFolder: folder })
  return (text: string) => http(weather, factsOf(text)).allow
}

compilerTest('a deny of one account holds for it in every spelling, and for no neighbour', async (t) => {
  const allows = await decide(t, 'deny contains "closed" if input.http.body.value.account == 9007199254740993')
  eachCase(['9007199254740993', '9007199254740993.0', '9.007199254740993e15', '90071992547409930e-1'], (spelling) =>
    assert.equal(allows(`{"account":${spelling}}`), false, spelling),
  )
  eachCase(['9007199254740992', '9007199254740994', '9007199254740992.9', '"9007199254740993"'], (spelling) =>
    assert.equal(allows(`{"account":${spelling}}`), true, spelling),
  )
})

compilerTest('a rule sees the spelling that was sent', async (t) => {
  const allows = await decide(t, 'deny contains "spelled so" if json.marshal(input.http.body.value.n) in {"1.0", "-0", "1e3", "0.10"}')
  eachCase(['1.0', '-0', '1e3', '0.10'], (spelling) => assert.equal(allows(`{"n":${spelling}}`), false, spelling))
  eachCase(['1', '0', '1000', '0.1'], (spelling) => assert.equal(allows(`{"n":${spelling}}`), true, spelling))
})

compilerTest('a rule that looks only at what lies around a number sees no member of it', async (t) => {
  const allows = await decide(t, 'deny contains "it has members" if input.http.body.value.n.rawJSON')
  assert.equal(allows('{"n":1.0}'), true)
  assert.equal(allows('{"n":{"rawJSON":"1.0"}}'), false)
})

for (const spelling of ['1e400', '-1e400', '1e-400', `1${'0'.repeat(309)}`, '1e99999999999999999999'])
  test(`a body with ${spelling.slice(0, 24)} is refused: it is infinity to one reader, null to another, and zero to a third`, () => {
    assert.throws(() => factsOf(`{"n":[${spelling}]}`), { code: 'malformed-request', message: /number out of range/ })
  })

const data = '{"ids":[9007199254740993,1.0,-0,1e3,0.1000000000000000055511151231257827]}'

test('data of bundles, deltas and the history keeps its numbers', async () => {
  const base = await readFiles({ '.manifest': { revision: 'r1', roots: ['ids', 'more'] }, 'data.json': data })
  assert.equal(JSON.stringify(base.data), data)
  const patch = '{"data":[{"op":"upsert","path":"/more","value":9007199254740995}]}'
  const delta = (await readBundle(await bundleOf({ '.manifest': { revision: 'r2', roots: ['ids', 'more'] }, 'patch.json': patch }), {
    origin,
    verification: null,
  })) as DeltaBundle
  const after = applyDelta(base, delta, origin)
  assert.equal(JSON.stringify(after.data), `${data.slice(0, -1)},"more":9007199254740995}`)
  const read = readKeptBundle(writeBundle(after))
  assert.equal(JSON.stringify(read.data), JSON.stringify(after.data))
})

test('a delta cannot lead into a number, and data holds none that is out of range', async () => {
  const base = await readFiles({ '.manifest': { roots: ['n'] }, 'data.json': '{"n":1.0}' })
  const delta: DeltaBundle = {
    kind: 'delta',
    revision: 'r2',
    patch: [{ op: 'upsert', path: ['n', 'rawJSON'], value: '2' }],
    signedAt: null,
  }
  assert.throws(() => applyDelta(base, delta, origin), /leads into a value that has no parts/)
  assert.match(await refusalOf(readFiles({ 'data.json': '{"n":1e400}' })), /number out of range, 1e400/)
})

test('YAML keeps integers of 64 bits, as OPA reads them', async () => {
  const { data } = await readFiles({
    'data.yaml': 'a: 9007199254740993\nb: 18446744073709551615\nc: 18446744073709551616\nd: 1\n9007199254740993: 2\n',
  })
  assert.equal(JSON.stringify(data), '{"a":9007199254740993,"b":18446744073709551615,"c":18446744073709552000,"d":1,"9007199254740993":2}')
})

test('what rules send and are answered keeps its numbers; an answer out of range is an error', () => {
  const { request } = readHttpSend(`{"method":"post","url":"http://a.example/","body":${data},"timeout":1e9}`, 5000)
  assert.equal(String(request.body), data)
  assert.equal(request.timeoutMs, 1000)
  const reply = (text: string) =>
    replyAnswer(
      { status: 200, headers: ['content-type', 'application/json'], body: Buffer.from(text) } as Parameters<typeof replyAnswer>[0],
      false,
    )
  assert.match(
    String((reply(data) as { text?: string }).text),
    /"body":\{"ids":\[9007199254740993,1\.0,-0,1e3,0\.1000000000000000055511151231257827\]\}/,
  )
  assert.throws(() => reply('{"n":1e400}'), /number out of range/)
})

test('the decision log shows the numbers that were sent, masked, shortened or not', () => {
  const document = createRedactor([]).document(parseExactJson(data))
  assert.equal(stringify(document), data)
  const event = { input: document, result: {} } as unknown as DecisionEvent
  applyMasks(event, [{ op: 'upsert', parts: ['input', 'masked'], value: parseExactJson('{"n":[2.0]}'), shown: '/input/masked' }])
  applyMasks(event, [{ op: 'upsert', parts: ['input', 'ids', '1', 'rawJSON'], value: 'x', shown: '' }])
  const text = `${data.slice(0, -1)},"masked":{"n":[2.0]}}`
  assert.equal(stringify(event.input as Json), text)
  const written = Buffer.from(stringify({ ...event, long: 'x'.repeat(10_000) } as unknown as Json))
  assert.ok(String(shortenWritten(written, 9000)).includes(`"input":${text}`))
})
