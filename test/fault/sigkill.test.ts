/** A gateway killed under load and in the middle of what its operator does: the log verifies, every reply that a client got has its record, and what the operator was told is so after the next start. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { endsWithParent } from '../support/children.ts'
import { driveHttp } from '../support/http-drive.ts'
import { createInstallation, type Installation, main, manifest, networkTo } from '../support/installation.ts'
import { textOf } from '../support/log-records.ts'
import { createOperator, type Operator } from '../support/operator.ts'
import { startOrigin } from '../support/origin.ts'
import { createRandom, type Random } from '../support/random-policy.ts'
import { type Received, requireRecorded } from '../support/recording-clients.ts'

const kills = Number(process.env['SALLYPORT_KILLS'] ?? 4)
const seed = Number(process.env['SALLYPORT_SEED'] ?? 17)
/** Runs beside each other, each with installations of its own. */
const lanes = Number(process.env['SALLYPORT_LANES'] ?? 2)
/** Every log is verified whole after every kill. */
const killsPerLog = 15
const clients = 8

function launch({ configFile }: Installation) {
  const child = spawn(process.execPath, ['--no-warnings', '--import', endsWithParent, main, 'run', '--config', configFile], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(child, 'exit')
  let stderr = ''
  const ready = new Promise<number>((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      stderr += chunk
      const line = stderr.split('\n').find((text) => text.includes('"msg":"ready"') && text.endsWith('}'))
      if (line !== undefined) resolve((JSON.parse(line) as { listeners: { address: { port: number } }[] }).listeners[0]?.address.port ?? 0)
    })
    void once(child, 'close').then(([code, signal]) => reject(new Error(`the gateway ended with ${signal ?? code}: ${stderr}`)))
  })
  ready.catch(() => {})
  return { kill: (signal: NodeJS.Signals) => void child.kill(signal), ready, exited }
}

interface Lane {
  readonly random: Random
  readonly installation: Installation
  readonly originPort: number
  readonly operator: Operator
}

/** Serves callers and its operator until it is killed; what the callers received. Rejects where it does not start, or is not as it was. */
async function killOnce({ random, installation, originPort, operator }: Lane, startMs: number) {
  const began = performance.now()
  const gateway = launch(installation)
  const end = async () => {
    gateway.kill('SIGKILL')
    assert.deepEqual(await gateway.exited, [null, 'SIGKILL'])
  }
  if (random() < 0.2) {
    const isReady = await Promise.race([gateway.ready.then(() => true), delay(random() * startMs, false)])
    await end()
    return { received: [], startMs, duringStart: !isReady }
  }
  const port = await gateway.ready
  const tookMs = performance.now() - began
  await operator.requireAsTold()
  let replies = 0
  const goal = 20 + Math.floor(random() * 150)
  const lastAction = random() < 0.5 ? operator.asked + 1 + Math.floor(random() * 5) : null
  const afterMs = random() * 30
  const over = Promise.withResolvers<void>()
  const onReply = () => {
    replies += 1
    if (replies >= goal && lastAction === null) over.resolve()
    return true
  }
  const driven = Promise.all(
    Array.from({ length: clients }, (_, at) => driveHttp({ port, originPort, name: at === 0 ? 'other' : 'weather', onReply })),
  )
  const acting = operator.act(() => {
    // In the middle of what was just asked for.
    if (operator.asked === lastAction) void delay(afterMs).then(over.resolve)
  })
  await Promise.race([over.promise, acting])
  await end()
  await acting
  return { received: (await driven).flat(), startMs: tookMs, duringStart: false }
}

function install(t: TestContext, originPort: number): Installation {
  const rest = `${networkTo(originPort)}\nlimits: { arrivals: { rate: 100000/s }, requests: { rate: 100000/s } }`
  const manifests = { 'weather.yaml': manifest('weather', rest), 'other.yaml': manifest('other', rest) }
  return createInstallation(t, { config: 'audit: { maxSegment: 32KiB }', manifests })
}

/** Throws where the log lacks what the operator was told, why somebody is suspended from now on, or what decided a request. */
function requireActionsRecorded({ folder }: Installation, operator: Operator): void {
  const text = textOf(join(folder, 'state/audit'))
  const lacking = [...operator.owed()].filter(([part, times]) => text.split(part).length - 1 < times)
  assert.deepEqual(lacking, [], 'the operator was told, and it is not recorded')
  const { integrations } = JSON.parse(readFileSync(join(folder, 'state/containment.json'), 'utf8')) as {
    integrations: Record<string, { layers: readonly { reason: string }[] }>
  }
  for (const [name, { layers }] of Object.entries(integrations))
    for (const { reason } of layers)
      assert.ok(text.includes(`"type":"suspended","integration":"${name}","reason":"${reason}"`), `${name} is suspended without a record`)
  const activated = new Set<string>()
  for (const [, type, revision = ''] of text.matchAll(/"type":"(activated|decided)",[^\n]*?"revision":"([^"]+)"/g))
    if (type === 'activated') activated.add(revision)
    else assert.ok(activated.has(revision), `${revision} decided before a record says that it was activated`)
}

test('SIGKILL under load and amid reloads, rollbacks and suspensions loses no record and nothing that the operator was told', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const sums = { kills: 0, duringStart: 0, actions: 0, midAction: 0, replies: 0, records: 0, files: 0 }
  const began = performance.now()

  async function run(lane: number, count: number): Promise<void> {
    let startMs = 1000
    for (let from = 0; from < count; from += killsPerLog) {
      const installation = install(t, origin.port)
      const operator = createOperator(installation, createRandom(seed + lane + from), networkTo(origin.port))
      const log = join(installation.folder, 'state/audit')
      const first = launch(installation)
      await first.ready
      first.kill('SIGTERM')
      assert.deepEqual(await first.exited, [0, null])
      const received: Received[] = []
      let last = { records: 0, files: 0 }
      for (let kill = from; kill < Math.min(count, from + killsPerLog); kill += 1) {
        // Of its own, so that what the others took of it does not change which moments are tried.
        const random = createRandom(seed + 10_000 * lane + kill)
        const outcome = await killOnce({ random, installation, originPort: origin.port, operator }, startMs)
        startMs = outcome.startMs
        received.push(...outcome.received)
        last = await requireRecorded(log, received)
        requireActionsRecorded(installation, operator)
        sums.kills += 1
        if (outcome.duringStart) sums.duringStart += 1
        if (operator.isAsking()) sums.midAction += 1
      }
      const after = launch(installation)
      await after.ready
      await operator.requireAsTold()
      after.kill('SIGTERM')
      assert.deepEqual(await after.exited, [0, null])
      await requireRecorded(log, received)
      requireActionsRecorded(installation, operator)
      sums.replies += received.length
      sums.actions += operator.asked
      sums.records += last.records
      sums.files += last.files
      if (kills > 100) console.error(`${JSON.stringify(sums)} after ${Math.round((performance.now() - began) / 1000)} s`)
    }
  }

  await Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane, Math.ceil(kills / lanes))))
  t.diagnostic(`seed ${seed}: ${JSON.stringify(sums)} in ${Math.round((performance.now() - began) / 1000)} s`)
  assert.ok(sums.replies > sums.kills && sums.files > lanes, 'callers were answered, and files rotated on the way')
})
