/** Retention: what goes is recorded first, stays provable, and is whole in the log or in the archive wherever it is interrupted. */
import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { HeldError, type Pruned } from '../../src/audit/retention/index.ts'
import { openProver, verifyAudit } from '../../src/proof/index.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { createFolder } from '../support/folder.ts'
import { bundlesIn, retentionOf, writeKeptLog } from '../support/kept-log.ts'

const secondMs = 1000
/** When a retention looks: the newest record of bundle 1 is 513 s old, that of bundle 2 257 s. */
const now = () => Date.UTC(2026, 0, 1) + (4 * 256 - 1 + 1) * secondMs
const nothing = { forMs: null, bytes: null }

test('bundles go whose newest record is older than is kept, the log verifies, and what is left is proved', async (t) => {
  const folder = createFolder(t)
  writeKeptLog(folder)
  const retention = retentionOf(folder, { keep: { forMs: 300 * secondMs, bytes: null }, wallClock: now })
  assert.equal(await retention.look(), 2 * 256)
  assert.deepEqual(bundlesIn(folder), [2, 3])
  const { ok, findings, pruned, records } = await verifyAudit(folder)
  assert.deepEqual([ok, findings, pruned, records], [true, [], 512, 4 * 256 + 11])
  const prover = openProver(folder)
  t.after(() => prover.close())
  assert.equal(prover.prove(600).index, 600)
  assert.equal(await retention.look(), 0)
})

test('bundles go until what is left is no larger than keep.size', async (t) => {
  const folder = createFolder(t)
  writeKeptLog(folder)
  const said: Pruned[] = []
  const record = async (pruned: Pruned) => void said.push(pruned)
  const retention = retentionOf(folder, { keep: { forMs: null, bytes: 100_000 }, record })
  assert.equal(await retention.look(), 2 * 256)
  assert.deepEqual(bundlesIn(folder), [2, 3])
  assert.deepEqual(said, [{ below: 512, why: 'beyond 100000 bytes' }])
})

test('what a sink has not taken stays for twice as long, and no longer', async (t) => {
  const folder = createFolder(t)
  writeKeptLog(folder)
  const keep = { forMs: 200 * secondMs, bytes: null }
  await retentionOf(folder, { keep, wallClock: now, wanted: () => 300 }).look()
  assert.deepEqual(bundlesIn(folder), [2, 3])
  const other = createFolder(t)
  writeKeptLog(other)
  await retentionOf(other, { keep: { ...keep, forMs: 300 * secondMs }, wallClock: now, wanted: () => 300 }).look()
  assert.deepEqual(bundlesIn(other), [1, 2, 3])
})

test('a legal hold keeps its records and all behind them, also one that begins while the removal is recorded', async (t) => {
  const [folder, archive] = [createFolder(t), createFolder(t)]
  writeKeptLog(folder)
  const keep = { forMs: 1, bytes: null }
  assert.equal(await retentionOf(folder, { keep, heldFrom: () => 0 }).look(), 0)
  await assert.rejects(retentionOf(folder, { heldFrom: () => 511 }).archive({ below: 512 }, archive, 'by hand'), HeldError)
  const held = [null, 0]
  assert.equal(await retentionOf(folder, { keep, heldFrom: () => held.shift() ?? 0 }).look(), 0)
  assert.deepEqual(bundlesIn(folder), [0, 1, 2, 3])
  assert.equal(await retentionOf(folder, { keep, heldFrom: () => 300 }).look(), 256)
  assert.deepEqual(bundlesIn(folder), [1, 2, 3])
})

test('nothing goes where it cannot be recorded, and what no write-ahead file holds yet never does', async (t) => {
  const [folder, archive] = [createFolder(t), createFolder(t)]
  writeKeptLog(folder)
  const record = () => Promise.reject(new Error('the disk is full'))
  await assert.rejects(retentionOf(folder, { record }).archive({ below: 512 }, archive, 'by hand'), /the disk is full/)
  assert.deepEqual(bundlesIn(folder), [0, 1, 2, 3])
  assert.equal(await retentionOf(folder).archive({ below: 1_000_000 }, archive, 'by hand'), 4 * 256)
  assert.equal((await verifyAudit(folder)).ok, true)
  assert.equal(await retentionOf(folder, { keep: nothing }).look(), 0)
})

test('killed before each change of a file, a log verifies with its archive, and the next one goes on', async (t) => {
  const log = createFolder(t)
  writeKeptLog(log)
  // The record, and two changes for each of two bundles; then it comes to its end.
  await eachCase([1, 2, 3, 4, 5, 6], async (step) => {
    const folder = createFolder(t)
    const archive = join(folder, 'archive')
    cpSync(log, join(folder, 'log'), { recursive: true })
    const process_ = [join(import.meta.dirname, '../support/retention-process.ts'), join(folder, 'log'), archive]
    const killed = await command(process.execPath, ['--no-warnings', ...process_, String(step)])
    assert.equal(killed.stdout, step === 6 ? 'done\n' : '', killed.stderr)
    const verified = await verifyAudit(join(folder, 'log'), { archive })
    assert.deepEqual([verified.ok, verified.findings, verified.records >= 4 * 256 + 10], [true, [], true])
    assert.equal((await command(process.execPath, ['--no-warnings', ...process_, '1000'])).stdout, 'done\n')
    assert.deepEqual(bundlesIn(join(folder, 'log')), [2, 3])
    assert.deepEqual(bundlesIn(archive), [0, 1])
    const { ok, archived } = await verifyAudit(join(folder, 'log'), { archive })
    assert.deepEqual([ok, archived], [true, 512])
    assert.equal((await verifyAudit(join(folder, 'log'))).ok, true)
  })
})
