/** Rules that ask outside decide as if the answers had always been known, but for requests that nothing covers: about these nothing is asked. */

import assert from 'node:assert/strict'
import fc from 'fast-check'
import { buildBundle } from '../../src/authoring/toolchain.ts'
import { type BundleSet, readBundle } from '../../src/bundles/index.ts'
import type { AccessRequest, Claim, Decision } from '../../src/core/index.ts'
import { decodeManifest } from '../../src/manifests/decode.ts'
import { createCompile } from '../../src/opa/index.ts'
import type { ExternalCaller } from '../../src/policy/external-calls/external-caller.ts'
import { createPolicy, type PolicyStation } from '../../src/policy/policy.ts'
import { snapshotOf } from '../support/bundles.ts'
import { composed } from '../support/composed.ts'
import { smallDefaults } from '../support/defaults.ts'
import { createFolder } from '../support/folder.ts'
import { grant } from '../support/grant.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

const integration = decodeManifest(
  '/x/weather.yaml',
  grant({ network: [{ hosts: ['covered.example.com'], tls: 'intercept' }] }),
  smallDefaults,
)

const switches = ['allow', 'allow-asks', 'deny', 'deny-asks', 'obliges', 'obliges-asks'] as const
const questions = ['allow', 'deny', 'deny-lookup', 'obliges'] as const

/** `answered`: how a question gets its answer. */
const rulesThat = (answered: string) => rego`
  package sallyport.rules

  on(switch) if switch in input.http.headers.on

  ${answered}

  allow contains "open" if on("allow")

  allow contains "the answer is yes" if {
    on("allow-asks")
    yes("allow")
  }

  deny contains "closed" if on("deny")

  deny contains "the answer is no" if {
    on("deny-asks")
    not yes("deny")
    not known("deny-lookup")
  }

  obligations contains {"timeoutMs": 5} if on("obliges")

  obligations contains {"timeoutMs": 6} if {
    on("obliges-asks")
    yes("obliges")
  }
`

const asking = rulesThat(`yes(name) if http.send({"method": "GET", "url": name}).body

known(name) if count(net.lookup_ip_addr(name)) > 0`)

const knowing = rulesThat(`yes(name) if name in input.http.headers.answers

known(name) if name in input.http.headers.answers`)

interface Case {
  readonly host: string
  readonly on: readonly (typeof switches)[number][]
  readonly answers: readonly string[]
}

const cases: fc.Arbitrary<Case> = fc.record({
  host: fc.constantFrom('covered.example.com', 'other.example.com'),
  on: fc.subarray([...switches]),
  answers: fc.subarray([...questions]),
})

const grants = ['http.send', 'net.lookup_ip_addr']

async function bundled(text: string): Promise<BundleSet> {
  const { bytes } = await buildBundle(createCompile(), { 'rules/a.rego': text }, { grants })
  return new Map([['acme', snapshotOf(await readBundle(bytes, { origin: 'acme', verification: null }))]])
}

for (const from of ['a folder', 'a bundle'])
  test(`rules from ${from}: answers from outside decide as known ones do; about what nothing covers nothing is asked`, async (t) => {
    let asked: string[] = []
    let answers: readonly string[] = []
    const ask: ExternalCaller = async ({ builtin, operand }) => {
      const name = builtin === 'http.send' ? (JSON.parse(operand) as { url: string }).url : (JSON.parse(operand) as string)
      asked.push(name)
      const yes = answers.includes(name)
      return { text: builtin === 'http.send' ? `{"body":${yes}}` : yes ? '{"192.0.2.1"}' : 'set()' }
    }
    const station = async (text: string, from: string): Promise<PolicyStation> => {
      const policy = createPolicy({
        cacheFolder: createFolder(t),
        compile: createCompile(),
        maxMemoryPages: 200,
        maxEvaluationMs: 1000,
        grants: { builtins: grants, timeoutMs: 60_000, maxCalls: 10 },
        ask,
        readContext: () => ({}),
        onFailure: (_kind, error) => assert.fail(String(error)),
      })
      const prepared = await (from === 'a bundle'
        ? policy.prepare(composed({ integrations: [integration], bundles: await bundled(text) }))
        : policy.prepare(composed({ integrations: [integration], rules: { 'rules/a.rego': text } })))
      prepared.activate()
      return policy
    }
    const [waiting, immediate] = [await station(asking, from), await station(knowing, 'a folder')]
    const told = (decision: Decision | null | undefined) => ({ ...decision, revision: '' })

    await fc.assert(
      fc.asyncProperty(cases, async (item) => {
        asked = []
        answers = item.answers
        const hangup = { gone: false }
        const request = { kind: 'http', id: 'id', door: 'proxy', at: 0, integration, identity: 'token', action: 'GET', hangup }
        const facts = { scheme: 'https', host: item.host, port: 443, method: 'GET', path: '/', segments: [], query: {} }
        const claim = { facts: { ...facts, headers: { on: item.on, answers: item.answers } }, subject: {}, origin: null }
        const given = [request as unknown as AccessRequest, claim as unknown as Claim] as const
        const decision = await waiting.decideAsync?.(...given, () => assert.fail('there is no body'))
        const known = immediate.decide(...given)
        const covered = item.host === 'covered.example.com' || (item.on.includes('allow') && !item.on.includes('allow-asks'))
        if (!covered) assert.deepEqual(asked, [])
        // A denial that is certain is looked for first.
        const mustAsk = item.on.includes('deny-asks') || (!item.on.includes('deny') && item.on.some((name) => name.endsWith('-asks')))
        if (covered || !mustAsk) assert.deepEqual(told(decision), told(known))
        else assert.deepEqual([decision?.allow, decision?.rule, decision?.reasons.length], [false, 'default/deny', 1])
      }),
      { numRuns: Number(process.env['SALLYPORT_PAIRS'] ?? 1000), interruptAfterTimeLimit: 60_000 },
    )
  })
