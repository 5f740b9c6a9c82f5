/** The log under tampering, torn writes and a disk that fails. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { type AuditOptions, openAudit } from '../../src/audit/audit.ts'
import { type AppendFile, realFile } from '../../src/audit/segment-files.ts'
import { type AccessRequest, type Arrival, type Claim, type Integration, Refusal } from '../../src/core/index.ts'
import { verifyAudit } from '../../src/proof/index.ts'
import { eachCase, times, until } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { servedOutcome } from '../support/outcome.ts'

const mask = { text: (text: string) => text, query: (query: string) => query, of: () => mask }
const arrival = (id: string) => ({ id, door: 'proxy', peer: '127.0.0.1' }) as Arrival
const request = { kind: 'http', action: 'GET', identity: 'token', integration: { name: 'weather' } } as AccessRequest
const claim = { subject: { host: 'a', path: '/"\n\ud800' } } as unknown as Claim
const decision = { allow: true, rule: 'default/network/0', capability: null, reasons: [], obligations: {}, revision: 'r' }
const outcome = { ...servedOutcome, sentBytes: 0, receivedBytes: 1, durationMs: 1 }

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-audit-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function open(folder: string, file: AppendFile = realFile, maxSegmentBytes = 1e9) {
  return openAudit(optionsOf(folder, file, maxSegmentBytes))
}

function optionsOf(folder: string, file: AppendFile = realFile, maxSegmentBytes = 1e9): AuditOptions {
  return { folder, maxSegmentBytes, durability: 'reply', version: 'test', mask, onBroken: () => {}, file }
}

async function fill(folder: string, count: number, maxSegmentBytes?: number): Promise<void> {
  const audit = open(folder, realFile, maxSegmentBytes)
  for (let i = 0; i < count; i += 1) {
    const entry = audit.open(arrival(`id${i}`))
    entry.decided(request, claim, decision)
    await entry.durable()
    entry.settled(outcome)
  }
  await audit.close()
}

const first = (folder: string) => join(folder, '00000001.jsonl')

test('a changed, removed, repeated or inserted line anywhere is found', async (t) => {
  const folder = folderOf(t)
  await fill(folder, 6)
  assert.deepEqual((await verifyAudit(folder)).findings, [])
  const good = readFileSync(first(folder), 'utf8')
  const lines = good.split('\n').slice(0, -1)
  const tampered = [
    ...lines.slice(0, -1).map((_, i) => lines.toSpliced(i, 1)),
    ...lines.map((line, i) => lines.toSpliced(i, 1, line, line)),
    ...lines.slice(0, -1).map((line, i) => lines.with(i, line.replace(/"seq":\d+/, '"seq":99'))),
    ...lines.slice(0, -1).map((line, i) => lines.with(i, `${line} `)),
  ]
  await eachCase(tampered, async (item) => {
    writeFileSync(first(folder), `${item.join('\n')}\n`)
    assert.equal((await verifyAudit(folder)).ok, false)
  })
})

test('one changed byte at any place but the last line’s is found', async (t) => {
  const folder = folderOf(t)
  await fill(folder, 3)
  const good = readFileSync(first(folder))
  const end = good.subarray(0, -1).lastIndexOf(0x0a)
  await times(Math.ceil(end / 7), async (nth) => {
    const bad = Buffer.from(good)
    bad[nth * 7] = (bad[nth * 7] ?? 0) ^ 1
    writeFileSync(first(folder), bad)
    assert.equal((await verifyAudit(folder)).ok, false)
  })
})

test('a missing segment is found, at the beginning and in between', async (t) => {
  const folder = folderOf(t)
  await fill(folder, 40, 2048)
  assert.equal((await verifyAudit(folder)).ok, true)
  await eachCase(['00000001.jsonl', '00000002.jsonl'], async (name) => {
    copyFileSync(join(folder, name), join(folder, 'kept'))
    rmSync(join(folder, name))
    assert.equal((await verifyAudit(folder)).ok, false, name)
    copyFileSync(join(folder, 'kept'), join(folder, name))
  })
})

test('the chain can be verified by hand with sha256sum', async (t) => {
  const folder = folderOf(t)
  await fill(folder, 2)
  const lines = readFileSync(first(folder), 'utf8').split('\n')
  times(lines.length - 1 - 1, (round) => {
    const i = round + 1

    const sum = execFileSync('sh', ['-c', `sed -n ${i}p ${first(folder)} | tr -d '\\n' | sha256sum`])
      .toString()
      .split(' ')[0]
    assert.equal(JSON.parse(lines[i] ?? '').prev, sum)
  })
})

test('a torn last line is cut, kept beside the log, and told; the chain goes on', async (t) => {
  const folder = folderOf(t)
  await fill(folder, 3)
  const lines = readFileSync(first(folder), 'utf8').split('\n')
  // As a crash in mid-write leaves it: decided, not settled, half a line.
  writeFileSync(first(folder), `${lines.slice(0, 4).join('\n')}\n`)
  appendFileSync(first(folder), lines[4]?.slice(0, 30) ?? '')
  const audit = open(folder)
  assert.equal(audit.status().unsettledBefore, 1)
  await audit.close()
  const verification = await verifyAudit(folder)
  assert.deepEqual(verification.findings, [])
  assert.ok(existsSync(`${first(folder)}.broken`))
  const started = readFileSync(first(folder), 'utf8')
    .split('\n')
    .map((line) => (line === '' ? {} : JSON.parse(line)))
    .findLast(({ type }) => type === 'started')
  assert.equal(started.cutBytes, 30)
  assert.deepEqual(started.unsettledIds, ['id1'])
})

test('a log that was changed is not continued', async (t) => {
  const folder = folderOf(t)
  await fill(folder, 3)
  writeFileSync(first(folder), readFileSync(first(folder), 'utf8').replace('"seq":3', '"seq":4'))
  assert.throws(() => open(folder), /00000001\.jsonl:3: the chain is broken here.*move the folder away/)
  truncateSync(first(folder), 0)
  writeFileSync(first(folder), 'not a record\n')
  assert.throws(() => open(folder), /00000001\.jsonl:1: not a record/)
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
    const audit = open(folder, file)
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
    const audit = openAudit({ ...optionsOf(folder, file), onBroken: (error) => broken.push(error) })
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
  const audit = openAudit({ ...optionsOf(folder, file, 1024), onRotationFailed: ({ message }) => told.push(message) })
  const record = async () => {
    const entry = audit.open(arrival('a'))
    entry.decided(request, claim, decision)
    await entry.durable()
    entry.settled(outcome)
  }
  await times(20, () => record())
  assert.deepEqual([audit.status().broken, told], [false, ['EMFILE']])
  assert.ok(!existsSync(join(folder, '00000002.jsonl')))
  failing = false
  await times(20, () => record())
  assert.ok(existsSync(join(folder, '00000002.jsonl')))
  await audit.close()
  assert.deepEqual((await verifyAudit(folder)).findings, [])
})

test('what another process wrote into the log stops it where the next segment begins', async (t) => {
  const folder = folderOf(t)
  const broken: string[] = []
  const audit = openAudit({ ...optionsOf(folder, realFile, 1024), onBroken: ({ message }) => broken.push(message) })
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
  assert.deepEqual(broken, ['another process has written to 00000001.jsonl'])
  await audit.close()
})

test('a short write is completed before anything is acknowledged', async (t) => {
  const folder = folderOf(t)
  const file: AppendFile = {
    ...realFile,
    write: (descriptor, bytes, done) => realFile.write(descriptor, bytes.subarray(0, Math.ceil(bytes.byteLength / 2)), done),
  }
  const audit = open(folder, file)
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
  const audit = open(folder, file)
  await eventually('a write is under way', () => stalled.length === 1)
  const long = { subject: { host: 'x'.repeat(4096), path: 'y'.repeat(4096) } } as unknown as Claim
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
  const audit = open(folder)
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
  const sums = readFileSync(first(folder), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"summed"'))
    .map((line) => JSON.parse(line))
  assert.equal(
    sums.reduce((total, { count }) => total + count, 0),
    1000,
  )
  assert.equal(sums.length, 1)
})

test('a crowd of addresses is summed together, and an integration keeps a sum of its own', async (t) => {
  const folder = folderOf(t)
  const audit = open(folder)
  const flood = new Refusal('arrivals-exceeded', '')
  times(1500, (i) => {
    audit.open({ ...arrival(`f${i}`), peer: `10.0.${i >> 8}.${i & 255}` }).summed(flood, null)
  })
  audit.open(arrival('a')).summed(flood, { integration: { name: 'weather' } as Integration, identity: 'token' })
  await audit.close()
  const sums = readFileSync(first(folder), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"summed"'))
    .map((line) => JSON.parse(line))
  assert.equal(sums.find(({ who }) => who === 'weather')?.count, 1)
  assert.equal(sums.find(({ who }) => who === 'other')?.count, 500)
})

test('nothing is written once the log is closed: the descriptor may be another file by then', async (t) => {
  const folder = folderOf(t)
  let descriptor = -1
  const late: number[] = []
  let closed = false
  const audit = open(folder, {
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

test('a segment that was begun and never written to is gone on with, in the chain of the one before', async (t) => {
  const folder = folderOf(t)
  await fill(folder, 3)
  writeFileSync(join(folder, '00000002.jsonl'), '')
  const before = (await verifyAudit(folder)).records
  await fill(folder, 2)
  const { ok, findings, records, segments } = await verifyAudit(folder)
  assert.deepEqual([ok, findings, segments], [true, [], 2])
  assert.ok(records > before)
})
