/** What a policy gave, read as a decision: what is not exactly of its shape denies. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDecision } from '../../src/policy/decision-reader.ts'
import { eachCase } from '../support/cases.ts'

const answer = { allow: true, rule: 'acme/allow', reasons: [], obligations: {} }

test('a decision names the capability that allowed it', () => {
  const decision = readDecision({ ...answer, capability: 'files/2' }, 'r')
  assert.deepEqual(decision, { ...answer, capability: 'files/2', revision: 'r' })
})

test('a policy that names no capability is a policy all the same', () =>
  assert.deepEqual(readDecision(answer, 'r'), { ...answer, capability: null, revision: 'r' }))

for (const capability of ['', null, 2, true, ['files/2'], { id: 'files/2' }])
  test(`a capability that is not a name (${JSON.stringify(capability)}) denies`, () => {
    const { allow, rule, reasons } = readDecision({ ...answer, capability }, 'r')
    assert.deepEqual([allow, rule, reasons], [false, 'engine/malformed-decision', ['"capability" is not a name']])
  })

test('a policy cannot say that the engine failed', () => {
  const { allow, rule } = readDecision({ ...answer, rule: 'engine/error' }, 'r')
  assert.deepEqual([allow, rule], [false, 'engine/malformed-decision'])
})

test('a key that is not known denies', () => {
  const { allow, reasons } = readDecision({ ...answer, capabilities: 'files/2' }, 'r')
  assert.deepEqual([allow, reasons], [false, ['unknown key "capabilities" in the decision']])
})

test('a timeout that no timer takes, and that would be over at once, denies', () => {
  const decide = (timeoutMs: number) => readDecision({ ...answer, obligations: { timeoutMs } }, 'r').allow
  assert.deepEqual([decide(2 ** 31 - 1), decide(2 ** 31)], [true, false])
})

test('timeouts are whole milliseconds that a timer takes, of names that are known', () => {
  const decide = (timeouts: unknown) => readDecision({ ...answer, obligations: { timeouts } }, 'r')
  const good = { connectMs: 1, tlsMs: 2, firstByteMs: 3, idleMs: 4, totalMs: 2 ** 31 - 1 }
  assert.deepEqual(decide(good).obligations, { timeouts: good })
  eachCase([{ connectMs: 0 }, { connectMs: 1.5 }, { connectMs: '1s' }, { connectMs: 2 ** 31 }, { dnsMs: 5 }, [5], 5, null], (odd) => {
    const { allow, reasons } = decide(odd)
    assert.deepEqual([allow, reasons], [false, ['obligation "timeouts" has a value that is not allowed']])
  })
})

test('retries are a number of attempts up to five, a pause of a minute at most, and a share', async () => {
  const decide = (retries: unknown) => readDecision({ ...answer, obligations: { retries } }, 'r').allow
  eachCase([{ attempts: 1 }, { attempts: 5, backoffMs: 60_000, budgetPercent: 100 }], (good) => assert.equal(decide(good), true))
  eachCase(
    [
      {},
      { attempts: 0 },
      { attempts: 6 },
      { attempts: 2, backoffMs: 60_001 },
      { attempts: 2, budgetPercent: 101 },
      { attempts: 2, on: 5 },
      2,
      null,
    ],
    (odd) => assert.equal(decide(odd), false),
  )
})
