/** A log of the gateway's own writer, verified, proved and copied while it is written, over restarts and rotations. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { verifyAudit } from '../../src/proof/index.ts'
import { eachCase, times } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { edit, filesOf } from '../support/tampering.ts'
import { openTestLog } from '../support/test-log.ts'

/** In a thread of its own, so that the log goes on in between; gives what was ever wrong. */
function verifyMeanwhile(folder: string): { stop: () => void; wrong: Promise<readonly string[]> } {
  const worker = new Worker(new URL('../support/verify-worker.ts', import.meta.url), {
    workerData: { folder },
    execArgv: ['--no-warnings'],
  })
  const wrong = new Promise<readonly string[]>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  return { stop: () => worker.postMessage('stop'), wrong }
}

test('nothing is wrong with a log that is being written, at any moment', async (t) => {
  const folder = join(createFolder(t), 'log')
  const open = () => openTestLog(folder, { maxSegmentBytes: 32 * 1024 })
  let audit = await open()
  await audit.ready()
  const { stop, wrong } = verifyMeanwhile(folder)
  await times(3, async (round) => {
    await times(60, async () => {
      await times(20, (nth) => audit.note('breaker', { integration: 'weather', origin: 'x'.repeat(nth * 20), state: 'open' }))
      await audit.noted()
    })
    await audit.close()
    audit = await open()
    assert.ok(round < 3)
  })
  await audit.close()
  stop()
  assert.deepEqual(await wrong, [])
  const { findings, records, unsigned, signed } = await verifyAudit(folder)
  assert.deepEqual([findings, unsigned, signed?.size], [[], 0, records])
  assert.ok(records > 3600)
})

test('a log of the gateway’s writer that is changed in any file is found there', async (t) => {
  const folder = join(createFolder(t), 'log')
  const audit = await openTestLog(folder, { maxSegmentBytes: 32 * 1024 })
  await times(600, () => audit.note('breaker', { integration: 'weather', origin: 'api.example.com', state: 'open' }))
  await audit.close()
  const files = filesOf(folder).filter((name) => !name.startsWith('gateway.') && readFileSync(join(folder, name)).byteLength > 0)
  assert.ok(files.length > 8)
  await eachCase(files, async (file) => {
    const before = readFileSync(join(folder, file))
    const middle = Math.floor(before.byteLength / 2)
    edit(folder, file, (bytes) => bytes.fill((bytes[middle] ?? 0) ^ 1, middle, middle + 1))
    const { findings } = await verifyAudit(folder)
    assert.equal(findings[0]?.file, file, JSON.stringify(findings.slice(0, 3)))
    edit(folder, file, () => before)
  })
  assert.deepEqual((await verifyAudit(folder)).findings, [])
})
