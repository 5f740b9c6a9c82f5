/** Records that nobody expects: each is recorded as far as it may be, or refused with its place, and the log holds. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { fitRecord } from '../../src/audit/fit-record.ts'
import { verifyAudit } from '../../src/proof/index.ts'
import { readAudit, walName } from '../../src/records/index.ts'
import { all, eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { recordsIn } from '../support/log-records.ts'
import { openTestLog, recordPaths } from '../support/test-log.ts'

const maxBytes = 32 * 1024

/** What a log has of a record with this text in it. */
async function noted(t: TestContext, problem: string): Promise<Record<string, unknown>> {
  const folder = createFolder(t)
  const audit = await openTestLog(folder)
  audit.note('rejected', { problem })
  await audit.noted()
  await audit.close()
  assert.deepEqual((await verifyAudit(folder)).findings, [])
  const record = recordsIn(folder).find((text) => text.includes('"rejected"')) ?? ''
  assert.ok(Buffer.byteLength(record) <= maxBytes)
  return JSON.parse(record) as Record<string, unknown>
}

test('a text of 10 MB is cut, and says so', async (t) => {
  const { problem } = await noted(t, 'é'.repeat(5 * 1024 * 1024))
  assert.match(String(problem), /^é+.*\[cut\]$/)
})

test('a lone surrogate becomes the replacement character', async (t) => assert.equal((await noted(t, 'a\ud800b'))['problem'], 'a\ufffdb'))

test('whatever a record holds, it fits: texts and lists are cut, and of too many members the beginning remains', () => {
  const head = '"seq":1,"time":"t","type":"x","id":"i"'
  const own = `{${head},"__proto__":${JSON.stringify('p'.repeat(70_000))},"list":[${Array.from({ length: 20_000 }, (_, nth) => nth)}]}`
  const cut = JSON.parse(fitRecord(own)) as Record<string, unknown>
  assert.deepEqual(Object.keys(cut), ['seq', 'time', 'type', 'id', '__proto__', 'list'])
  assert.match(String(Object.entries(cut)[4]?.[1]), /^p+…\[cut\]$/)
  const many = `{${head}${Array.from({ length: 10_000 }, (_, nth) => `,"m${nth}":${nth}`).join('')}}`
  assert.deepEqual(JSON.parse(fitRecord(many)), { seq: 1, time: 't', type: 'x', id: 'i', cut: true })
  eachCase(['\u2028'.repeat(9000), '\u0001'.repeat(9000), '\u{1f600}'.repeat(9000), '\ud800'.repeat(9000)], (text) => {
    const line = fitRecord(`{${head},"text":${JSON.stringify(text)}}`)
    assert.ok(Buffer.byteLength(line) <= maxBytes)
    assert.doesNotMatch(line, /[\u2028\u2029\n]/)
  })
})

test('a member named __proto__ is read back as a member', async (t) => {
  const folder = createFolder(t)
  const record = '{"seq":0,"time":"t","type":"note","__proto__":{"type":"decided"}}'
  mkdirSync(join(folder, 'wal'))
  writeFileSync(join(folder, 'wal', walName(0)), `00000000 ${record}\n`)
  const [read] = (await all(readAudit(folder))) as object[]
  assert.deepEqual([Object.keys(read ?? {}), ({} as { type?: string }).type], [['seq', 'time', 'type', '__proto__'], undefined])
  assert.deepEqual(await all(readAudit(folder, ['decided'])), [])
})

test('bytes that are not UTF-8 are refused by a start with their place, also under a checksum that holds', async (t) => {
  const folder = createFolder(t)
  await recordPaths(folder, ['/a'])
  const wal = join(folder, 'wal', walName(0))
  const lines = readFileSync(wal, 'latin1').split('\n')
  const record = Buffer.from((lines[1] ?? '').slice(9).replace('/a', '/\xff'), 'latin1')
  lines[1] = `${crc32(record).toString(16).padStart(8, '0')} ${record.toString('latin1')}`
  writeFileSync(wal, lines.join('\n'), 'latin1')
  await assert.rejects(openTestLog(folder), /wal\/0{20}\.wal:2: the record is not UTF-8/)
})

test('a clock that jumps back and forth changes times, and nothing else', async (t) => {
  const folder = createFolder(t)
  let now = Date.UTC(2026, 5, 1)
  const audit = await openTestLog(folder, { wallClock: () => now })
  await eachCase([Date.UTC(2040, 0, 1), Date.UTC(1999, 0, 1), 0, Date.UTC(2026, 5, 2)], async (time) => {
    now = time
    audit.note('rejected', { problem: 'p' })
    await audit.noted()
  })
  await audit.close()
  const { findings, unsigned } = await verifyAudit(folder)
  assert.deepEqual([findings, unsigned], [[], 0])
  await recordPaths(folder, ['/a'])
  assert.deepEqual((await verifyAudit(folder)).findings, [])
})
