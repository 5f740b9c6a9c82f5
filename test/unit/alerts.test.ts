/** Alerts over their store, with receivers in memory. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { NotTaken } from '../../src/alerts/receiver.ts'
import { alertsOver, createFakeReceiver, found, openStore } from '../support/alerts.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'

const refuse = (given: Partial<NotTaken>) => () => {
  throw new NotTaken('no', given)
}

describe('alerts', () => {
  test('of the same rule, integration and destination are one, which a receiver is told once', async (t) => {
    const ops = createFakeReceiver()
    const alerts = alertsOver(t, openStore().store, [ops])
    const changes = [alerts.take(found()), alerts.take(found()), alerts.take(found({ destination: 'b:443' }))]
    assert.deepEqual(
      changes.map((change) => change?.event),
      ['raised', undefined, 'raised'],
    )
    await eventually('both are delivered', () => ops.taken.length === 2)
    assert.deepEqual(
      alerts
        .list({})
        .alerts.map(({ count }) => count)
        .sort(),
      [1, 2],
    )
  })

  test('are resolved after a quiet time, and the receiver hears of it after all that came before', async (t) => {
    const ops = createFakeReceiver()
    const alerts = alertsOver(t, openStore().store, [ops], 1000)
    const raised = alerts.take(found({ destination: 'a:443' }))
    alerts.acknowledge(raised?.alert.id ?? '', 'ana', 'known')
    assert.deepEqual(alerts.after(999), [])
    assert.deepEqual(
      alerts.after(1).map(({ event }) => event),
      ['resolved'],
    )
    alerts.take(found({ destination: 'a:443' }))
    await eventually('all are delivered', () => ops.taken.length === 4)
    assert.deepEqual(ops.events(), ['raised a:443', 'acknowledged a:443', 'resolved a:443', 'reopened a:443'])
  })

  test('are reminded of until somebody acknowledges them', async (t) => {
    const ops = createFakeReceiver({ remindAfterMs: 1000 })
    const alerts = alertsOver(t, openStore().store, [ops])
    const id = alerts.take(found({ destination: 'a:443' }))?.alert.id ?? ''
    await eventually('it is delivered', () => ops.taken.length === 1)
    alerts.after(999)
    alerts.after(1)
    await eventually('it is reminded of', () => ops.taken.length === 2)
    alerts.after(1000)
    await eventually('it is reminded of again', () => ops.taken.length === 3)
    alerts.acknowledge(id, 'ana', null)
    alerts.after(1000)
    await eventually('the acknowledgement is delivered', () => ops.taken.length === 4)
    alerts.after(5000)
    assert.deepEqual(ops.events(), ['raised a:443', 'reminder a:443', 'reminder a:443', 'acknowledged a:443'])
    assert.equal(alerts.status().receivers[0]?.waiting, 0)
  })

  test('are resolved and reminded of in their time also where the clock is set back for a day', async (t) => {
    const ops = createFakeReceiver({ remindAfterMs: 1000 })
    const alerts = alertsOver(t, openStore().store, [ops], 1500)
    alerts.take(found({ destination: 'a:443' }))
    await eventually('it is delivered', () => ops.taken.length === 1)
    alerts.after(-24 * 3_600_000)
    await eventually('it is reminded of', () => ops.taken.length === 2)
    alerts.after(1000)
    await eventually('it is reminded of again', () => ops.taken.length === 3)
    alerts.after(500)
    await eventually('it is resolved', () => ops.taken.length === 4)
    assert.deepEqual(ops.events(), ['raised a:443', 'reminder a:443', 'reminder a:443', 'resolved a:443'])
  })

  test('go only to receivers whose severity and filters they meet', async (t) => {
    const all = createFakeReceiver()
    const severe = createFakeReceiver({ name: 'severe', minSeverity: 'high' })
    const other = createFakeReceiver({
      name: 'other',
      owners: ['others@example.com'],
      rules: ['new-destination'],
      integrations: ['invoices'],
    })
    const none = createFakeReceiver({ name: 'none', rules: ['flood'] })
    const elsewhere = createFakeReceiver({ name: 'elsewhere', integrations: ['crawler'] })
    const alerts = alertsOver(t, openStore().store, [all, severe, other, none, elsewhere])
    alerts.take(found({ destination: 'a:443' }))
    alerts.take(found({ destination: 'b:443', severity: 'critical' }))
    alerts.take(found({ destination: 'c:443', owner: 'others@example.com' }))
    await eventually('all are delivered', () => all.taken.length === 3 && severe.taken.length === 1 && other.taken.length === 1)
    assert.deepEqual([severe.events(), other.events(), none.events(), elsewhere.events()], [['raised b:443'], ['raised c:443'], [], []])
  })

  test('that a receiver does not take are sent until it does, after a restart too, in their order', async (t) => {
    const file = join(createFolder(t), 'watch.db')
    const dead = createFakeReceiver({ maxDelayMs: 5 })
    dead.on(refuse({}))
    const first = alertsOver(t, openStore(file).store, [dead])
    const id = first.take(found({ destination: 'a:443' }))?.alert.id ?? ''
    first.acknowledge(id, 'ana', null)
    await eventually('it was tried', () => (first.status().receivers[0]?.failed ?? 0) > 1)
    assert.equal(first.status().receivers[0]?.problem, 'no')
    await first.close()
    const alive = createFakeReceiver()
    const second = alertsOver(t, openStore(file).store, [alive])
    await eventually('both are delivered', () => alive.taken.length === 2)
    assert.deepEqual(alive.events(), ['raised a:443', 'acknowledged a:443'])
    assert.equal(second.list({}).alerts[0]?.acknowledgedBy, 'ana')
    await eventually('nothing waits', () => openStore(file).store.waiting().length === 0)
  })

  test('whose message is not taken as it is hold up no other', async (t) => {
    const ops = createFakeReceiver()
    ops.on(({ alert }) => alert.destination === 'odd:443' && refuse({ isContent: true })())
    const alerts = alertsOver(t, openStore().store, [ops])
    const id = alerts.take(found({ destination: 'odd:443' }))?.alert.id ?? ''
    alerts.acknowledge(id, 'ana', null)
    alerts.take(found({ destination: 'b:443' }))
    await eventually('the other is delivered', () => ops.taken.length === 1)
    assert.deepEqual([ops.events(), alerts.status().receivers[0]?.waiting], [['raised b:443'], 2])
  })

  test('wait in a bounded outbox, and the receiver hears what it has missed', async (t) => {
    const ops = createFakeReceiver({ maxWaiting: 10 })
    ops.on(refuse({}))
    const alerts = alertsOver(t, openStore().store, [ops])
    const raised = Array.from({ length: 25 }, (_, index) => alerts.take(found({ destination: `${index}:443` }))?.alert.id ?? '')
    assert.deepEqual([alerts.status().receivers[0]?.waiting, alerts.status().receivers[0]?.dropped], [10, 15])
    ops.on(() => {})
    await eventually('the rest is delivered', () => ops.taken.length === 10 && ops.told.length === 1)
    const { count, alerts: named } = ops.told[0] ?? { count: 0, alerts: [] }
    assert.deepEqual([count, named], [15, raised.slice(0, 15)])
    assert.equal(alerts.status().receivers[0]?.dropped, 0)
  })

  test('of which only the state counts take the place of what waits', async (t) => {
    const ops = createFakeReceiver({ isLatestEnough: true })
    ops.on(refuse({}))
    const alerts = alertsOver(t, openStore().store, [ops], 1000)
    alerts.take(found({ destination: 'a:443' }))
    alerts.after(1000)
    assert.equal(alerts.status().receivers[0]?.waiting, 1)
    ops.on(() => {})
    await eventually('it is delivered', () => ops.taken.length === 1)
    assert.deepEqual(ops.events(), ['resolved a:443'])
  })

  test('of one rule and integration are one alert beyond fifty destinations', (t) => {
    const alerts = alertsOver(t, openStore().store, [])
    Array.from({ length: 80 }, (_, index) => alerts.take(found({ destination: `${index}:443` })))
    const { alerts: listed } = alerts.list({ limit: 1000 })
    assert.deepEqual([listed.length, listed.find(({ destination }) => destination === '(others)')?.count], [51, 30])
  })

  test('are kept in memory while the store takes nothing, and written once it does', async (t) => {
    const { store, database } = openStore()
    database.exec('PRAGMA query_only = on')
    const ops = createFakeReceiver()
    const alerts = alertsOver(t, store, [ops])
    const id = alerts.take(found())?.alert.id ?? ''
    await eventually('it is delivered', () => ops.taken.length === 1)
    const { alerts: listed, isWhole } = alerts.list({})
    assert.deepEqual([listed.length, isWhole, alerts.status().storeProblem], [1, false, 'attempt to write a readonly database'])
    assert.equal(alerts.byId(id)?.state, 'open')
    database.exec('PRAGMA query_only = off')
    alerts.after(1)
    assert.deepEqual([store.active().length, alerts.status().storeProblem], [1, null])
  })

  test('whose record is not confirmed are recorded by the next process, and the others are not again', async (t) => {
    const file = join(createFolder(t), 'watch.db')
    const first = alertsOver(t, openStore(file).store, [], 1000)
    const ids = ['a:443', 'b:443'].map((destination) => first.take(found({ destination }))?.alert.id ?? '')
    first.recorded(ids[0] ?? '', 'raised')
    await first.close()
    const second = alertsOver(t, openStore(file).store, [], 1000)
    assert.deepEqual(second.changes, [`raised ${ids[1]}`])
    second.after(1000)
    second.recorded(ids[1] ?? '', 'resolved')
    await second.close()
    const third = alertsOver(t, openStore(file).store, [])
    assert.deepEqual(third.changes, [`resolved ${ids[0]}`])
  })

  test('are written again, with what waits, where the store was removed', async (t) => {
    const file = join(createFolder(t), 'watch.db')
    const dead = createFakeReceiver()
    dead.on(refuse({}))
    const { store, check } = openStore(file)
    const alerts = alertsOver(t, store, [dead])
    alerts.take(found())
    rmSync(file)
    check()
    alerts.after(1)
    const { store: again } = openStore(file)
    assert.deepEqual([again.active().length, again.waiting().length], [1, 1])
  })

  test('that nobody knows, or that are acknowledged already, cannot be acknowledged', (t) => {
    const alerts = alertsOver(t, openStore().store, [])
    const id = alerts.take(found())?.alert.id ?? ''
    assert.equal(alerts.acknowledge('none', 'ana', null), 'there is no alert "none"')
    alerts.acknowledge(id, 'ana', null)
    assert.equal(alerts.acknowledge(id, 'ben', null), 'the alert is acknowledged, by ana')
  })

  test('are forgotten thirty days after their resolution', (t) => {
    const alerts = alertsOver(t, openStore().store, [], 1000)
    alerts.take(found())
    alerts.after(1000)
    alerts.after(29 * 24 * 3_600_000)
    assert.equal(alerts.list({}).alerts.length, 1)
    alerts.after(2 * 24 * 3_600_000)
    assert.equal(alerts.list({}).alerts.length, 0)
  })

  test('are listed by state, severity, integration and rule, the newest first', (t) => {
    const alerts = alertsOver(t, openStore().store, [])
    const at = found().at
    alerts.take(found({ destination: 'a:443', at }))
    alerts.take(found({ destination: 'b:443', at: at + 1, severity: 'high', integration: 'crawler', rule: 'flood' }))
    const names = (filter: object) => alerts.list(filter).alerts.map(({ destination }) => destination)
    assert.deepEqual(names({}), ['b:443', 'a:443'])
    assert.deepEqual([names({ minSeverity: 'high' }), names({ integration: 'invoices' })], [['b:443'], ['a:443']])
    assert.deepEqual(
      [names({ rule: 'flood' }), names({ states: ['resolved'] }), names({ since: at + 1, limit: 1 })],
      [['b:443'], [], ['b:443']],
    )
  })
})

describe('a test of a receiver', () => {
  test('says what it answered, and is no alert', async (t) => {
    const ops = createFakeReceiver()
    const alerts = alertsOver(t, openStore().store, [ops])
    const tested = await alerts.test('ops')
    assert.ok(typeof tested === 'object')
    assert.deepEqual([tested.isTaken, tested.status, tested.text, tested.problem], [true, 200, 'ok', null])
    assert.deepEqual([ops.taken[0]?.event, alerts.list({}).alerts], ['test', []])
  })

  test('says why it was not taken, and who is unknown', async (t) => {
    const ops = createFakeReceiver()
    ops.on(refuse({ answer: { status: 403, text: 'no such hook' } }))
    const alerts = alertsOver(t, openStore().store, [ops])
    const tested = await alerts.test('ops')
    assert.ok(typeof tested === 'object')
    assert.deepEqual([tested.isTaken, tested.status, tested.text, tested.problem], [false, 403, 'no such hook', 'no'])
    assert.equal(await alerts.test('nobody'), 'there is no receiver "nobody"')
  })
})
