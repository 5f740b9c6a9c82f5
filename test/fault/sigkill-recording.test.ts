/** What records is killed at any moment, thousands of times: no reply without its record, no record that cannot be read, every start succeeds. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmSync, watch } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createFolder } from '../support/folder.ts'
import { createRandom, type Random } from '../support/random-policy.ts'
import { drive, type Received, requireRecorded } from '../support/recording-clients.ts'

const kills = Number(process.env['SALLYPORT_RECORDING_KILLS'] ?? 24)
const seed = Number(process.env['SALLYPORT_SEED'] ?? 11)
const script = join(import.meta.dirname, '../support/recording-process.ts')
/** Runs beside each other, each with folders of its own. */
const lanes = Number(process.env['SALLYPORT_LANES'] ?? 3)
/** Every log is verified whole after every kill: a longer one would cost more and show no more. */
const killsPerLog = 10
const moments = ['start', 'reply', 'any', 'rotation'] as const
type Moment = (typeof moments)[number]

interface Recording {
  readonly process: ChildProcess
  /** Its port; rejects with what it said where it ends before. */
  readonly ready: Promise<number>
  readonly exited: Promise<unknown>
}

/** Compiled once for all: nothing that is killed writes what it compiled. */
function start(folder: string, cache: string, maxSegmentBytes: number): Recording {
  const child = spawn(process.execPath, ['--no-warnings', script, folder, String(maxSegmentBytes)], {
    stdio: 'pipe',
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  })
  const exited = once(child, 'exit')
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const ready = Promise.race([
    once(child.stdout, 'data').then(([chunk]) => Number(String(chunk))),
    once(child, 'close').then(([code, signal]) => Promise.reject(new Error(`it ended with ${signal ?? code}: ${stderr}`))),
  ])
  ready.catch(() => {})
  return { process: child, ready, exited }
}

/** Serves callers until it is killed; what they received. Rejects where it does not start. */
async function killOnce({ process: child, ready, exited }: Recording, moment: Moment, random: Random, folder: string) {
  const kill = () => void child.kill('SIGKILL')
  const port = await ready
  let replies = 0
  const goal = 1 + Math.floor(random() * 200)
  const onReply = () => {
    replies += 1
    if (moment === 'reply' && replies === goal) kill()
  }
  if (moment === 'rotation') {
    let begun = 0
    const last = 1 + Math.floor(random() * 4)
    const watcher = watch(join(folder, 'audit/wal'), (event, name) => {
      if (name?.endsWith('.wal') && event === 'rename') begun += 1
      if (begun >= last) kill()
    })
    void exited.then(() => watcher.close())
  }
  const next = () => 'aaaadaaaaf'[Math.floor(random() * 10)] ?? 'a'
  const driven = Promise.all([1, 2, 3].map(() => drive({ port, next, onReply })))
  if (moment === 'any') void delay(random() * 60).then(kill)
  return (await driven).flat()
}

test('SIGKILL at any moment, start and rotation included, loses no record of a reply and hinders no start', async (t) => {
  const base = createFolder(t)
  const cache = join(base, 'cache')
  const sums = { kills: 0, duringStart: 0, replies: 0, records: 0, files: 0, torn: 0 }
  const began = performance.now()
  const seconds = () => Math.round((performance.now() - began) / 1000)

  async function endInOrder(folder: string): Promise<number> {
    const from = performance.now()
    const { process: child, ready, exited } = start(folder, cache, 4096)
    await ready
    const tookMs = performance.now() - from
    child.stdin?.end()
    assert.deepEqual(await exited, [0, null])
    return tookMs
  }

  async function run(lane: number, count: number): Promise<void> {
    for (let from = 0; from < count; from += killsPerLog) {
      const folder = join(base, `${lane}-${from}`)
      const log = join(folder, 'audit')
      mkdirSync(folder)
      // How long a start takes now, with others at work.
      const startMs = await endInOrder(folder)
      const received: Received[] = []
      for (let kill = from; kill < Math.min(count, from + killsPerLog); kill += 1) {
        const random = createRandom(seed + 10_000 * lane + kill)
        const moment = moments[Math.floor(random() * moments.length)] ?? 'any'
        const recording = start(folder, cache, moment === 'rotation' ? 4096 : 32_768)
        if (moment === 'start') {
          const isReady = await Promise.race([recording.ready.then(() => true), delay(random() * startMs, false)])
          recording.process.kill('SIGKILL')
          if (!isReady) sums.duringStart += 1
        } else received.push(...(await killOnce(recording, moment, random, folder)))
        assert.deepEqual(await recording.exited, [null, 'SIGKILL'])
        sums.kills += 1
        await requireRecorded(log, received)
      }
      await endInOrder(folder)
      const { records, files } = await requireRecorded(log, received)
      sums.replies += received.length
      sums.records += records
      sums.files += files
      sums.torn += readdirSync(join(log, 'wal')).filter((name) => name.endsWith('.broken')).length
      rmSync(folder, { recursive: true })
      if (lane === 0 && from % 200 === 0) console.error(`${JSON.stringify(sums)} after ${seconds()} s`)
    }
  }

  await endInOrder(createFolder(t))
  assert.ok(existsSync(cache))
  await Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane, Math.ceil(kills / lanes))))
  t.diagnostic(`seed ${seed}: ${JSON.stringify(sums)} in ${seconds()} s`)
  assert.ok(sums.replies > sums.kills, 'callers were answered')
})
