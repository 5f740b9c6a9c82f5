/** A shadow policy beside the active policy, where the one looks at bodies and the other does not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type AccessRequest, type Claim, type Decision, denial, type JsonObject, type Policy } from '../../src/core/index.ts'
import { createShadowPolicy, type Difference } from '../../src/rollout/shadow.ts'
import { times, until } from '../support/cases.ts'

const allow: Decision = { allow: true, rule: 'default/network/0', capability: null, reasons: [], obligations: {}, revision: 'v' }
const request = { kind: 'http', id: 'id', integration: { name: 'weather' }, target: {} } as unknown as AccessRequest
const claimOf = (facts: JsonObject) => ({ facts, subject: {}, origin: null }) as unknown as Claim
const unread = claimOf({ body: { type: 'unread' } })
const read = claimOf({ body: { type: 'json', bytes: 2, value: {} } })

const needs = { headers: false, body: true, context: false }
const allowing = { needs, decideAsync: null, activations: () => 0, decide: () => allow } satisfies Policy
/** Denies, once it has seen the body. */
const looking: Policy = { ...allowing, decide: (_request, { facts }) => (facts === unread.facts ? null : denial('rules/deny', 'no', 'w')) }

function arrange(active: Policy, shadow: Policy, enforcePercent: number) {
  const differences: Difference[] = []
  let skipped = 0
  const policy = createShadowPolicy({
    active,
    shadow,
    decideApart: async (...given) => shadow.decide(...given),
    isReady: () => true,
    enforcePercent,
    onDifference: (difference) => void differences.push(difference),
    onSkipped: () => {
      skipped += 1
    },
  })
  return { policy, differences, skipped: () => skipped }
}

test('a shadow policy that is only compared makes no request wait for its body: the comparison is left out, and counted', async () => {
  const { policy, differences, skipped } = arrange(allowing, looking, 0)
  assert.equal(policy.decide(request, unread), allow)
  await turn()
  assert.deepEqual([skipped(), differences.length], [1, 0])
})

test('it is compared on bodies that the active policy has read', async () => {
  const active: Policy = { ...allowing, decide: (_request, { facts }) => (facts === unread.facts ? null : allow) }
  const { policy, differences, skipped } = arrange(active, looking, 0)
  assert.equal(policy.decide(request, unread), null)
  assert.equal(policy.decide(request, read), allow)
  await turn()
  assert.deepEqual([skipped(), differences.length], [0, 1])
})

for (const [kind, differs] of [
  ['file', 1],
  ['http', 0],
] as const)
  test(`another capability is ${differs === 0 ? 'no difference' : 'a difference'} for a request of the kind ${kind}`, async () => {
    const other: Policy = { ...allowing, decide: () => ({ ...allow, capability: 'files/1' }) }
    const { policy, differences } = arrange(allowing, other, 0)
    policy.decide({ ...request, kind } as AccessRequest, unread)
    await turn()
    assert.equal(differences.length, differs)
  })

test('a shadow policy that decides has the body read that it looks at', () => {
  const { policy } = arrange(allowing, looking, 100)
  assert.equal(policy.decide(request, unread), null)
  assert.equal(policy.decide(request, read)?.rule, 'rules/deny')
})

test('the body is read for it, once, where the active policy asks outside as well', async () => {
  let reads = 0
  const { policy } = arrange({ ...allowing, decideAsync: async () => allow }, looking, 100)
  const decision = await policy.decideAsync?.(request, unread, async () => {
    reads += 1
    return read
  })
  assert.deepEqual([decision?.rule, reads], ['rules/deny', 1])
})

test('where it cannot be read nothing is decided', async () => {
  const { policy } = arrange({ ...allowing, decideAsync: async () => allow }, looking, 100)
  await assert.rejects(Promise.resolve(policy.decideAsync?.(request, unread, () => Promise.reject(new Error('gone')))), { message: 'gone' })
})

test('comparisons that wait hold a bounded number of bytes of bodies; those beyond are left out, and counted', async () => {
  const { policy, differences, skipped } = arrange(allowing, { ...looking, decide: () => denial('rules/deny', 'no', 'w') }, 0)
  const large = claimOf({ body: { type: 'json', bytes: 12 * 1024 * 1024, value: {} } })
  times(4, () => {
    policy.decide(request, large)
  })
  assert.equal(skipped(), 2)
  await until(() => differences.length >= 2, turn)
  policy.decide(request, large)
  await turn()
  assert.deepEqual([skipped(), differences.length], [2, 3])
})
