/** The log under tampering, torn writes and a disk that fails. */

import assert from 'node:assert/strict'
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { type AppendFile, realFile } from '../../src/audit/append-file.ts'
import { type Integration, Refusal } from '../../src/core/index.ts'
import { verifyAudit } from '../../src/proof/index.ts'
import { bundlePath, tilePath, walName } from '../../src/records/index.ts'
import { eachCase, times, until } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { recordsIn, walNames } from '../support/log-records.ts'
import { servedOutcome } from '../support/outcome.ts'
import { arrival, claimOf, decision, openTestLog, request } from '../support/test-log.ts'
import { walLine } from '../support/tlog-folder.ts'

const claim = claimOf({ host: 'a', path: '/"\n\ud800' })
const outcome = { ...servedOutcome, sentBytes: 0, receivedBytes: 1, durationMs: 1 }
const folderOf = (t: TestContext) => createFolder(t)
const open = (folder: string, file: AppendFile = realFile, maxSegmentBytes = 1e9) => openTestLog(folder, { file, maxSegmentBytes })

/** `count` arrivals, decided and settled. */
async function fill(folder: string, count: number, maxSegmentBytes?: number): Promise<void> {
  const audit = await open(folder, realFile, maxSegmentBytes)
  for (let i = 0; i < count; i += 1) {
    const entry = audit.open(arrival(`id${i}`))
    entry.decided(request, claim, decision)
    if (i % 50 === 0) await entry.durable()
    entry.settled(outcome)
  }
  await audit.close()
}

const first = (folder: string) => join(folder, 'wal', walName(0))
const parsed = (folder: string, type: string) =>
  recordsIn(folder)
    .filter((record) => record.includes(`"${type}"`))
    .map((record) => JSON.parse(record))

