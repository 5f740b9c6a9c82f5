/** A log that broke is closed and continued by a command, and nothing of that can be hidden later. */

import assert from 'node:assert/strict'
import { appendFileSync, copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openAudit } from '../../src/audit/audit.ts'
import { continueAudit } from '../../src/audit/continue.ts'
import type { AccessRequest, Arrival, Claim } from '../../src/core/index.ts'
import { lockFolder } from '../../src/files/folder-lock.ts'
import { verifyAudit } from '../../src/proof/index.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { createFolder } from '../support/folder.ts'
import { createInstallation, main } from '../support/installation.ts'

const mask = { text: (text: string) => text, query: (query: string) => query, of: () => mask }
const decision = { allow: true, rule: 'r', capability: null, reasons: [], obligations: {}, revision: 'r' }
const request = { kind: 'http', action: 'GET', identity: 'token', integration: { name: 'weather' } } as AccessRequest
const told = { reason: 'two gateways\u2028wrote', by: 'uid 0' }

async function record(folder: string, from: string, count: number): Promise<void> {
  const audit = openAudit({ folder, maxSegmentBytes: 1024, durability: 'reply', version: 'test', mask, onBroken: () => {} })
  for (let index = 0; index < count; index += 1) {
    const entry = audit.open({ id: `${from}${index}`, door: 'proxy', peer: '127.0.0.1' } as Arrival)
    entry.decided(request, { subject: { path: '/' } } as unknown as Claim, decision)
    await entry.durable()
  }
  await audit.close()
}

const segmentsOf = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.jsonl'))

/** As two gateways leave it: each has gone on from the same record, in the same segment. */
async function brokenByTwo(t: TestContext): Promise<string> {
  const folder = createFolder(t, {})
  await record(folder, 'a', 7)
  const last = join(folder, segmentsOf(folder).at(-1) ?? '')
  copyFileSync(last, `${last}.before`)
  await record(folder, 'b', 1)
  const first = readFileSync(last, 'utf8')
  copyFileSync(`${last}.before`, last)
  await record(folder, 'c', 1)
  appendFileSync(last, first.slice(readFileSync(`${last}.before`).byteLength))
  appendFileSync(last, '{"seq":')
  rmSync(`${last}.before`)
  return folder
}

const start = (folder: string, from = 'd') => record(folder, from, 9)

test('a log that two gateways wrote to is closed, continued and started again', async (t) => {
  const folder = await brokenByTwo(t)
  await assert.rejects(start(folder), /the chain is broken here: .* or two gateways wrote to it.*sallyport audit continue/)
  const { file, findings, firstFinding } = await continueAudit(folder, told)
  assert.ok(findings > 0)
  await start(folder)
  await start(folder, 'e')
  const { ok, findings: all } = await verifyAudit(folder)
  assert.deepEqual([ok, all.every(({ isClosed }) => isClosed)], [false, true])
  const [line = ''] = readFileSync(join(folder, file), 'utf8').split('\n')
  const { type, by, reason, firstFinding: recorded } = JSON.parse(line) as Record<string, unknown>
  assert.deepEqual({ type, by, reason, recorded }, { type: 'continued', ...told, recorded: firstFinding })
  assert.doesNotMatch(line, /\u2028/)
  await assert.rejects(continueAudit(folder, told), /there is nothing to close/)
})

test('a segment that was closed cannot be changed unnoticed, nor can one behind it', async (t) => {
  const folder = await brokenByTwo(t)
  const { file } = await continueAudit(folder, told)
  await start(folder)
  await eachCase(segmentsOf(folder).slice(0, -1), async (name) => {
    const path = join(folder, name)
    const good = readFileSync(path, 'utf8')
    writeFileSync(path, good.replace('"type":"decided"', '"type":"Decided"').replace('"type":"continued"', '"type":"c"'))
    const { findings } = await verifyAudit(folder)
    assert.ok(
      findings.some(({ isClosed }) => !isClosed),
      `${name}, continued in ${file}`,
    )
    writeFileSync(path, good)
  })
})

test('a log whose last segment has no whole record is continued in it', async (t) => {
  const folder = createFolder(t, { '00000001.jsonl': 'null\n', '00000002.jsonl': '{"seq":' })
  const { file } = await continueAudit(folder, told)
  assert.equal(file, '00000002.jsonl')
  await start(folder)
  assert.ok((await verifyAudit(folder)).findings.every(({ isClosed }) => isClosed))
})

test('missing segments are closed as well', async (t) => {
  const folder = createFolder(t, {})
  await record(folder, 'a', 12)
  rmSync(join(folder, '00000002.jsonl'))
  await assert.rejects(start(folder), /a segment before it is missing/)
  await continueAudit(folder, told)
  await start(folder)
  assert.ok((await verifyAudit(folder)).findings.every(({ isClosed }) => isClosed))
})

test('the log of a gateway that runs is not touched', async (t) => {
  const folder = await brokenByTwo(t)
  const unlock = lockFolder(folder)
  const before = segmentsOf(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
  await assert.rejects(continueAudit(folder, told), { name: 'FolderLockError' })
  assert.deepEqual(
    segmentsOf(folder).map((name) => readFileSync(join(folder, name), 'utf8')),
    before,
  )
  unlock()
})

test('the command says what it closed, verify goes on saying so, and doctor warns', async (t) => {
  const installation = createInstallation(t, { config: `audit: { folder: ${await brokenByTwo(t)} }` })
  const run = (...words: string[]) => command(process.execPath, ['--no-warnings', main, ...words, '--config', installation.configFile])
  assert.match((await run('doctor')).stdout, /^FAIL {2}audit log .*close it by "sallyport audit continue"/m)
  assert.equal((await run('audit', 'continue')).code, 64)
  const done = await run('audit', 'continue', '--reason', 'two gateways')
  assert.deepEqual([done.code, done.stderr], [0, ''])
  assert.match(done.stdout, /^closed with \d+ findings \(.*\), and continued in \d{8}\.jsonl; nothing was removed\n$/)
  assert.equal((await run('audit', 'continue', '--reason', 'again')).code, 1)
  const verified = await run('audit', 'verify')
  assert.equal(verified.code, 1)
  assert.match(verified.stdout, /\(closed by "audit continue"\)/)
  const accepted = await run('audit', 'verify', '--accept-closed')
  assert.equal(accepted.code, 0)
  assert.match(accepted.stdout, /^OK: .* since the log was last closed; what was found before:/)
  assert.match((await run('audit', 'tail')).stdout, /CONTINUED .*reason=two gateways/)
  assert.match((await run('doctor')).stdout, /^warn {2}audit log /m)
})
