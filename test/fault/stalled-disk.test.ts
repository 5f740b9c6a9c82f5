/** A disk that takes nothing for a while, or forever: one integration does not hold the others, callers hear of it, and nothing that was promised is lost. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { realFile } from '../../src/audit/append-file.ts'
import type { AppendFile } from '../../src/audit/index.ts'
import type { AccessRequest } from '../../src/core/index.ts'
import { verifyAudit } from '../../src/proof/index.ts'
import { readAudit } from '../../src/records/index.ts'
import { all, times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { servedOutcome } from '../support/outcome.ts'
import { arrival, claimOf, decision, openTestLog } from '../support/test-log.ts'

/** A file whose writes wait while it is stalled. */
class StallingFile implements AppendFile {
  readonly open = realFile.open
  readonly sync = realFile.sync
  readonly size = realFile.size
  readonly close = realFile.close
  readonly whole = realFile.whole
  readonly waiting: (() => void)[] = []
  isStalled = false

  write(...call: Parameters<AppendFile['write']>): void {
    if (this.isStalled) this.waiting.push(() => realFile.write(...call))
    else realFile.write(...call)
  }

  goOn(): void {
    this.isStalled = false
    for (const write of this.waiting.splice(0)) write()
  }
}

const long = claimOf({ host: 'x'.repeat(4096), path: 'y'.repeat(4096) })
const of = (name: string) => ({ kind: 'http', action: 'GET', identity: 'token', integration: { name } }) as AccessRequest

async function open(t: TestContext, file: AppendFile, stallMs = 30_000) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-audit-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const stalls: boolean[] = []
  const audit = await openTestLog(folder, { file, stallMs, onStalled: (isStalled) => stalls.push(isStalled) })
  return { folder, audit, stalls }
}

test('an integration that has filled its share of the queue waits, and the others do not', async (t) => {
  const file = new StallingFile()
  const { audit, folder } = await open(t, file)
  await audit.ready()
  file.isStalled = true
  let count = 0
  const record = (name: string) => {
    count += 1
    audit.open(arrival(`${name}${count}`)).decided(of(name), long, decision)
  }
  record('first')
  await eventually('a write is under way', () => file.waiting.length === 1)
  times(3000, () => audit.behind('greedy') ?? record('greedy'))
  assert.notEqual(audit.behind('greedy'), null)
  assert.equal(audit.behind('modest'), null)
  // The next one that floods has half of what is left, and the third still finds room.
  times(3000, () => audit.behind('second') ?? record('second'))
  assert.notEqual(audit.behind('second'), null)
  assert.equal(audit.behind('modest'), null)
  assert.equal(audit.behind(null), null)
  const caughtUp = audit.behind('greedy')
  file.goOn()
  await caughtUp
  await audit.close()
  assert.equal((await verifyAudit(folder)).ok, true)
})

test('a disk that takes nothing for long is said to those who wait, keeps new effects from beginning, and is used again when it comes back', async (t) => {
  const file = new StallingFile()
  const { audit, folder, stalls } = await open(t, file, 200)
  await audit.ready()
  // A real disk that is busy may have taken as long by itself.
  await eventually('the disk takes records', () => !audit.status().stalled)
  stalls.length = 0
  file.isStalled = true
  const waiting = audit.open(arrival('a'))
  waiting.decided(of('weather'), long, decision)
  await assert.rejects(async () => waiting.durable(), { code: 'audit-unavailable' })
  assert.deepEqual([audit.status().stalled, audit.status().broken, stalls], [true, false, [true]])
  assert.throws(() => audit.open(arrival('b')).decided(of('weather'), long, decision), { code: 'audit-unavailable' })
  assert.equal(audit.behind('weather'), null)
  waiting.settled({ ...servedOutcome, status: 503 })
  file.goOn()
  await eventually('the disk is used again', () => !audit.status().stalled)
  const after = audit.open(arrival('c'))
  after.decided(of('weather'), long, decision)
  await after.durable()
  await audit.close()
  assert.deepEqual(stalls.slice(0, 2), [true, false])
  assert.equal((await verifyAudit(folder)).ok, true)
  const kept = (await all(readAudit(folder))) as { type: string; id?: string }[]
  assert.deepEqual(
    kept.slice(1, 4).map(({ type, id }) => [type, id]),
    [
      ['decided', 'a'],
      ['settled', 'a'],
      ['decided', 'c'],
    ],
  )
})
