/** Hostile inputs against a gateway in a process of its own: it lives, answers others meanwhile, every arrival settles, and nothing is left of them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { askGateway } from '../../src/cli/admin-client.ts'
import { readRecords } from '../../src/records/index.ts'
import { countDescriptors, describeDescriptors } from '../support/descriptors.ts'
import { eventually } from '../support/eventually.ts'
import type { Child, Installation } from '../support/installation.ts'

/** What one connection sends. */
export interface Attack {
  /** How many inputs it has. */
  readonly inputs: number
  /** For the message of a run that finds something. */
  readonly told: string
  /** Resolves once its connection has closed, or its caller has had enough. Never rejects. */
  send(): Promise<void>
}

export interface HammerOptions {
  readonly installation: Installation
  readonly gateway: Child
  readonly seed: number
  readonly inputs: number
  /** What the inputs are called. */
  readonly what: string
  readonly attack: () => Attack
  /** Throws where an ordinary request is not answered. */
  readonly requireAlive: () => Promise<void>
  /** Says what reached an origin and must not have; `''`: nothing. */
  readonly effects: () => string
}

const atOnce = 128
/** Of memory, beside what the first half of the run took. */
const maxGrowthMiB = 96
/** Processor time of the main thread for one answer: so long it did nothing else. */
const maxHangSeconds = 1
const probeMs = 100

/** Throws with the seed and what was sent last where the gateway does not do what it must; answers with figures. */
export async function hammer(options: HammerOptions): Promise<string> {
  const { installation, gateway, seed, inputs, what, attack, requireAlive, effects } = options
  const pid = gateway.process.pid as number
  // One that crashes has a signal and no code.
  const ended = () => gateway.process.exitCode ?? gateway.process.signalCode
  await requireAlive()
  const before = countDescriptors(pid)
  const hangs = watchForHangs(gateway)
  let left = inputs
  let warmMiB = 0
  const last: Attack[] = []
  const work = async () => {
    while (left > 0 && ended() === null) {
      const next = attack()
      if (left > inputs / 2 && left - next.inputs <= inputs / 2) warmMiB = rssMiB(pid)
      left -= next.inputs
      last.push(next)
      if (last.length > atOnce) last.shift()
      await next.send()
    }
  }
  const told = () => `seed ${seed}; the last ones: ${last.map((one) => one.told).join('\n')}\n${gateway.stderr().slice(-2000)}`
  await Promise.all(Array.from({ length: atOnce }, work))
  assert.equal(ended(), null, `the gateway ended; ${told()}`)
  const longestSeconds = await hangs.stop()
  await requireAlive()
  assert.ok(longestSeconds < maxHangSeconds, `an answer took ${longestSeconds} s of processor time; ${told()}`)
  assert.equal(effects(), '', told())

  // Nothing is left: no lease, no connection, no arrival without its end.
  await eventually(`every slot is free again (${seed})`, async () => {
    const { body } = await askGateway(join(installation.folder, 'state/admin.sock'), 'GET', '/v1/usage')
    const found = JSON.stringify(body).match(/"bucket":"concurrency"[^}]*/)?.[0] ?? ''
    const [, capacity, level] = /"capacity":(\d+).*"level":(\d+)/.exec(found) ?? []
    return capacity !== undefined && capacity === level
  }).catch(async (error) => {
    const { unsettled } = await pairs(join(installation.folder, 'state/audit'))
    throw new Error(`not settled:\n${unsettled.join('\n')}`, { cause: error })
  })
  await eventually(`as many descriptors as before (${seed})`, () => countDescriptors(pid) <= before + 4).catch((error) => {
    throw new Error(`${before} descriptors before, and now:\n${describeDescriptors(pid)}`, { cause: error })
  })
  const metrics = await (await fetch(`http://127.0.0.1:${gateway.healthPort}/metrics`)).text()
  assert.match(metrics, /^sallyport_internal_errors_total 0$/m, told())
  const grownMiB = rssMiB(pid) - warmMiB
  gateway.process.kill('SIGTERM')
  assert.deepEqual(await gateway.exited(), { code: 0, signal: null }, told())
  const { arrivals, unsettled } = await pairs(join(installation.folder, 'state/audit'))
  assert.deepEqual(unsettled, [], told())
  assert.ok(grownMiB < maxGrowthMiB, `memory grew by ${grownMiB.toFixed(0)} MiB; seed ${seed}`)
  return `${inputs} ${what}, ${arrivals} arrivals, each settled once; longest answer ${longestSeconds.toFixed(2)} s of processor time; memory ${grownMiB.toFixed(0)} MiB beside the first half's; seed ${seed}`
}

/** Asks for something that costs nothing, again and again. In processor time, since other programs make an answer late as well. */
function watchForHangs({ process: child, healthPort }: Child): { stop(): Promise<number> } {
  let longestSeconds = 0
  let isOver = false
  const watch = async () => {
    while (!isOver && child.exitCode === null && child.signalCode === null) {
      const from = mainThreadSeconds(child.pid as number)
      await fetch(`http://127.0.0.1:${healthPort}/healthz`).catch(() => null)
      longestSeconds = Math.max(longestSeconds, mainThreadSeconds(child.pid as number) - from)
      await sleep(probeMs)
    }
  }
  const watching = watch()
  return {
    async stop() {
      isOver = true
      await watching
      return longestSeconds
    },
  }
}

function mainThreadSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/task/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    // It has ended, which is found elsewhere.
    return 0
  }
}

function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
}

/** Every arrival has one beginning and one end in the log. */
async function pairs(folder: string): Promise<{ arrivals: number; unsettled: string[] }> {
  const open = new Map<string, { balance: number; line: string }>()
  let arrivals = 0
  for await (const records of readRecords(folder)) {
    for (const { text: line } of records) {
      const { type, id } = JSON.parse(line) as { type: string; id: string }
      if (type === 'decided' || type === 'refused') {
        arrivals += 1
        open.set(id, { balance: (open.get(id)?.balance ?? 0) + 1, line })
      } else if (type === 'settled') {
        const balance = (open.get(id)?.balance ?? 0) - 1
        if (balance === 0) open.delete(id)
        else open.set(id, { balance, line })
      }
    }
  }
  return { arrivals, unsettled: [...open.values()].map(({ balance, line }) => `${balance}: ${line}`).slice(0, 20) }
}
