/** Who may enter and lift which state, what holds when one ends, and what is kept. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mock, type TestContext, test } from 'node:test'
import { type ContainmentChange, createContainment } from '../../src/containment/index.ts'
import type { ContainmentState } from '../../src/core/index.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'

const anHour = 3_600_000

interface Arrangement {
  readonly approval?: readonly ('killed' | 'lift')[]
  readonly folder?: string
  readonly held?: ReadonlySet<string>
  readonly suspended?: Readonly<Record<string, { since: string; until: string | null; reason: string | null }>>
}

async function arrange(t: TestContext, { approval = [], folder = createFolder(t), held = new Set(), suspended = {} }: Arrangement = {}) {
  const changes: ContainmentChange[] = []
  const heard: string[] = []
  const clock = { now: Date.parse('2026-11-28T08:00:00Z') }
  const file = join(folder, 'containment.json')
  const containment = createContainment({
    ...{ file, approval, names: () => ['weather', 'mail'], held: async () => held, wallClock: () => clock.now },
    onChange: (change) => void changes.push(change),
    recorded: async () => {},
    onUnkept() {},
  })
  t.after(() => containment.close())
  containment.onState((name, state, before) => void heard.push(`${name}: ${before} > ${state}`))
  await containment.start(suspended)
  const state = (name = 'weather') => containment.of(name)?.state ?? 'normal'
  const set = (to: ContainmentState, { by = 'token alice', forMs = null as number | null, name = 'weather', reason = 'why' } = {}) =>
    containment.set(name, { state: to, forMs, reason, by })
  const lift = (by = 'token alice', name = 'weather') => containment.lift(name, { reason: null, by })
  return { containment, changes, heard, clock, file, folder, state, set, lift }
}

test('a state holds over a restart, with its reason, end and who entered it, and is lifted by an operator', async (t) => {
  const { set, folder, changes } = await arrange(t)
  await set('throttled', { forMs: anHour })
  const again = await arrange(t, { folder })
  assert.deepEqual(again.containment.list(), [
    {
      ...{ integration: 'weather', state: 'throttled', since: '2026-11-28T08:00:00.000Z', until: '2026-11-28T09:00:00.000Z' },
      ...{ reason: 'why', by: 'token alice', approvals: [], pending: null },
    },
  ])
  await again.lift()
  assert.equal(again.state(), 'normal')
  assert.deepEqual(
    [...changes, ...again.changes].map(({ change, before, state }) => [change, before, state]),
    [
      ['set', 'normal', 'throttled'],
      ['lifted', 'throttled', 'normal'],
    ],
  )
  assert.deepEqual(again.heard, ['weather: throttled > normal'])
  assert.equal((await arrange(t, { folder })).state(), 'normal')
})

test('what is less strict holds again when a stricter state ends, and the listeners hear it', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.after(() => mock.timers.reset())
  const { set, lift, clock, state, heard, changes } = await arrange(t)
  await set('throttled')
  await set('suspended', { forMs: 1000, by: 'rule:flood' })
  assert.equal(state(), 'suspended')
  clock.now += 1000
  assert.equal(state(), 'throttled', 'whether or not the timer has fired')
  mock.timers.tick(1001)
  assert.deepEqual(heard, ['weather: normal > throttled', 'weather: throttled > suspended', 'weather: suspended > throttled'])
  const { change, reason, by } = changes.at(-1) as ContainmentChange
  assert.deepEqual([change, reason, by], ['ended', 'its time is over', 'rule:flood'])
  // What was written meanwhile is on disk before the folder goes.
  await set('throttled')
  await lift()
})

test('a rule takes nothing back, and asks again without a record for each time', async (t) => {
  const { set, state, clock, changes, containment } = await arrange(t)
  const by = 'rule:flood'
  await set('suspended')
  await set('normal', { by })
  await set('watched', { by, forMs: anHour })
  await set('suspended', { by, forMs: 1000 })
  assert.deepEqual([state(), containment.of('weather')?.until], ['suspended', null])
  await set('throttled', { name: 'mail', by, forMs: anHour })
  const before = changes.length
  clock.now += 1000
  await set('throttled', { name: 'mail', by, forMs: anHour })
  assert.equal(changes.length, before)
  clock.now += anHour / 2
  await set('throttled', { name: 'mail', by, forMs: anHour })
  assert.equal(containment.of('mail')?.until, new Date(clock.now + anHour).toISOString())
})

test('a kill that needs approval holds its integration suspended until somebody else approves it', async (t) => {
  const { set, state, containment, folder, lift } = await arrange(t, { approval: ['killed'] })
  const { pending } = await set('killed')
  assert.deepEqual([state(), pending?.act], ['suspended', 'kill'])
  await assert.rejects(containment.approve('weather', 'token alice'), /token alice has asked for this: somebody else has to approve it/)
  await assert.rejects(containment.approve('weather', 'oidc alice'), /somebody else/)
  await assert.rejects(containment.approve('mail', 'token bob'), /nothing of "mail" waits for approval/)
  const again = await arrange(t, { folder, approval: ['killed'] })
  assert.equal(again.state(), 'suspended')
  const { approvals, by } = await again.containment.approve('weather', 'token bob')
  assert.deepEqual([again.state(), approvals, by], ['killed', ['token bob'], 'token alice'])
  await lift()
  await set('killed', { by: 'rule:exfiltration', forMs: anHour })
  assert.equal(state(), 'suspended')
  await containment.approve('weather', 'token alice')
  assert.equal(state(), 'killed')
})

test('to lift what stops an integration needs approval where that is configured, in whatever way it is lifted', async (t) => {
  const { set, state, containment, lift } = await arrange(t, { approval: ['lift'] })
  await set('suspended')
  await eachCase<() => Promise<unknown>>(
    [
      () => lift(),
      () => set('normal'),
      () => set('throttled'),
      () => set('suspended', { forMs: 1 }),
      () => containment.resume('weather', { reason: null, by: 'token alice' }),
    ],
    async (ask) => {
      await ask()
      assert.equal(state(), 'suspended')
      assert.equal(containment.list()[0]?.pending?.act, 'lower')
    },
  )
  await containment.approve('weather', 'token bob')
  assert.equal(state(), 'normal')
  await set('throttled')
  await lift()
  assert.equal(state(), 'normal', 'what stops nothing needs no approval')
})

test('a kill that waits goes on holding its integration while its lifting waits', async (t) => {
  const { set, state, lift, containment } = await arrange(t, { approval: ['killed', 'lift'] })
  await set('killed')
  await lift()
  assert.equal(state(), 'suspended')
  await containment.approve('weather', 'token bob')
  assert.equal(state(), 'normal')
})

test('what the kill switch names is killed without approval, and is lifted only once it is removed there', async (t) => {
  const held = new Set(['*'])
  const { containment, state, lift, heard, set } = await arrange(t, { approval: ['killed', 'lift'], held })
  containment.kill(['*'], { reason: 'kill', by: 'kill-file' })
  assert.deepEqual([state('weather'), state('mail'), state('later')], ['killed', 'killed', 'killed'])
  assert.deepEqual(heard, ['weather: normal > killed', 'mail: normal > killed'])
  await set('throttled')
  assert.equal(state(), 'killed')
  await eachCase(['weather', '*'], (name) =>
    assert.rejects(lift('token alice', name), /the kill switch names "\*": remove that from its file first/),
  )
  held.clear()
  await lift('token alice', '*')
  assert.equal(state('mail'), 'killed', 'it waits for approval')
  await containment.approve('*', 'token bob')
  assert.deepEqual([state('weather'), state('mail')], ['throttled', 'normal'])
})

test('names that are unknown are refused with the known ones, and nothing is lifted that does not hold', async (t) => {
  const { set, lift, containment } = await arrange(t)
  await assert.rejects(set('watched', { name: 'wether' }), /there is no integration "wether"; known are: weather, mail/)
  await assert.rejects(lift(), /"weather" is not contained/)
  await assert.rejects(lift('socket', '*'), /nothing has stopped everything/)
  assert.equal(await containment.resume('weather', { reason: null, by: 'socket' }), null)
  await set('killed')
  await assert.rejects(containment.resume('weather', { reason: null, by: 'socket' }), /"sallyport contain lift weather" ends that/)
})

test('suspensions of an earlier version are taken over into what is kept', async (t) => {
  const until = '2026-11-28T09:00:00.000Z'
  const suspended = { weather: { since: '2026-11-27T08:00:00.000Z', until, reason: 'flood' } }
  const { folder } = await arrange(t, { suspended })
  const { containment } = await arrange(t, { folder })
  const [listed] = containment.list()
  assert.deepEqual([listed?.state, listed?.until, listed?.reason, listed?.since], ['suspended', until, 'flood', suspended.weather.since])
})

test('a file that is not whole is refused, and nothing is made of it', async (t) => {
  const { file, folder, set } = await arrange(t)
  await set('killed')
  const whole = readFileSync(file, 'utf8')
  await eachCase(
    [
      '',
      whole.slice(0, -3),
      'null',
      '{"version":2,"integrations":{}}',
      whole.replace('killed', 'slain'),
      whole.replace(/"since":"[^"]+"/, '"since":1'),
    ],
    async (damaged) => {
      writeFileSync(file, damaged)
      await assert.rejects(arrange(t, { folder }), {
        name: 'ContainmentFileError',
        message: /is not what a gateway keeps of contained integrations/,
      })
    },
  )
})
