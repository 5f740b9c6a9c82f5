/** A log that does not hold is closed and a new one begun by a command, and nothing of that can be hidden later. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { continueAudit } from '../../src/audit/continue.ts'
import { signerFrom } from '../../src/audit/index.ts'
import { lockFolder } from '../../src/files/folder-lock.ts'
import { verifyAudit } from '../../src/proof/index.ts'
import { eachCase } from '../support/cases.ts'
import { decidedOn, writeChain } from '../support/chain-folder.ts'
import { command } from '../support/command.ts'
import { createFolder } from '../support/folder.ts'
import { createInstallation, main } from '../support/installation.ts'
import { recordsIn, walNames } from '../support/log-records.ts'
import { recordPaths, signer } from '../support/test-log.ts'

const told = { reason: 'two gateways\u2028wrote', by: 'uid 0' }
const paths = Array.from({ length: 9 }, (_, index) => `/${index}`)
const close = (folder: string) => continueAudit(folder, { signer, findings: async () => [], ...told })
const start = (folder: string) => recordPaths(folder, paths, { maxSegmentBytes: 1024 })
const firstRecord = (folder: string) => JSON.parse(recordsIn(folder)[0] ?? '') as Record<string, unknown>

/** As two gateways leave it: each has gone on from the same record, in the same file. */
async function brokenByTwo(t: TestContext): Promise<string> {
  const folder = createFolder(t, {})
  await start(folder)
  const copy = createFolder(t, {})
  cpSync(folder, copy, { recursive: true })
  await recordPaths(folder, ['/b'])
  await recordPaths(copy, ['/c'])
  const last = walNames(folder).at(-1) ?? ''
  const [own, other] = [folder, copy].map((of) => readFileSync(join(of, 'wal', last), 'utf8')) as [string, string]
  writeFileSync(join(folder, 'wal', last), `${own}${other.split('\n').slice(-4).join('\n')}00000000 {"seq":`)
  return folder
}

