/** Logs that consist of parts: a chain of before, what was closed, and what retention has removed or moved. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { exportLog, openProver, verifyAudit } from '../../src/proof/index.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { copy, decisions, edit } from '../support/tampering.ts'
import { writeTlog } from '../support/tlog-folder.ts'

const whats = ({ findings }: Awaited<ReturnType<typeof verifyAudit>>) =>
  findings.map(({ file, what, isClosed }) => `${file}: ${what}${isClosed ? ' (closed)' : ''}`)

/** A chain as logs were before, in two segments, and what the record that closes it says of it. */
function chainOf(folder: string) {
  let head = hash('sha256', 'sallyport audit log v1')
  const lines = ['{"seq":1,"type":"started"', '{"seq":2,"type":"breaker"', '{"seq":3,"type":"stopped"'].map((start) => {
    const line = `${start},"prev":"${head}"}`
    head = hash('sha256', line)
    return `${line}\n`
  })
  writeFileSync(join(folder, '00000001.jsonl'), lines.slice(0, 2).join(''))
  writeFileSync(join(folder, '00000002.jsonl'), lines.slice(2).join(''))
  return { type: 'migrated', head, records: 3, segments: 2, closed: hash('sha256', lines.join('')) }
}

function migrated(t: TestContext) {
  const folder = createFolder(t)
  const chain = chainOf(folder)
  return { folder, chain, log: writeTlog(folder, { records: [chain, ...decisions(20)] }) }
}

test('a chain of before is verified by itself and by what the log says of it, and a head that was noted is looked for in it', async (t) => {
  const { folder, chain } = migrated(t)
  const found = await verifyAudit(folder, { heads: [chain.head] })
  assert.deepEqual([found.ok, found.records, found.segments, found.noted[0]?.file], [true, 24, 2, '00000002.jsonl'])
  edit(folder, '00000001.jsonl', (bytes) => bytes.toString().replace('breaker', 'Breaker'))
  assert.deepEqual(
    (await verifyAudit(folder)).findings.map(({ file, line }) => `${file}:${line}`),
    ['00000002.jsonl:1', 'wal/00000000000000000000.wal:1'],
  )
  rmSync(join(folder, '00000001.jsonl'))
  assert.equal((await verifyAudit(folder)).ok, false)
  rmSync(join(folder, '00000002.jsonl'))
  const archived = await verifyAudit(folder)
  assert.deepEqual([archived.ok, archived.chain, archived.records], [true, 'archived', 21])
})

test('a chain that is put beside a log which does not continue it is found', async (t) => {
  const folder = createFolder(t)
  writeTlog(folder, { records: decisions(20) })
  chainOf(folder)
  assert.deepEqual(whats(await verifyAudit(folder)), [
    '00000001.jsonl: the first record of the log does not say that it came after this chain',
  ])
})

/** As `find * -type f | LC_ALL=C sort | xargs sha256sum` says it, by these programs themselves. */
const closedHash = (folder: string) =>
  hash('sha256', execFileSync('sh', ['-c', 'find * -type f | LC_ALL=C sort | xargs sha256sum'], { cwd: folder }))

/** A log that was damaged and closed, twice, and the one that came after. */
function continued(t: TestContext): string {
  const folder = createFolder(t)
  const close = (name: string, before: object | null) => {
    const part = join(folder, name)
    writeTlog(part, { records: before === null ? decisions(20) : [before, ...decisions(20)] })
    edit(part, 'wal/00000000000000000000.wal', (bytes) => bytes.toString().replace('"r4"', '"r5"'))
    return { type: 'continued', folder: name, closed: closedHash(part) }
  }
  const first = close('closed-2026-01-01T00-00-00-000Z', null)
  const second = close('closed-2026-02-01T00-00-00-000Z', first)
  writeTlog(folder, { records: [second, ...decisions(20)] })
  return folder
}

