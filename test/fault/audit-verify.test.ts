/** What verifies a log, and what a start looks at, against everything that can stand in a line. */

import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openAudit } from '../../src/audit/audit.ts'
import type { AccessRequest, Arrival, Claim } from '../../src/core/index.ts'
import { verifyAudit } from '../../src/proof/index.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'

const mask = { text: (text: string) => text, query: (query: string) => query, of: () => mask }
const decision = { allow: true, rule: 'r', capability: null, reasons: [], obligations: {}, revision: 'r' }
const request = { kind: 'http', action: 'GET', identity: 'token', integration: { name: 'weather' } } as AccessRequest

function open(folder: string, maxSegmentBytes = 1e9) {
  return openAudit({ folder, maxSegmentBytes, durability: 'reply', version: 'test', mask, onBroken: () => {} })
}

async function record(folder: string, paths: readonly string[], maxSegmentBytes?: number): Promise<void> {
  const audit = open(folder, maxSegmentBytes)
  for (const [index, path] of paths.entries()) {
    const entry = audit.open({ id: `${encodeURIComponent(path)}-${index}`, door: 'proxy', peer: '127.0.0.1' } as Arrival)
    entry.decided(request, { subject: { path } } as unknown as Claim, decision)
    await entry.durable()
  }
  await audit.close()
}

/** A log of small segments, and their names. */
async function recordSegments(folder: string, count: number): Promise<readonly string[]> {
  await record(
    folder,
    Array.from({ length: count }, (_, index) => `/${index}`),
    1024,
  )
  return readdirSync(folder).filter((name) => name.endsWith('.jsonl'))
}

const firstOf = (folder: string) => join(folder, '00000001.jsonl')
const pathOf = (line: string) => (JSON.parse(line) as { subject?: { path: string } }).subject?.path

test('a record is one line whatever its path holds, and the log verifies', async (t) => {
  const folder = createFolder(t, {})
  const odd = ['\u2028', '\u2029', '\u0085', '\r', '\r\n', '\n', '\0', '\ufeff', '\u202e', '\u009b', '"', '\\', '\\u2028', '\u{e0001}']
  await record(folder, odd)
  assert.deepEqual((await verifyAudit(folder)).findings, [])
  const text = readFileSync(firstOf(folder), 'utf8')
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
  const names = await recordSegments(folder, 6)
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
  await record(folder, ['/a', '/b'])
  const { head } = await verifyAudit(folder)
  await record(folder, ['/c'], 1024)
  const later = await verifyAudit(folder, { heads: [head] })
  assert.deepEqual([later.ok, later.noted], [true, [{ head, file: '00000001.jsonl', line: 4 }]])
  const text = readFileSync(firstOf(folder), 'utf8')
  writeFileSync(firstOf(folder), `${text.split('\n').slice(0, 3).join('\n')}\n`)
  const segments = readdirSync(folder).filter((name) => name > '00000002')
  eachCase(segments, (name) => rmSync(join(folder, name)))
  assert.deepEqual((await verifyAudit(folder)).findings, [])
  const cut = await verifyAudit(folder, { heads: [head] })
  assert.equal(cut.ok, false)
  assert.match(cut.findings[0]?.what ?? '', /the noted head .* is not in the log/)
})

test('the head of a log that is being written is on disk', async (t) => {
  const folder = createFolder(t, {})
  const audit = open(folder)
  await audit.ready()
  const before = audit.status().head
  assert.equal((await verifyAudit(folder)).head, before)
  audit.note('activated', { revision: 'r' })
  assert.equal(audit.status().head, before)
  await audit.close()
})

test('a start verifies the chain where each segment follows the one before', async (t) => {
  const folder = createFolder(t, {})
  const names = await recordSegments(folder, 20)
  assert.ok(names.length > 4)
  eachCase(names.slice(1, -2), (name) => {
    const good = readFileSync(join(folder, name), 'utf8')
    const lines = good.split('\n').slice(0, -1)
    eachCase(
      Object.entries({
        'its first line': [lines[0]?.replace(/"prev":"./, '"prev":"g') ?? '', ...lines.slice(1)],
        'its last line': lines.slice(0, -1),
        'its number': [lines[0]?.replace(/"seq":\d+/, '"seq":7000') ?? '', ...lines.slice(1)],
        null: ['null', ...lines.slice(1)],
        everything: [],
      }),
      ([what, bad]) => {
        writeFileSync(join(folder, name), bad.map((line) => `${line}\n`).join(''))
        assert.throws(() => open(folder), { name: 'AuditError', message: /Keep it as evidence/ }, `${name}, ${what}`)
      },
    )
    rmSync(join(folder, name))
    assert.throws(() => open(folder), /a segment before it is missing/)
    writeFileSync(join(folder, name), good)
  })
  await open(folder).close()
  assert.deepEqual((await verifyAudit(folder)).findings, [])
})