test('a log that two gateways wrote to is closed, a new one begun, and that started', async (t) => {
  const folder = await brokenByTwo(t)
  await assert.rejects(
    start(folder),
    /wal\/\d{20}\.wal:\d+: record \d+ is where record \d+ should be: two gateways wrote.*sallyport audit continue/,
  )
  const { folder: closed, findings } = await close(folder)
  assert.match(findings[0] ?? '', /two gateways wrote/)
  await start(folder)
  await recordPaths(folder, ['/z'])
  const { ok, findings: all } = await verifyAudit(folder)
  assert.deepEqual([ok, all.filter(({ isClosed }) => !isClosed)], [false, []])
  const { type, by, reason, firstFinding, folder: named, checkpoint } = firstRecord(folder)
  assert.deepEqual({ type, by, reason, firstFinding, named }, { type: 'continued', ...told, firstFinding: findings[0], named: closed })
  assert.match((checkpoint as { origin: string }).origin, /^sallyport\//)
  assert.doesNotMatch(recordsIn(folder)[0] ?? '', /\u2028/)
  await assert.rejects(close(folder), /there is nothing to close/)
})

test('what was closed is what its record says, checked by hand with sha256sum', async (t) => {
  const folder = await brokenByTwo(t)
  const { folder: closed } = await close(folder)
  const byHand = 'find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum'
  const sum = () => execFileSync('sh', ['-c', byHand], { cwd: join(folder, closed), encoding: 'utf8' }).slice(0, 64)
  assert.equal(firstRecord(folder)['closed'], sum())
  appendFileSync(join(folder, closed, 'wal', walNames(join(folder, closed))[0] ?? ''), ' ')
  assert.notEqual(firstRecord(folder)['closed'], sum())
})

for (const moment of ['nothing', 'the old files', 'the new write-ahead file', 'all but the folder'] as const)
  test(`a command that was interrupted once ${moment} had moved is finished by the next, and until then nothing starts`, async (t) => {
    const folder = await brokenByTwo(t)
    const { folder: closed } = await close(folder)
    const begun = join(folder, closed.replace('closed', 'continuing'))
    const back = (from: string, to: string, names: readonly string[]) => {
      mkdirSync(to, { recursive: true })
      eachCase(names, (name) => renameSync(join(from, name), join(to, name)))
    }
    const isNew = { nothing: 3, 'the old files': 3, 'the new write-ahead file': 2, 'all but the folder': 0 }[moment]
    back(folder, begun, ['checkpoint', 'verifier-key', 'wal'].slice(0, isNew))
    back(join(folder, closed), folder, moment === 'nothing' ? readdirSync(join(folder, closed)) : [])
    await assert.rejects(start(folder), /"sallyport audit continue" was interrupted: run it again/)
    assert.equal((await close(folder)).folder, closed)
    await start(folder)
    assert.ok((await verifyAudit(folder)).findings.every(({ isClosed }) => isClosed))
    assert.equal(firstRecord(folder)['type'], 'continued')
  })

test('a chain that broke is closed as well', async (t) => {
  const folder = createFolder(t, {})
  writeChain(folder, decidedOn(paths), 3)
  rmSync(join(folder, '00000002.jsonl'))
  await assert.rejects(start(folder), /a segment before it is missing/)
  const { folder: closed } = await close(folder)
  await start(folder)
  assert.ok(readdirSync(join(folder, closed)).includes('00000003.jsonl'))
  assert.ok((await verifyAudit(folder)).findings.every(({ isClosed }) => isClosed))
})

test('a log whose key is lost is closed, and a new key signs what follows', async (t) => {
  const folder = createFolder(t, {})
  const key = join(createFolder(t), 'audit.key')
  const ofFile = signerFrom({ file: key })
  await recordPaths(folder, ['/a'], { signer: ofFile })
  rmSync(key)
  await assert.rejects(recordPaths(folder, ['/b'], { signer: ofFile }), /the key of the audit log is missing \(.*audit\.key\)/)
  const { findings } = await continueAudit(folder, { signer: ofFile, findings: async () => [], ...told })
  assert.match(findings[0] ?? '', /the key of the audit log is missing/)
  assert.equal((firstRecord(folder)['checkpoint'] as { size: number }).size, 3)
  await recordPaths(folder, ['/c'], { signer: ofFile })
  assert.deepEqual((await verifyAudit(folder)).findings, [])
})

test('what another check finds is closed too, and what nobody finds is not', async (t) => {
  const folder = createFolder(t, {})
  await assert.rejects(close(folder), /there is no audit log in/)
  await recordPaths(folder, ['/a'])
  await assert.rejects(close(folder), /there is nothing to close/)
  const findings = async () => ['tile/0/000 is not the hash of what it stands for']
  assert.deepEqual((await continueAudit(folder, { signer, findings, ...told })).findings, await findings())
})

test('the log of a gateway that runs is not touched', async (t) => {
  const folder = await brokenByTwo(t)
  const unlock = lockFolder(folder)
  const before = readdirSync(folder, { recursive: true })
  await assert.rejects(close(folder), { name: 'FolderLockError' })
  assert.deepEqual(readdirSync(folder, { recursive: true }), before)
  unlock()
})

test('the command says what it closed, verify goes on saying so, and doctor warns', async (t) => {
  const log = await brokenByTwo(t)
  const installation = createInstallation(t, { config: `audit: { folder: ${log} }` })
  const run = (...words: string[]) => command(process.execPath, ['--no-warnings', main, ...words, '--config', installation.configFile])
  mkdirSync(join(installation.folder, 'state'), { mode: 0o700 })
  assert.match((await run('doctor')).stdout, /^FAIL {2}audit log .*close it by "sallyport audit continue"/m)
  assert.equal((await run('audit', 'continue')).code, 64)
  const done = await run('audit', 'continue', '--reason', 'two gateways')
  assert.deepEqual([done.code, done.stderr], [0, ''])
  assert.match(done.stdout, /^closed with \d+ findings \(.*\), and moved to closed-[-0-9TZ]+; nothing was removed\n$/)
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
