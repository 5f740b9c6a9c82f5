/** Shipping to one sink: everything, in order, at least once, whatever becomes of the receiver and of the process. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { Refused, type Shipped } from '../../src/sinks/sink.ts'
import { eventually } from '../support/eventually.ts'
import { createGrowingLog } from '../support/growing-log.ts'
import { createReceiver, shipTo } from '../support/receiver.ts'

const isShipped = (shipping: ReturnType<typeof shipTo>, next: number) =>
  eventually(`${next} records are shipped`, () => shipping.progress().next === next)
/** A shipper that has shipped the first records of a log, and has ended. */
async function shipped(t: TestContext, log: ReturnType<typeof createGrowingLog>, count: number) {
  log.append(count)
  const shipping = shipTo(t, log, createReceiver())
  await isShipped(shipping, count)
  await shipping.close(count, 1000)
  return shipping
}
const indexesOf = (items: readonly Shipped[]) => items.map((item) => (item.kind === 'record' ? item.index : `checkpoint ${item.size}`))
const seqOf = ({ text }: Shipped) => Number(JSON.parse(text).seq)

test('what is in the log and what comes later is shipped in order, in batches, and counted', async (t) => {
  const log = createGrowingLog(t)
  const receiver = createReceiver()
  log.append(250)
  const shipping = shipTo(t, log, receiver)
  await isShipped(shipping, 250)
  log.append(3)
  await isShipped(shipping, 253)
  assert.deepEqual(receiver.texts(), log.lines)
  assert.deepEqual(
    receiver.taken.map(({ length }) => length),
    [100, 100, 50, 3],
  )
  assert.deepEqual(shipping.progress(), {
    name: 'siem',
    next: 253,
    oldestMs: null,
    shipped: 253,
    dropped: 0,
    refused: 0,
    lost: 0,
    errors: 0,
    problem: null,
  })
})

test('after a restart it goes on where it stood; what a crash took of the cursor is shipped again', async (t) => {
  const log = createGrowingLog(t)
  log.append(10)
  const first = shipTo(t, log, createReceiver())
  const before = await eventually('the cursor is on disk', () => /.*"next":10,.*/s.exec(readFileSync(first.cursorFile, 'utf8'))?.[0])
  log.append(10)
  await isShipped(first, 20)
  await first.close(20, 1000)
  log.append(5)
  const [resumed, crashed] = [createReceiver(), createReceiver()]
  const second = shipTo(t, log, resumed, { cursorFile: first.cursorFile })
  await isShipped(second, 25)
  await second.close(25, 1000)
  assert.deepEqual(resumed.texts(), log.lines.slice(20))
  writeFileSync(first.cursorFile, before)
  await isShipped(shipTo(t, log, crashed, { cursorFile: first.cursorFile }), 25)
  assert.deepEqual(crashed.texts(), log.lines.slice(10))
})

