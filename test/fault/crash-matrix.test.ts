/** The log's writer is killed at each call that it makes of the file system, or that call fails: nothing acknowledged is lost, and no checkpoint is wrong. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyAudit } from '../../src/proof/index.ts'
import { CrashingFile, type CrashKind, crashKinds } from '../support/crashing-file.ts'
import { createFolder } from '../support/folder.ts'
import { recordsIn } from '../support/log-records.ts'
import { servedOutcome } from '../support/outcome.ts'
import { arrival, claimOf, decision, openTestLog, recordPaths, request } from '../support/test-log.ts'

const crashes = Number(process.env['SALLYPORT_AUDIT_CRASHES'] ?? 60)
const maxSegmentBytes = 24_000
const claim = claimOf({ path: '/v1/items' })

interface Crash {
  readonly at: number
  readonly kind: CrashKind
}

/** Goes on with a log, in groups, until the crash or for so many records, and closes it where it can; ids of what was acknowledged. */
async function recordUntil(folder: string, file: CrashingFile, count: number): Promise<readonly string[]> {
  const acknowledged: string[] = []
  const record = async () => {
    const audit = await openTestLog(folder, { file, maxSegmentBytes, lock: () => () => {} })
    for (let nth = 0; nth < count && !file.isKilled && !audit.status().broken; nth += 16) {
      const group = Array.from({ length: 16 }, async (_, at) => {
        const id = `c${nth + at}`
        const entry = audit.open(arrival(id))
        entry.decided(request, claim, decision)
        await entry.durable()
        acknowledged.push(id)
        entry.settled({ ...servedOutcome, sentBytes: 0, receivedBytes: 1, durationMs: 1 })
      })
      await Promise.allSettled(group)
      // The tree is behind the replies.
      for (let turns = nth % 5; turns > 0; turns -= 1) await new Promise(setImmediate)
    }
    await audit.close()
  }
  const recording = record()
  // A start that fails, or that a call fails, says so.
  recording.catch(() => {})
  await Promise.race([recording.catch(() => {}), file.crashed.promise.then(() => (file.isKilled ? undefined : recording.catch(() => {})))])
  file.closeAll()
  return acknowledged
}

async function crashOnce(before: string, folder: string, { at, kind }: Crash): Promise<string> {
  cpSync(before, folder, { recursive: true })
  const file = new CrashingFile(at, kind)
  const acknowledged = await recordUntil(folder, file, 320)
  const place = `call ${at} (${file.hit ?? 'none'}) ${kind}`
  const crashed = await verifyAudit(folder)
  assert.deepEqual(crashed.findings, [], place)
  const checkpoint = readFileSync(join(folder, 'checkpoint'))
  await recordPaths(folder, [`/behind-${at}`], { maxSegmentBytes })
  const after = await verifyAudit(folder, { checkpoints: [{ name: 'before', bytes: checkpoint }] })
  assert.deepEqual([after.findings, after.unsigned], [[], 0], place)
  const text = recordsIn(folder).join('\n')
  assert.deepEqual(
    acknowledged.filter((id) => !text.includes(`"type":"decided","id":"${id}"`)),
    [],
    `${place}: acknowledged, and not recorded`,
  )
  rmSync(folder, { recursive: true })
  return file.hit ?? 'none'
}

test('killed at any call of the writer, or with any call failing, no acknowledged record is lost and no checkpoint is wrong', async (t) => {
  const before = createFolder(t)
  // Two records in front of a full bundle, so that every kind of file is written soon.
  await recordPaths(
    before,
    Array.from({ length: 120 }, (_, nth) => `/${nth}`),
    { maxSegmentBytes },
  )
  const scratch = join(createFolder(t), 'log')
  const whole = new CrashingFile(0, 'failed')
  cpSync(before, scratch, { recursive: true })
  await recordUntil(scratch, whole, 320)
  rmSync(scratch, { recursive: true })
  const hits = new Map<string, number>()

  async function run(): Promise<void> {
    for (let nth = 0; nth < crashes; nth += 1) {
      const way = nth % crashKinds.length
      const kind = crashKinds[way] as CrashKind
      // Each way comes to every call in turn, and a short run to calls of all files.
      const at = 1 + ((Math.floor(nth / crashKinds.length) * 61 + way * 17) % whole.calls)
      const hit = await crashOnce(before, scratch, { at, kind })
      hits.set(hit, (hits.get(hit) ?? 0) + 1)
    }
  }

  await run()
  t.diagnostic(`${crashes} crashes over ${whole.calls} calls: ${JSON.stringify(Object.fromEntries(hits))}`)
  assert.ok(hits.size >= 7, 'calls of all kinds were hit')
})
