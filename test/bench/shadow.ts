/** The fourth part of `npm run bench:policy`: how long a decision of the active policy is waited for without a shadow policy, and beside one whose evaluations take milliseconds. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { AccessRequest, Claim, Policy } from '../../src/core/index.ts'
import { decodeManifest } from '../../src/manifests/decode.ts'
import { createCompile } from '../../src/opa/index.ts'
import { createEvaluationThread } from '../../src/policy/evaluation-thread.ts'
import { createPolicy } from '../../src/policy/index.ts'
import { createShadowPolicy } from '../../src/rollout/shadow.ts'
import { composed } from '../support/composed.ts'
import { smallDefaults } from '../support/defaults.ts'

const arrivals = Number(process.env['BENCH_ARRIVALS'] ?? 400)
const rounds = 3
const everyMs = 10

const integration = decodeManifest(
  '/x/weather.yaml',
  'apiVersion: sallyport/v1\nkind: Integration\nname: weather\nowner: maps\nnetwork: [{ hosts: [api.example.com], tls: intercept }]',
  smallDefaults,
)
const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
const thread = createEvaluationThread()

function station(options: { readonly thread?: typeof thread } = {}) {
  return createPolicy({
    cacheFolder: folder,
    compile: createCompile(),
    maxMemoryPages: 1600,
    maxEvaluationMs: 200,
    readContext: () => ({}),
    onFailure: (kind, error) => console.error(kind, error),
    ...options,
  })
}

const active = station()
;(await active.prepare(composed({ integrations: [integration] }))).activate()
const slow = station({ thread })
const text = `package sallyport.rules

many := numbers.range(1, 250)

deny contains "never" if {
	input.http.path != ""
	some a in many
	some b in many
	a == b
	b == 0
}
`
;(await slow.prepare(composed({ integrations: [integration], rules: { 'rules/slow.rego': text } }))).activate()

let count = 0
function requestOf(): readonly [AccessRequest, Claim] {
  count += 1
  const facts = { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET', path: `/${count}` }
  const request = {
    kind: 'http',
    id: `id.${count}`,
    door: 'proxy',
    at: 0,
    integration,
    identity: 'token',
    action: 'GET',
    headers: [],
    target: facts,
  }
  return [request as unknown as AccessRequest, { facts, subject: {}, origin: null } as unknown as Claim]
}

const usual = { shadow: slow, isReady: () => true, enforcePercent: 0, onDifference: () => {}, onSkipped: () => {} }
const arrangements: Readonly<Record<string, Policy>> = {
  'without a shadow policy': active,
  'beside one on this thread': createShadowPolicy({ ...usual, active, decideApart: async (...given) => slow.decide(...given) }),
  'beside one on its own thread': createShadowPolicy({ ...usual, active, decideApart: slow.decideApart }),
}

/** Arrivals come from another thread, so that what keeps this one busy makes them wait as it makes requests wait. */
const source = `const { parentPort } = require('node:worker_threads')
const pause = new Int32Array(new SharedArrayBuffer(4))
parentPort.on('message', ({ arrivals, everyMs }) => {
  for (let index = 0; index < arrivals; index += 1) {
    Atomics.wait(pause, 0, 0, everyMs)
    parentPort.postMessage(performance.timeOrigin + performance.now())
  }
})`

function waits(policy: Policy): Promise<number[]> {
  const worker = new Worker(source, { eval: true })
  const found: number[] = []
  return new Promise((resolve) => {
    worker.on('message', (sentAt: number) => {
      policy.decide(...requestOf())
      found.push(performance.timeOrigin + performance.now() - sentAt)
      if (found.length < arrivals) return
      void worker.terminate()
      resolve(found)
    })
    worker.postMessage({ arrivals, everyMs })
  })
}

const at = (values: readonly number[], share: number) => values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] as number

const from = performance.now()
for (let index = 0; index < 50; index += 1) slow.decide(...requestOf())
console.log(`an evaluation of the shadow policy takes ${((performance.now() - from) / 50).toFixed(2)} ms`)
await slow.decideApart(...requestOf())
const all = Object.keys(arrangements).map((name) => ({ name, found: [] as number[], cpuMs: 0 }))
const cpuMs = () => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
for (let round = 0; round < rounds; round += 1)
  for (const item of all) {
    const usedBefore = cpuMs()
    item.found.push(...(await waits(arrangements[item.name] as Policy)))
    item.cpuMs += cpuMs() - usedBefore
  }
for (const { name, found, cpuMs: used } of all)
  console.log(
    `a decision, ${name}: ${at(found, 0.5).toFixed(3)} ms in the middle, ${at(found, 0.9).toFixed(3)} at 90 %, ${at(found, 0.99).toFixed(3)} at 99 %; ${(used / found.length).toFixed(3)} ms of this thread`,
  )
await thread.close()
rmSync(folder, { recursive: true, force: true })