test('a receiver that fails, hangs or takes half gets everything in the end, and nothing out of order', async (t) => {
  const log = createGrowingLog(t)
  const receiver = createReceiver()
  log.append(30)
  const deliveries = [
    () => Promise.reject(new Error('connection refused')),
    (_batch: readonly Shipped[], signal: AbortSignal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    () => {},
    () => Promise.reject(new Error('half of it arrived')),
  ]
  receiver.on((batch, signal) => deliveries.shift()?.(batch, signal))
  const shipping = shipTo(t, log, receiver, { maxRecords: 20, timeoutMs: 50, maxDelayMs: 10 })
  await isShipped(shipping, 30)
  assert.deepEqual(receiver.texts(), log.lines)
  assert.equal(shipping.progress().errors, 3)
  assert.equal(shipping.progress().problem, null)
})

/** A day of them at the longest default delay of 30 s; here they follow one another at once. */
const attemptsOfADay = 2880

test('an outage of a day keeps one batch in memory and one position on disk, and all that was recorded meanwhile comes in order', async (t) => {
  const log = createGrowingLog(t)
  const receiver = createReceiver()
  const tried = new Set<string>()
  let left = attemptsOfADay
  receiver.on((batch) => {
    if (left > 0) tried.add(indexesOf(batch).join())
    left -= 1
    assertNone(left >= 0, new Error('connection refused'))
  })
  log.append(300)
  const shipping = shipTo(t, log, receiver, { maxDelayMs: 1 })
  await eventually('it has failed for long', () => shipping.progress().errors > attemptsOfADay / 4)
  log.append(5000)
  await eventually('it has failed for longer', () => shipping.progress().errors > attemptsOfADay / 2)
  assert.deepEqual(JSON.parse(readFileSync(shipping.cursorFile, 'utf8')).next, 0)
  await isShipped(shipping, 5300)
  assert.deepEqual([...tried], [Array.from({ length: 100 }, (_, index) => index).join()])
  assert.deepEqual(receiver.texts(), log.lines)
  assert.equal(shipping.progress().errors, attemptsOfADay)
})

test('while nothing is taken, the state says why and since when', async (t) => {
  const log = createGrowingLog(t)
  const receiver = createReceiver()
  receiver.on(() => Promise.reject(new Error('connection refused')))
  log.append(1)
  const shipping = shipTo(t, log, receiver)
  const { oldestMs, next } = await eventually('it fails', () =>
    shipping.progress().problem === 'connection refused' ? shipping.progress() : null,
  )
  assert.deepEqual([next, new Date(oldestMs ?? 0).toISOString()], [0, JSON.parse(log.lines[0] ?? '').time])
})

test('what a receiver will never take is left out, recorded once and counted; the next record says how many are missing', async (t) => {
  const log = createGrowingLog(t)
  const receiver = createReceiver()
  log.append(12)
  const refused = new Set([0, 4, 5, 11])
  receiver.on((batch) =>
    assertNone(
      batch.some((item) => refused.has(seqOf(item))),
      new Refused('too large'),
    ),
  )
  const shipping = shipTo(t, log, receiver)
  await isShipped(shipping, 12)
  assert.deepEqual(
    receiver.texts(),
    log.lines.filter((_, index) => !refused.has(index)),
  )
  assert.deepEqual(
    receiver.taken
      .flat()
      .map((item) => (item.kind === 'record' ? [item.index, item.leftOut] : []))
      .filter(([, leftOut]) => leftOut !== 0),
    [
      [1, 1],
      [6, 2],
    ],
  )
  assert.deepEqual(shipping.notes, [{ event: 'sink-refused', sink: 'siem', records: '0,4-5,11', count: 4, why: 'too large' }])
  log.append(1)
  await isShipped(shipping, 13)
  assert.deepEqual(
    receiver.taken.at(-1)?.map((item) => item.kind === 'record' && item.leftOut),
    [1],
  )
  assert.equal(shipping.progress().refused, 4)
})

test('a sink may say which of a batch is refused, and the record of that is not recorded again where it is refused too', async (t) => {
  const log = createGrowingLog(t)
  const receiver = createReceiver()
  log.append(3)
  log.append(2, { type: 'sink-refused' })
  receiver.on((batch) => assertNone(batch.length > 1, new Refused('not of the schema', batch.slice(1))))
  const shipping = shipTo(t, log, receiver)
  await isShipped(shipping, 5)
  assert.deepEqual(receiver.texts(), log.lines.slice(0, 1))
  assert.deepEqual(shipping.notes, [{ event: 'sink-refused', sink: 'siem', records: '1-2', count: 2, why: 'not of the schema' }])
})

test('where a refusal cannot be recorded, nothing behind it counts as shipped', async (t) => {
  const log = createGrowingLog(t)
  const receiver = createReceiver()
  log.append(2)
  receiver.on((batch) =>
    assertNone(
      batch.some((item) => seqOf(item) === 0),
      new Refused('too large'),
    ),
  )
  const failures = [new Error('the log takes nothing'), new Error('the log takes nothing')]
  const shipping = shipTo(t, log, receiver, { note: async () => assertNone(failures.length > 0, failures.pop() as Error) })
  await isShipped(shipping, 2)
  assert.equal(shipping.progress().errors, 2)
  assert.deepEqual(new Set(receiver.texts()), new Set(log.lines.slice(1)))
})

test('each checkpoint is shipped once, behind the records that it covers', async (t) => {
  const log = createGrowingLog(t)
  const receiver = createReceiver()
  log.append(5)
  const note = log.checkpoint()
  const shipping = shipTo(t, log, receiver, { maxRecords: 2 })
  await eventually('the checkpoint is shipped', () => receiver.taken.flat().some(({ kind }) => kind === 'checkpoint'))
  assert.deepEqual(indexesOf(receiver.taken.flat()), [0, 1, 2, 3, 4, 'checkpoint 5'])
  assert.deepEqual(JSON.parse(receiver.texts().at(-1) ?? '').note, note)
  log.append(2)
  log.checkpoint()
  await shipping.close(7, 5000)
  assert.deepEqual(indexesOf(receiver.taken.flat()).slice(6), [5, 6, 'checkpoint 7'])
  const again = createReceiver()
  const second = shipTo(t, log, again, { cursorFile: shipping.cursorFile })
  log.append(1)
  await isShipped(second, 8)
  assert.deepEqual(indexesOf(again.taken.flat()), [7])
})

test('another log in the same place is shipped from its beginning, and it is recorded what of the other may be missing', async (t) => {
  const log = createGrowingLog(t)
  const { origin } = log
  const first = await shipped(t, log, 4)
  log.replace('sallyport/another')
  log.append(2)
  const receiver = createReceiver()
  const second = shipTo(t, log, receiver, { cursorFile: first.cursorFile })
  await isShipped(second, 2)
  assert.deepEqual(receiver.texts(), log.lines)
  assert.deepEqual(second.notes, [
    { event: 'sink-gap', sink: 'siem', origin, from: 4, why: 'another log is in its place: from this record on it may not be shipped' },
  ])
})

test('what a closed log had left is shipped before the log that goes on, each in its order and with its checkpoint', async (t) => {
  const log = createGrowingLog(t)
  const first = await shipped(t, log, 4)
  log.append(3)
  log.checkpoint()
  const left = log.lines.slice(4)
  log.close('2026-11-01T00-00-00-000Z', 'sallyport/second')
  log.append(2)
  const second = log.lines
  log.close('2026-11-02T00-00-00-000Z', 'sallyport/third')
  log.append(1)
  const receiver = createReceiver()
  const again = shipTo(t, log, receiver, { cursorFile: first.cursorFile })
  await isShipped(again, 1)
  assert.deepEqual(
    receiver.taken.flat().map((item) => (item.kind === 'record' ? item.text : item.size)),
    [...left, 7, ...second, ...log.lines],
  )
  assert.deepEqual(again.notes, [])
  await again.close(1, 1000)
  const later = createReceiver()
  log.append(1)
  await isShipped(shipTo(t, log, later, { cursorFile: first.cursorFile }), 2)
  assert.deepEqual(later.texts(), log.lines.slice(1))
})

test('what a closed log has lost is recorded, and holds up nothing', async (t) => {
  const log = createGrowingLog(t)
  const { origin } = log
  const first = await shipped(t, log, 4)
  log.append(2)
  log.checkpoint(9)
  log.close('2026-11-01T00-00-00-000Z', 'sallyport/second')
  log.append(1)
  const receiver = createReceiver()
  const again = shipTo(t, log, receiver, { cursorFile: first.cursorFile })
  await isShipped(again, 1)
  assert.deepEqual(indexesOf(receiver.taken.flat()), [4, 5, 0])
  assert.deepEqual(again.notes, [
    { event: 'sink-gap', sink: 'siem', origin, from: 6, to: 8, why: 'the log was closed, and does not have them' },
  ])
})

test('records that retention removed before they were shipped are counted, recorded, and named by the next record', async (t) => {
  const log = createGrowingLog(t)
  const first = await shipped(t, log, 10)
  log.append(10)
  log.prune(15)
  const receiver = createReceiver()
  const second = shipTo(t, log, receiver, { cursorFile: first.cursorFile })
  await isShipped(second, 20)
  assert.deepEqual(receiver.texts(), log.lines.slice(15))
  assert.deepEqual(
    receiver.taken.flat().map((item) => item.kind === 'record' && item.leftOut),
    [5, 0, 0, 0, 0],
  )
  const { origin } = log
  assert.deepEqual(second.notes, [
    { event: 'sink-gap', sink: 'siem', origin, from: 10, to: 14, why: 'removed from the log before they were shipped' },
  ])
  assert.deepEqual([second.progress().lost, second.progress().shipped], [5, 5])
})

test('a cursor that is damaged is not taken for a beginning', async (t) => {
  const log = createGrowingLog(t)
  const receiver = createReceiver()
  log.append(1)
  const first = shipTo(t, log, receiver)
  await isShipped(first, 1)
  await first.close(1, 1000)
  writeFileSync(first.cursorFile, '{"next":')
  const second = shipTo(t, log, createReceiver(), { cursorFile: first.cursorFile })
  assert.match(await eventually('it says so', () => second.progress().problem), /does not say how far the sink has come: remove it/)
  assert.equal(second.progress().next, null)
})

function assertNone(isWrong: boolean, error: Error): void {
  if (isWrong) throw error
}
