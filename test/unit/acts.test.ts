/** Acts of the operator's API: what is recorded of each, and that nothing is answered before. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type Acts, createActs } from '../../src/admin/acts.ts'
import { mayActAs, type Principal } from '../../src/operators/index.ts'
import { eachCase, times } from '../support/cases.ts'

const operator: Principal = { name: 'ops', by: 'certificate', role: 'operator', personal: false, expiresAtMs: null }

type Work = Parameters<Acts['add']>[2]

/** What happens in which order where `principal` asks for `work`. */
async function actOf(work: Work, principal: Principal, query: Readonly<Record<string, unknown>> = {}) {
  const seen: unknown[] = []
  let handler: (req: object, res: object) => Promise<void> = async () => {}
  const app = {
    post(_path: string, given: typeof handler) {
      handler = given
    },
  } as unknown as Parameters<typeof createActs>[0]['app']
  const acts = createActs({
    app,
    note: (facts) => void seen.push(facts),
    async recorded() {
      await times(5, () => turn())
      seen.push('on disk')
    },
    principalOf: () => principal,
  })
  acts.add('/v1/integrations/:name/suspend', 'suspend', work)
  const req = { params: { name: 'weather' }, query, headers: { 'sallyport-operator': 'uid 7' }, socket: { remoteAddress: '127.0.0.1' } }
  const res = { writeHead: (status: number) => ({ end: (text: string) => void seen.push([status, JSON.parse(text)]) }) }
  await handler(req, res).catch((error: Error) => seen.push(error.message))
  return seen
}

const who = { who: 'ops', role: 'operator', by: 'certificate' }
const from = { claimed: 'uid 7', peer: '127.0.0.1' }

test('an act is answered once its record is on disk, done or not', async () => {
  assert.deepEqual(await actOf(async () => ({ ok: true, revision: 'r' }), operator, { reason: 'why', forMs: '5' }), [
    { act: 'suspend', on: 'weather', ok: true, revision: 'r', ...who, reason: 'why', asked: { forMs: '5' }, ...from },
    'on disk',
    [200, { ok: true, revision: 'r' }],
  ])
  assert.deepEqual(await actOf(async () => ({ ok: false, problem: 'no' }), operator), [
    { act: 'suspend', on: 'weather', ok: false, problem: 'no', ...who, ...from },
    'on disk',
    [422, { ok: false, problem: 'no' }],
  ])
})

test('an act that fails is recorded as that, and fails', async () => {
  const seen = await actOf(() => Promise.reject(new Error('the disk is gone')), operator)
  assert.deepEqual(seen, [
    { act: 'suspend', on: 'weather', ok: false, problem: 'the disk is gone', ...who, ...from },
    'on disk',
    'the disk is gone',
  ])
})

test('an act of somebody with a lower role is not done, and is recorded', async () => {
  const problem = 'this is for the role operator, and you are auditor'
  const seen = await actOf(async () => assert.fail('it was done'), { ...operator, role: 'auditor' })
  assert.deepEqual(seen, [
    { act: 'suspend', on: 'weather', ok: false, problem, ...who, role: 'auditor', ...from },
    'on disk',
    [403, { status: 403, title: 'Forbidden', detail: problem }],
  ])
  assert.equal(mayActAs({ role: 'operator', personal: false }, 'auditor'), true)
})

test('no text and no number of what is asked makes a record large', async () => {
  const long = 'x'.repeat(9000)
  const query = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`${index}${long}`, [long, long]]))
  await eachCase([async () => ({ ok: false, problem: long }), () => Promise.reject(new Error(long))], async (work: Work) => {
    const [record] = await actOf(work, { ...operator, name: long }, { ...query, reason: long })
    assert.ok(JSON.stringify(record).length < 10_000)
  })
})
