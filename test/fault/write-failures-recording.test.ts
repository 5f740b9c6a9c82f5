/** What records, thousands of times with a disk that fails at any moment of a request: no reply without its record, no record that cannot be read, every start succeeds or says why not. */

import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AuditError } from '../../src/audit/index.ts'
import { times } from '../support/cases.ts'
import { FailingFile, failureKinds } from '../support/failing-file.ts'
import { createFolder } from '../support/folder.ts'
import { createRandom, type Random } from '../support/random-policy.ts'
import { drive, type Received, requireRecorded } from '../support/recording-clients.ts'
import { startRecording } from '../support/recording-server.ts'

const wanted = Number(process.env['SALLYPORT_RECORDING_WRITE_FAILURES'] ?? 60)
const seed = Number(process.env['SALLYPORT_SEED'] ?? 13)
/** Runs beside each other, each with folders of its own. */
const lanes = 4
/** Every log is verified whole after every failure: a longer one would cost more and show no more. */
const runsPerLog = 8
/** Of a request, and of the log: `call` is the next call of the file system after some requests, whatever it is for. */
const moments = ['start', 'before', 'during', 'after', 'settled', 'call'] as const

test('a disk that fails before, during or after an answer lets no reply out without its record', async (t) => {
  const base = createFolder(t)
  const sums = { runs: 0, failed: 0, failedCalls: 0, replies: 0, unavailable: 0, refusedStarts: 0, records: 0 }
  const counts = new Map<string, number>()
  const began = performance.now()

  /** One server until its callers have asked all that they want, or its log is broken. */
  async function failOnce(folder: string, random: Random): Promise<readonly Received[]> {
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
    const [kind, moment] = [pick(failureKinds), pick(moments)]
    const file = new FailingFile()
    const arm = () => {
      file.armed ??= kind
    }
    const goal = Math.floor(random() * 24)
    let performed = 0
    let replied = 0
    if (moment === 'start') arm()
    const perform = async () => {
      performed += 1
      if (moment === 'before' && performed === goal) setImmediate(arm)
      for (let turns = performed % 5; turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve))
      if (moment === 'during' && performed > goal) {
        arm()
        // Its record fails first, and then the origin answers; where nothing is on its way, it answers first.
        await Promise.race([file.failed.promise, new Promise((resolve) => setImmediate(() => setImmediate(resolve)))])
      }
      if (moment === 'after' && performed > goal) queueMicrotask(arm)
    }
    // Small segments: a rotation is under way as often as not.
    const maxSegmentBytes = pick([2048, 4096, 65_536])
    let received: readonly Received[] = []
    try {
      const server = await startRecording({ stateFolder: folder, maxSegmentBytes, file, perform })
      if (moment === 'call' && goal % 2 === 0) arm()
      const next = (asked: { count: number }) => () => {
        asked.count += 1
        return asked.count > 20 ? null : (('aaaadaaaaf'[Math.floor(random() * 10)] ?? 'a') as string)
      }
      const onReply = () => {
        replied += 1
        if ((moment === 'settled' || moment === 'call') && replied >= goal) arm()
      }
      received = (await Promise.all([1, 2, 3].map(() => drive({ port: server.port, next: next({ count: 0 }), onReply })))).flat()
      await server.close()
    } catch (error) {
      assert.ok(error instanceof AuditError, String((error as Error).stack))
      assert.match(error.message, /^the audit log in .* cannot be written, and nothing would be answered: /)
      sums.refusedStarts += 1
    }
    sums.runs += 1
    sums.failedCalls += file.failures
    if (file.failures > 0) {
      sums.failed += 1
      counts.set(`${kind} ${moment}`, (counts.get(`${kind} ${moment}`) ?? 0) + 1)
    }
    sums.replies += received.length
    sums.unavailable += received.filter(({ status }) => status === 503).length
    return received
  }

  async function run(lane: number): Promise<void> {
    const random = createRandom(seed * 100 + lane)
    for (let log = 0; sums.failed < wanted; log += 1) {
      const folder = join(base, `${lane}-${log}`)
      mkdirSync(folder)
      const received: Received[] = []
      await times(runsPerLog, async () => {
        received.push(...(await failOnce(folder, random)))
        await requireRecorded(join(folder, 'audit'), received)
      })
      // A disk that works again takes the log up where it was.
      const { close } = await startRecording({ stateFolder: folder, maxSegmentBytes: 4096, perform: async () => {} })
      await close()
      sums.records += (await requireRecorded(join(folder, 'audit'), received)).records
      rmSync(folder, { recursive: true })
      if (lane === 0 && log % 25 === 24) t.diagnostic(`${JSON.stringify(sums)} after ${Math.round((performance.now() - began) / 1000)} s`)
    }
  }

  await Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane)))
  t.diagnostic(`seed ${seed}: ${JSON.stringify(sums)} in ${Math.round((performance.now() - began) / 1000)} s`)
  t.diagnostic(
    [...counts]
      .map(([what, count]) => `${what}: ${count}`)
      .sort()
      .join(', '),
  )
  assert.ok(sums.unavailable > 0 && sums.refusedStarts > 0)
})