test('what was closed is verified too: what is wrong there is marked as closed, and what was changed since is not', async (t) => {
  const folder = continued(t)
  const found = await verifyAudit(folder)
  assert.deepEqual([found.ok, found.closed.map(({ records }) => records)], [false, [20, 21]])
  assert.ok(found.findings.length >= 2 && found.findings.every(({ isClosed, file }) => isClosed && file.startsWith('closed-2026-')))
  const one = 'closed-2026-01-01T00-00-00-000Z'
  const changes: Record<string, () => void> = {
    changed: () => edit(folder, `${one}/checkpoint`, (bytes) => `${bytes}\n`),
    'with a file more': () => copy(folder, `${one}/checkpoint`, `${one}/other`),
  }
  await eachCase(Object.entries(changes), async ([, change]) => {
    const before = readFileSync(join(folder, one, 'checkpoint'))
    change()
    assert.ok(whats(await verifyAudit(folder)).includes(`${one}: was changed since it was closed`))
    writeFileSync(join(folder, one, 'checkpoint'), before)
    rmSync(join(folder, one, 'other'), { force: true })
  })
  renameSync(join(folder, one), join(folder, 'closed-of-another'))
  assert.ok(whats(await verifyAudit(folder)).includes('closed-of-another: no record says that it was closed'))
  rmSync(join(folder, 'closed-of-another'), { recursive: true })
  assert.ok((await verifyAudit(folder)).findings.every(({ isClosed }) => isClosed))
})

/** A log of 1100 records whose bundles below 512 may go. */
function pruned(t: TestContext, to: string | null) {
  const folder = createFolder(t)
  const log = writeTlog(join(folder, 'log'), {
    records: [...decisions(1050), { type: 'pruned', below: 512, to, why: 'age' }, ...decisions(50)],
    walFrom: 1024,
  })
  const archive = join(folder, 'archive')
  const move = (index: string) => {
    mkdirSync(dirname(join(archive, `tile/entries/${index}`)), { recursive: true })
    renameSync(join(log.folder, `tile/entries/${index}`), join(archive, `tile/entries/${index}`))
  }
  return { log, archive, move }
}

test('records that retention has removed are proved by their hashes; beyond what a record says, missing ones are found', async (t) => {
  const { log, move } = pruned(t, null)
  move('000')
  move('001')
  const found = await verifyAudit(log.folder)
  assert.deepEqual([found.findings, found.pruned, found.records], [[], 512, 1101])
  const prover = openProver(log.folder)
  assert.equal(prover.prove(700).index, 700)
  assert.throws(() => prover.prove(3), /record 3 is in no file of the log: it was removed, or moved to an archive/)
  prover.close()
  edit(log.folder, 'tile/0/001', (bytes) => bytes.fill(1, 32, 64))
  assert.deepEqual(
    (await verifyAudit(log.folder)).findings.map(({ file }) => file),
    ['tile/0/001'],
  )
  move('002')
  assert.ok(
    whats(await verifyAudit(log.folder)).includes(
      'tile/entries/002: records 512 to 767 of 1101 are missing, and no record says that they were removed',
    ),
  )
})

test('records in the archive are verified and proved there, and one that is missing or changed there is found', async (t) => {
  const { log, archive, move } = pruned(t, 'archive')
  move('000')
  move('001')
  const found = await verifyAudit(log.folder, { archive })
  assert.deepEqual([found.findings, found.pruned, found.archived], [[], 0, 512])
  const prover = openProver(log.folder, { archive })
  assert.equal(prover.prove(3).record.toString(), log.lines[3])
  prover.close()
  const whole = join(dirname(archive), 'whole')
  assert.deepEqual(exportLog(log.folder, whole, { archive }).missing, 0)
  assert.deepEqual((await verifyAudit(whole)).findings, [])
  assert.equal(exportLog(log.folder, `${whole}-less`).missing, 512)
  assert.deepEqual((await verifyAudit(`${whole}-less`)).pruned, 512)
  edit(archive, 'tile/entries/001', (bytes) => bytes.fill('x', 100, 101))
  assert.equal((await verifyAudit(log.folder, { archive })).findings[0]?.file, join(archive, 'tile/entries/001'))
  rmSync(join(archive, 'tile/entries/001'))
  assert.deepEqual(whats(await verifyAudit(log.folder, { archive })), [
    `tile/entries/001: records 256 to 511 are not in the archive ${archive}`,
  ])
})

test('what was removed before there was an archive is not missed in it', async (t) => {
  const folder = createFolder(t)
  const said = [
    { type: 'pruned', below: 256, why: 'age' },
    { type: 'pruned', below: 512, to: 'archive', why: 'age' },
  ]
  const log = writeTlog(join(folder, 'log'), { records: [...decisions(1050), ...said, ...decisions(50)], walFrom: 1024 })
  eachCase(['000', '001'], (index) => rmSync(join(log.folder, `tile/entries/${index}`)))
  const archive = join(folder, 'archive')
  assert.deepEqual((await verifyAudit(log.folder)).findings, [])
  assert.deepEqual(whats(await verifyAudit(log.folder, { archive })), [
    `tile/entries/001: records 256 to 511 are not in the archive ${archive}`,
  ])
})
