/** What is evaluated on a thread of its own is decided as on the gateway's, and keeps nobody waiting. */

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { AccessRequest, Claim, Integration } from '../../src/core/index.ts'
import { decodeManifest } from '../../src/manifests/decode.ts'
import { createCompile } from '../../src/opa/index.ts'
import { createEvaluationThread } from '../../src/policy/evaluation-thread.ts'
import { createPolicy } from '../../src/policy/policy.ts'
import { eachCase, until } from '../support/cases.ts'
import { composed } from '../support/composed.ts'
import { smallDefaults } from '../support/defaults.ts'
import { createFolder } from '../support/folder.ts'
import { grant } from '../support/grant.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

const integrationOf = (name: string, host: string) =>
  decodeManifest(`/x/${name}.yaml`, grant({ name, network: [{ hosts: [host], tls: 'intercept' }] }), smallDefaults)
const weather = integrationOf('weather', 'api.example.com')
const mail = integrationOf('mail', 'mail.example.com')

async function arrange(t: TestContext, rules: string, { maxEvaluationMs = 1000 } = {}) {
  const thread = createEvaluationThread((error) => {
    throw error
  })
  t.after(thread.close)
  const failures: string[] = []
  const policy = createPolicy({
    cacheFolder: createFolder(t),
    compile: createCompile(),
    maxMemoryPages: 200,
    maxEvaluationMs,
    thread,
    readContext: () => ({}),
    onFailure: (kind) => void failures.push(kind),
  })
  const activate = async (text: string, integrations: readonly Integration[] = [weather, mail]) =>
    (await policy.prepare(composed({ integrations, rules: { 'rules/a.rego': `package sallyport.rules\n\n${text}` } }))).activate()
  await activate(rules)
  let at = 0
  const given = (integration: Integration, facts: Record<string, unknown> = {}) => {
    at += 1
    const request = { kind: 'http', id: `id.${at}`, door: 'proxy', at, integration, identity: 'token', action: 'GET', headers: [] }
    const known = { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET', path: '/', ...facts }
    return [request as unknown as AccessRequest, { facts: known, subject: {}, origin: null } as unknown as Claim] as const
  }
  return { policy, thread, failures, activate, given }
}

const rules = rego`
  deny contains "closed" if input.http.path == "/closed"

  deny contains "too much" if {
    input.http.path == "/pay"
    input.http.body.value.amount > 100
  }

  deny contains "not a number" if {
    input.http.path == "/fails"
    to_number(input.http.headers.n[0]) > 1
  }

  both := 1 if input.http.path == "/conflict"

  both := 2 if input.http.path == "/conflict"

  deny contains "both" if both == 3

  deny contains "matches" if {
    input.http.path == "/matches"
    regex.match("^a+$", input.http.headers.n[0])
  }

  deny contains "late" if time.now_ns() > 1000 * 1000000

  obligations contains {"timeoutMs": 5} if input.http.path == "/slow"
`

for (const shared of ['', rego`deny contains "compared" if count(data.integrations) > 2`])
  test(`a policy that sees ${shared === '' ? 'its caller’s manifest' : 'all manifests'} decides the same on both threads`, async (t) => {
    const { policy, failures, given } = await arrange(t, `${rules}${shared}`)
    const bodies = [
      undefined,
      { type: 'unread' },
      { type: 'json', bytes: 14, value: { amount: 1000 } },
      { type: 'json', value: { amount: 1 } },
    ]
    await eachCase([weather, mail, integrationOf('weather', 'other.example.com')], (integration) =>
      eachCase(['/', '/closed', '/pay', '/fails', '/conflict', '/matches', '/slow'], (path) =>
        eachCase(bodies, async (body) => {
          const facts = { path, headers: { n: [path === '/matches' ? 'aaa' : 'x'] }, ...(body && { body }) }
          const [request, claim] = given(integration, facts)
          const failedBefore = failures.length
          const here = policy.decide(request, claim)
          const apart = await policy.decideApart(request, claim)
          assert.deepEqual(apart, here, JSON.stringify(facts))
          // A failure is told on either side, and remembered on neither.
          assert.equal((failures.length - failedBefore) % 2, 0)
        }),
      ),
    )
    assert.ok(failures.includes('builtin') && failures.includes('conflict'))
  })

test('the event loop turns while a shadow policy evaluates, and what runs away is stopped there', async (t) => {
  const { policy, failures, given } = await arrange(
    t,
    // Its turns allocate nothing, so that it is time that ends it, however fast the machine.
    rego`
      many := numbers.range(1, 20000)

      deny contains "never" if {
        input.http.path == "/long"
        some a in many
        some b in many
        a == b
        b == 0
      }
    `,
    { maxEvaluationMs: 200 },
  )
  await policy.decideApart(...given(weather))
  let isAnswered = false
  const answer = policy.decideApart(...given(weather, { path: '/long' })).then((decision) => {
    isAnswered = true
    return decision
  })
  let turns = 0
  let decided = 0
  await until(
    () => turns >= 5 && isAnswered,
    async () => {
      await turn()
      if (!isAnswered && policy.decide(...given(weather, { path: `/${turns}` }))?.allow === true) decided += 1
      turns += 1
    },
  )
  const decision = await answer
  assert.ok(typeof decision === 'object')
  assert.equal(decision?.rule, 'engine/time')
  assert.deepEqual(failures, ['time'])
  // On one thread not one would have been decided meanwhile.
  assert.ok(decided >= 5, String(decided))
})

test('what was asked of one policy is answered by it though another comes meanwhile; a thread that has ended answers nothing', async (t) => {
  const { policy, thread, activate, given } = await arrange(t, rego`deny contains "first" if input.http.path == "/a"`)
  const first = policy.decideApart(...given(weather, { path: '/a' }))
  await activate(rego`deny contains "second" if input.http.path == "/a"`, [weather])
  const second = policy.decideApart(...given(weather, { path: '/a' }))
  const reasons = [await first, await second].map((item) => (typeof item === 'object' ? item?.reasons : item))
  assert.deepEqual(reasons, [['first'], ['second']])
  const lost = policy.decideApart(...given(weather, { path: '/b' }))
  await thread.close()
  assert.equal(await lost, 'lost')
  assert.equal(await policy.decideApart(...given(weather, { path: '/c' })), 'lost')
})