test('a changed, removed, repeated or inserted line anywhere is found, and such a log is not started', async (t) => {
  const folder = folderOf(t)
  await fill(folder, 3)
  assert.deepEqual((await verifyAudit(folder)).findings, [])
  const lines = readFileSync(first(folder), 'utf8').split('\n').slice(0, -1)
  const records = recordsIn(folder)
  const rehashed = (index: number, record: string) => lines.with(index, walLine(record).trimEnd())
  const tampered = [
    ...lines.map((_, i) => lines.toSpliced(i, 1)),
    ...lines.map((line, i) => lines.toSpliced(i, 1, line, line)),
    ...lines.map((line, i) => lines.with(i, `${line} `)),
    ...records.map((record, i) => rehashed(i, record.replace(/"seq":\d+/, '"seq":99'))),
    ...records.map((record, i) => rehashed(i, record.replace(/"time":"2/, '"time":"1'))),
    ...records.map((_, i) => rehashed(i, 'not a record')),
    ...records.map((_, i) => rehashed(i, `{"seq":${i},"time":"\xff"}`)),
  ]
  await eachCase(tampered, async (item) => {
    writeFileSync(first(folder), `${item.join('\n')}\n`)
    assert.equal((await verifyAudit(folder)).ok, false)
    await assert.rejects(open(folder), {
      name: 'AuditError',
      message: /^(wal\/\d{20}\.wal|checkpoint).*Keep it as evidence: move the folder away/,
    })
  })
})

test('one changed byte at any place is found, and such a log is not started', async (t) => {
  const folder = folderOf(t)
  await fill(folder, 2)
  const good = readFileSync(first(folder))
  await times(Math.ceil(good.byteLength / 7), async (nth) => {
    const at = nth * 7
    const bad = Buffer.from(good)
    bad[at] = (bad[at] ?? 0) ^ 1
    writeFileSync(first(folder), bad)
    assert.equal((await verifyAudit(folder)).ok, false)
    await assert.rejects(open(folder), { name: 'AuditError' })
    // A last line without its end was cut off by the start.
    rmSync(`${first(folder)}.broken`, { force: true })
  })
})

test('a file that is missing is found, and such a log is not started', async (t) => {
  const folder = folderOf(t)
  await fill(folder, 320, 40_000)
  await fill(folder, 20, 40_000)
  assert.deepEqual((await verifyAudit(folder)).findings, [])
  assert.ok(walNames(folder).length > 1)
  const needed = ['checkpoint', tilePath(0, 0), ...walNames(folder).map((name) => `wal/${name}`)]
  await eachCase(needed, async (name) => {
    renameSync(join(folder, name), join(folder, 'kept'))
    // What is in full bundles needs no write-ahead file to be verified.
    assert.equal((await verifyAudit(folder)).ok, name === needed[2], name)
    await assert.rejects(open(folder), { name: 'AuditError' }, name)
    renameSync(join(folder, 'kept'), join(folder, name))
  })
  rmSync(join(folder, 'verifier-key'))
  rmSync(join(folder, bundlePath(0)))
  assert.equal((await verifyAudit(folder)).ok, false)
  await fill(folder, 1)
})

test('an older checkpoint, or an older state of the whole folder but its checkpoint, is not gone on with', async (t) => {
  const folder = folderOf(t)
  await fill(folder, 20)
  const before = readFileSync(join(folder, 'checkpoint'))
  const older = readFileSync(first(folder))
  await fill(folder, 400, 30_000)
  const newest = readFileSync(join(folder, 'checkpoint'))
  writeFileSync(join(folder, 'checkpoint'), before)
  await assert.rejects(open(folder), /^AuditError: checkpoint: it is older than the first write-ahead file/)
  writeFileSync(join(folder, 'checkpoint'), newest)
  rmSync(join(folder, 'tile'), { recursive: true })
  rmSync(join(folder, 'wal'), { recursive: true })
  mkdirSync(join(folder, 'wal'))
  writeFileSync(first(folder), older)
  await assert.rejects(open(folder), /^AuditError: wal\/0{20}\.wal: it ends before record \d+, and there were \d+: some were cut off/)
})

test('a torn last line is cut, kept beside the log, and told; the log goes on', async (t) => {
  const folder = folderOf(t)
  const audit = await open(folder)
  const entry = audit.open(arrival('id1'))
  entry.decided(request, claim, decision)
  await entry.durable()
  const crashed = folderOf(t)
  // As a crash in mid-write leaves it: decided, not settled, half a line.
  mkdirSync(join(crashed, 'wal'))
  eachCase(['checkpoint', 'verifier-key', `wal/${walName(0)}`], (name) =>
    writeFileSync(join(crashed, name), readFileSync(join(folder, name))),
  )
  appendFileSync(first(crashed), '00000000 {"seq":2,"time":"2026')
  await audit.close()
  const again = await open(crashed)
  assert.equal(again.status().unsettledBefore, 1)
  await again.close()
  assert.deepEqual((await verifyAudit(crashed)).findings, [])
  assert.equal(readFileSync(`${first(crashed)}.broken`, 'utf8'), '00000000 {"seq":2,"time":"2026')
  const started = parsed(crashed, 'started').at(-1)
  assert.deepEqual([started.cutBytes, started.unsettledIds], [30, ['id1']])
})

for (const failure of ['ENOSPC', 'EIO'] as const) {
  test(`after ${failure} nothing is acknowledged, and the log stays broken`, async (t) => {
    const folder = folderOf(t)
    let failing = false
    const file: AppendFile = {
      ...realFile,
      write: (descriptor, bytes, done) =>
        failing
          ? setImmediate(() => done(Object.assign(new Error(failure), { code: failure }), 0))
          : realFile.write(descriptor, bytes, done),
    }
    const audit = await open(folder, file)
    const before = audit.open(arrival('before'))
    before.decided(request, claim, decision)
    await before.durable()
    assert.equal(before.durable(), null)
    failing = true
    const waiting = ['a', 'b'].map((id) => {
      const entry = audit.open(arrival(id))
      entry.decided(request, claim, decision)
      return entry.durable()
    })
    await eachCase(waiting, (item) => assert.rejects(item as Promise<void>, { code: 'audit-unavailable' }))
    failing = false
    const after = audit.open(arrival('after'))
    assert.throws(() => after.decided(request, claim, decision), { code: 'audit-unavailable' })
    after.refused(new Refusal('unidentified', ''), null)
    await assert.rejects(after.durable() as Promise<void>, { code: 'audit-unavailable' })
    assert.equal(before.durable(), null)
    assert.equal(audit.status().broken, true)
    await audit.close()
    assert.equal((await verifyAudit(folder)).ok, true)
  })
}

for (const asked of ['while it is written', 'long after it failed'] as const) {
  test(`what a failed write lost is never on disk, asked ${asked}`, async (t) => {
    const folder = folderOf(t)
    const broken: Error[] = []
    const pending: (() => void)[] = []
    const file: AppendFile = { ...realFile, write: (_descriptor, _bytes, done) => pending.push(() => done(new Error('EIO'), 0)) }
    const audit = await openTestLog(folder, { file, onBroken: (error) => broken.push(error) })
    await eventually('the start is being written', () => pending.length === 1)
    const flood = audit.open(arrival('flood'))
    flood.summed(new Refusal('arrivals-exceeded', ''), null)
    const entry = audit.open(arrival('a'))
    entry.decided(request, claim, decision)
    const early = asked === 'while it is written' ? [entry.durable(), flood.durable()] : []
    eachCase(pending, (fail) => {
      fail()
    })
    await eventually('it broke', () => broken.length === 1)
    await new Promise(setImmediate)
    // The origin has answered by now: its reply must not leave.
    const replies = await Promise.allSettled([...early, entry.durable(), flood.durable()])
    eachCase(replies, (reply) => assert.equal(reply.status === 'rejected' && (reply.reason as Refusal).code, 'audit-unavailable'))
    await assert.rejects(audit.ready(), /cannot be written, and nothing would be answered: EIO/)
    await audit.close()
  })
}

test('where the next segment cannot be made the log goes on in the present one', async (t) => {
  const folder = folderOf(t)
  let failing = true
  const told: string[] = []
  const file: AppendFile = {
    ...realFile,
    open(path, isNew) {
      if (isNew && failing) throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' })
      return realFile.open(path, isNew)
    },
  }
  const audit = await openTestLog(folder, { file, maxSegmentBytes: 1024, onRotationFailed: ({ message }) => told.push(message) })
  const record = async () => {
    const entry = audit.open(arrival('a'))
    entry.decided(request, claim, decision)
    await entry.durable()
    entry.settled(outcome)
  }
  await times(20, () => record())
  assert.deepEqual([audit.status().broken, told], [false, ['EMFILE']])
  assert.equal(walNames(folder).length, 1)
  failing = false
  await times(20, () => record())
  assert.ok(walNames(folder).length > 1)
  await audit.close()
  assert.deepEqual((await verifyAudit(folder)).findings, [])
})

test('what another process wrote into the log stops it where the next segment begins', async (t) => {
  const folder = folderOf(t)
  const broken: string[] = []
  const audit = await openTestLog(folder, { maxSegmentBytes: 1024, onBroken: ({ message }) => broken.push(message) })
  await audit.ready()
  appendFileSync(first(folder), '{"seq":2}\n')
  await until(
    () => audit.status().broken,
    () => {
      const entry = audit.open(arrival('a'))
      entry.decided(request, claim, decision)
      return entry.durable()
    },
  )
  assert.deepEqual(broken, [`another process has written to ${walName(0)}`])
  await audit.close()
})

test('a short write is completed before anything is acknowledged', async (t) => {
  const folder = folderOf(t)
  const file: AppendFile = {
    ...realFile,
    write: (descriptor, bytes, done) => realFile.write(descriptor, bytes.subarray(0, Math.ceil(bytes.byteLength / 2)), done),
  }
  const audit = await open(folder, file)
  const entry = audit.open(arrival('a'))
  entry.decided(request, claim, decision)
  await entry.durable()
  assert.match(readFileSync(first(folder), 'utf8'), /"id":"a".*\n$/)
  await audit.close()
  assert.equal((await verifyAudit(folder)).ok, true)
})

test('arrivals wait for a disk that stalls, and one arrival too many does not break the log', async (t) => {
  const folder = folderOf(t)
  const stalled: (() => void)[] = []
  let stalls = true
  const file: AppendFile = {
    ...realFile,
    write(descriptor, bytes, done) {
      if (stalls) stalled.push(() => realFile.write(descriptor, bytes, done))
      else realFile.write(descriptor, bytes, done)
    },
  }
  const audit = await open(folder, file)
  await eventually('a write is under way', () => stalled.length === 1)
  const long = claimOf({ host: 'x'.repeat(4096), path: 'y'.repeat(4096) })
  let recorded = 0
  const arrive = async (id: string) => {
    for (let wait = audit.behind(null); wait !== null; wait = audit.behind(null)) await wait
    audit.open(arrival(id)).decided(request, long, decision)
    recorded += 1
  }
  const arrivals = Array.from({ length: 12_000 }, (_, index) => arrive(`a${index}`))
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(recorded > 1000 && recorded < 3000, String(recorded))
  assert.equal(audit.status().broken, false)
  stalls = false
  eachCase(stalled, (go) => {
    go()
  })
  await Promise.all(arrivals)
  await audit.close()
  assert.equal(recorded, 12_000)
  assert.equal((await verifyAudit(folder)).ok, true)
})

test('a flood is recorded in sums', async (t) => {
  const folder = folderOf(t)
  const audit = await open(folder)
  const replies: (Promise<void> | null)[] = []
  times(1000, (i) => {
    const entry = audit.open(arrival(`f${i}`))
    entry.summed(new Refusal('arrivals-exceeded', ''), null)
    replies.push(entry.durable())
    entry.settled(outcome)
  })
  await Promise.all(replies)
  assert.match(readFileSync(first(folder), 'utf8'), /"type":"summed"/)
  await audit.close()
  const sums = parsed(folder, 'summed')
  assert.equal(
    sums.reduce((total, { count }) => total + count, 0),
    1000,
  )
  assert.equal(sums.length, 1)
})

test('a crowd of addresses is summed together, and an integration keeps a sum of its own', async (t) => {
  const folder = folderOf(t)
  const audit = await open(folder)
  const flood = new Refusal('arrivals-exceeded', '')
  times(1500, (i) => {
    audit.open({ ...arrival(`f${i}`), peer: `10.0.${i >> 8}.${i & 255}` }).summed(flood, null)
  })
  audit.open(arrival('a')).summed(flood, { integration: { name: 'weather' } as Integration, identity: 'token' })
  await audit.close()
  const sums = parsed(folder, 'summed')
  assert.equal(sums.find(({ who }) => who === 'weather')?.count, 1)
  assert.equal(sums.find(({ who }) => who === 'other')?.count, 500)
})

test('nothing is written once the log is closed: the descriptor may be another file by then', async (t) => {
  const folder = folderOf(t)
  let descriptor = -1
  const late: number[] = []
  let closed = false
  const audit = await open(folder, {
    ...realFile,
    open(path, isNew) {
      descriptor = realFile.open(path, isNew)
      return descriptor
    },
    write(to, bytes, done) {
      if (closed) late.push(to)
      realFile.write(to, bytes, done)
    },
    close(which) {
      closed = true
      realFile.close(which)
    },
  })
  const entry = audit.open(arrival('late'))
  await audit.close()
  const whole = readFileSync(first(folder), 'utf8')
  const stranger = join(folder, 'stranger')
  const strangers = Array.from({ length: 4 }, () => openSync(stranger, 'w'))
  assert.ok(strangers.includes(descriptor))
  assert.throws(() => entry.decided(request, claim, decision), { code: 'audit-unavailable' })
  entry.refused(new Refusal('unidentified', ''), null)
  await assert.rejects(entry.durable() ?? Promise.resolve(), (error: Refusal) => error.code === 'audit-unavailable')
  entry.settled(outcome)
  audit.note('activated', { revision: 'r' })
  // Longer than lines that no reply waits for are kept: nothing may be written by then.
  await setTimeout(60)
  eachCase(strangers, (stranger) => {
    closeSync(stranger)
  })
  assert.deepEqual(late, [])
  assert.equal(readFileSync(stranger, 'utf8'), '')
  assert.equal(readFileSync(first(folder), 'utf8'), whole)
})

test('a file that was begun and never written to is removed, and the one before gone on with', async (t) => {
  const folder = folderOf(t)
  await fill(folder, 3)
  const before = recordsIn(folder).length
  writeFileSync(join(folder, 'wal', walName(before - 2)), '')
  writeFileSync(join(folder, 'wal', walName(before)), '')
  await fill(folder, 2)
  assert.deepEqual([(await verifyAudit(folder)).findings, walNames(folder)], [[], [walName(0)]])
  assert.ok(recordsIn(folder).length > before)
})
