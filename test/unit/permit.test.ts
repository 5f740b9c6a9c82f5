/** An effect is reached through a permit of its own claim, once, and no other way; by an attacker who casts every type away, too. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccessRequest, Claim, type Decision, Permit, type Progress, Refusal, type Reply } from '../../src/core/index.ts'
import { eachCase } from '../support/cases.ts'
import { noProgress } from '../support/outcome.ts'

const allowed: Decision = { allow: true, rule: 'default/network/0', capability: null, reasons: [], obligations: {}, revision: 'v' }
const denied: Decision = { ...allowed, allow: false, rule: 'default/deny' }
const suggest = () => ({})

/** A request with its claim, and how often its effect was reached. */
function arrange(path = '/a') {
  const request = { kind: 'http', target: { path }, integration: { name: 'weather' } } as unknown as AccessRequest
  const performed: Permit[] = []
  const effect = (permit: Permit): Reply => {
    performed.push(permit)
    return { status: 200, headers: [], body: null }
  }
  return { request, performed, claim: Claim.of(request, effect, { facts: {}, subject: { path }, origin: 'https://a:443' }) }
}

/** What code that ignores every type sees. */
type Untyped = Record<string, (...args: unknown[]) => unknown>
const reachable = (value: object): string[] => [
  ...Reflect.ownKeys(value).map(String),
  ...Reflect.ownKeys(Object.getPrototypeOf(value) as object).map(String),
]

test('a permit performs the effect of its own claim, and gives it the request and the decision that were judged', () => {
  const { request, claim, performed } = arrange()
  const permit = Permit.from(request, claim, allowed, suggest)
  assert.deepEqual(permit.perform(noProgress), { status: 200, headers: [], body: null })
  assert.deepEqual(performed, [permit])
  assert.equal(permit.request, request)
  assert.equal(permit.claim, claim)
  assert.equal(permit.decision, allowed)
})

test('a denial makes no permit', () => {
  const { request, claim, performed } = arrange()
  assert.throws(
    () => Permit.from(request, claim, denied, suggest),
    (error) => error instanceof Refusal && error.code === 'policy-denied',
  )
  assert.deepEqual(performed, [])
})

test('a constructor that is called around its type makes no permit of a denial either', () => {
  const { request, claim } = arrange()
  assert.throws(() => Reflect.construct(Permit, [request, claim, denied, suggest]), Refusal)
  assert.throws(() => Reflect.construct(Permit, [request, claim, { ...denied, allow: 'yes' }, suggest]), Refusal)
})

test('a claim of one request gets no permit of another', () => {
  const [judged, other] = [arrange('/judged'), arrange('/other')]
  assert.throws(() => Permit.from(judged.request, other.claim, allowed, suggest), TypeError)
  assert.throws(() => Permit.from({ ...judged.request }, judged.claim, allowed, suggest), TypeError)
  assert.deepEqual([...judged.performed, ...other.performed], [])
})

test('a permit cannot be turned to another claim, request or decision', () => {
  const [judged, other] = [arrange('/judged'), arrange('/other')]
  const permit = Permit.from(judged.request, judged.claim, allowed, suggest)
  assert.throws(() => Object.assign(permit, { claim: other.claim }), TypeError)
  assert.throws(() => Object.assign(permit, { request: other.request }), TypeError)
  assert.throws(() => Object.assign(permit, { decision: { ...allowed, obligations: { addresses: ['10.0.0.0/8'] } } }), TypeError)
  permit.perform(noProgress)
  assert.deepEqual([judged.performed.length, other.performed.length], [1, 0])
})

test('a permit performs once', () => {
  const { request, claim, performed } = arrange()
  const permit = Permit.from(request, claim, allowed, suggest)
  permit.perform(noProgress)
  assert.throws(() => permit.perform(noProgress), TypeError)
  assert.equal(performed.length, 1)
})

test('an effect that performs its own permit again is stopped', () => {
  const { request } = arrange()
  const again = (permit: Permit, progress: Progress) => permit.perform(progress)
  const claim = Claim.of(request, again, { facts: {}, subject: {}, origin: null })
  assert.throws(() => Permit.from(request, claim, allowed, suggest).perform(noProgress), TypeError)
})

test('a claim gets one permit', () => {
  const { request, claim, performed } = arrange()
  Permit.from(request, claim, allowed, suggest).perform(noProgress)
  assert.throws(() => Permit.from(request, claim, allowed, suggest), TypeError)
  assert.equal(performed.length, 1)
})

test('what looks like a permit performs nothing', () => {
  const { request, claim, performed } = arrange()
  const permit = Permit.from(request, claim, allowed, suggest)
  const { perform } = Permit.prototype
  eachCase(
    [
      { request, claim, decision: allowed },
      Object.create(Permit.prototype),
      Object.create(permit),
      Object.assign(Object.create(Permit.prototype), { ...permit }),
      structuredClone({ ...permit }),
      new Proxy(permit, {}),
    ],
    (forged) => {
      assert.throws(() => perform.call(forged as Permit, noProgress), TypeError)
    },
  )
  assert.equal(performed.length, 0)
})

test('what looks like a claim gets no permit', () => {
  const { request, claim, performed } = arrange()
  const { facts, subject, origin } = claim
  const effect = () => assert.fail('an effect that no claim has')
  eachCase(
    [
      { facts, subject, origin, effect, perform: effect },
      Object.create(claim),
      Object.assign(Object.create(Claim.prototype), { ...claim }),
      new Proxy(claim, {}),
    ],
    (forged) => {
      assert.throws(() => Permit.from(request, forged as Claim, allowed, suggest), TypeError)
    },
  )
  assert.equal(performed.length, 0)
})

test('nothing that can be reached from a claim calls its effect', () => {
  const { claim, performed } = arrange()
  const values = reachable(claim).map((name) => ({ name, value: (claim as unknown as Untyped)[name] }))
  const functions = values.filter(({ name, value }) => typeof value === 'function' && name !== 'constructor')
  eachCase(functions, ({ value }) => assert.throws(() => (value as (progress: unknown) => unknown).call(claim, noProgress)))
  assert.deepEqual(performed, [])
})
