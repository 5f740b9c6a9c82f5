/** What verifies a log, and what a start looks at, against everything that can stand in a line. */

import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { appendFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { verifyAudit } from '../../src/proof/index.ts'
import { eachCase } from '../support/cases.ts'
import { decidedOn, writeChain } from '../support/chain-folder.ts'
import { createFolder } from '../support/folder.ts'
import { textOf } from '../support/log-records.ts'
import { openTestLog, recordPaths } from '../support/test-log.ts'

const numbered = (count: number) => decidedOn(Array.from({ length: count }, (_, index) => `/${index}`))
const firstOf = (folder: string) => join(folder, '00000001.jsonl')
const pathOf = (line: string) => (JSON.parse(line) as { subject?: { path: string } }).subject?.path

test('a record is one line whatever its path holds, and the log verifies', async (t) => {
  const folder = createFolder(t, {})
  const odd = ['\u2028', '\u2029', '\u0085', '\r', '\r\n', '\n', '\0', '\ufeff', '\u202e', '\u009b', '"', '\\', '\\u2028', '\u{e0001}']
  await recordPaths(folder, odd)
  assert.deepEqual((await verifyAudit(folder)).findings, [])
  const text = textOf(folder)
  assert.doesNotMatch(text, /[\u2028\u2029\r\0]/)
  assert.deepEqual(text.split('\n').slice(1, -2).map(pathOf), odd)
})

/** A log of lines that someone else wrote, whose chain holds. */
function chained(t: TestContext, contents: readonly string[], end = '\n'): string {
  let prev = hash('sha256', 'sallyport audit log v1')
  const lines = contents.map((content, index) => {
    const line = content.replace('SEQ', String(index + 1)).replace('PREV', prev)
    prev = hash('sha256', line + end.slice(0, -1))
    return line + end
  })
  return createFolder(t, { '00000001.jsonl': lines.join('') })
}

const plain = '{"seq":SEQ,"type":"breaker","prev":"PREV"}'

test('lines end at a newline alone: a line separator in a record is no end', async (t) => {
  const folder = chained(t, [plain, '{"seq":SEQ,"type":"breaker","state":"\u2028\u2029\u0085","prev":"PREV"}', plain])
  const { findings, records } = await verifyAudit(folder)
  assert.deepEqual([findings, records], [[], 3])
})

for (const [name, odd] of Object.entries({
  null: 'null',
  'a number': '1',
  'a list': '[]',
  'a text': '"a"',
  'an empty line': '',
  'half a record': '{"seq":2',
  'two records': '{"seq":SEQ,"prev":"PREV"}{}',
}))
  test(`${name} in place of a record is found`, async (t) => {
    const { ok, findings } = await verifyAudit(chained(t, [plain, odd, plain]))
    assert.deepEqual([ok, findings[0]?.line], [false, 2])
  })

test('carriage returns are found, also where the chain was made with them', async (t) => {
  assert.equal((await verifyAudit(chained(t, [plain, plain], '\r\n'))).findings[0]?.what.includes('carriage return'), true)
  assert.equal((await verifyAudit(chained(t, [plain, `${plain}\r`]))).findings[0]?.line, 2)
})

test('bytes that are not UTF-8 are found', async (t) => {
  const folder = chained(t, [plain])
  writeFileSync(firstOf(folder), Buffer.from('{"seq":1,"type":"\xff","prev":""}\n', 'latin1'))
  assert.equal((await verifyAudit(folder)).findings[0]?.what, 'is not UTF-8')
})

test('what stands behind the last line of a segment is found where another one follows', async (t) => {
  const folder = createFolder(t, {})
  const names = writeChain(folder, numbered(6), 2)
  await eachCase(names, async (name) => {
    appendFileSync(join(folder, name), '{"seq":')
    const { findings } = await verifyAudit(folder)
    assert.deepEqual(
      findings.map(({ file }) => file),
      name === names.at(-1) ? [] : [name],
    )
    truncateSync(join(folder, name), statSync(join(folder, name)).size - 7)
  })
})

test('a noted head is found in the log that has gone on since, and missed where the end was cut off or changed', async (t) => {
  const folder = createFolder(t, {})
  writeChain(folder, numbered(4))
  const { head } = await verifyAudit(folder)
  const names = writeChain(folder, numbered(7), 4)
  const later = await verifyAudit(folder, { heads: [head] })
  assert.deepEqual([later.ok, later.noted], [true, [{ head, file: '00000001.jsonl', line: 4 }]])
  const text = readFileSync(firstOf(folder), 'utf8')
  writeFileSync(firstOf(folder), `${text.split('\n').slice(0, 3).join('\n')}\n`)
  eachCase(names.slice(1), (name) => rmSync(join(folder, name)))
  assert.deepEqual((await verifyAudit(folder)).findings, [])
  const cut = await verifyAudit(folder, { heads: [head] })
  assert.equal(cut.ok, false)
  assert.match(cut.findings[0]?.what ?? '', /the noted head .* is not in the log/)
})

test('the checkpoint that a running log tells is the one that is published, and covers what is on disk alone', async (t) => {
  const folder = createFolder(t, {})
  const audit = await openTestLog(folder)
  await audit.ready()
  const { checkpoint, records, newest } = audit.status()
  assert.deepEqual([checkpoint.size, records, newest], [0, 1, 0])
  assert.equal((await verifyAudit(folder)).signed?.size, 0)
  audit.note('activated', { revision: 'r' })
  assert.equal(audit.status().records, 1)
  await audit.close()
  const { signed, findings, unsigned } = await verifyAudit(folder)
  assert.deepEqual([findings, unsigned, signed?.size], [[], 0, 3])
  assert.deepEqual(audit.status().checkpoint, signed)
})

test('a start closes no chain that does not hold where each segment follows the one before', async (t) => {
  const folder = createFolder(t, {})
  const names = writeChain(folder, numbered(20), 3)
  await eachCase(names.slice(1, -2), async (name) => {
    const good = readFileSync(join(folder, name), 'utf8')
    const lines = good.split('\n').slice(0, -1)
    await eachCase(
      Object.entries({
        'its first line': [lines[0]?.replace(/"prev":"./, '"prev":"g') ?? '', ...lines.slice(1)],
        'its last line': lines.slice(0, -1),
        'its number': [lines[0]?.replace(/"seq":\d+/, '"seq":7000') ?? '', ...lines.slice(1)],
        null: ['null', ...lines.slice(1)],
        everything: [],
      }),
      async ([what, bad]) => {
        writeFileSync(join(folder, name), bad.map((line) => `${line}\n`).join(''))
        await assert.rejects(openTestLog(folder), { name: 'AuditError', message: /Keep it as evidence/ }, `${name}, ${what}`)
      },
    )
    rmSync(join(folder, name))
    await assert.rejects(openTestLog(folder), /a segment before it is missing/)
    writeFileSync(join(folder, name), good)
  })
  await (await openTestLog(folder)).close()
  assert.deepEqual((await verifyAudit(folder)).findings, [])
})
