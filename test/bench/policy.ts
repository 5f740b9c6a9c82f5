/** `npm run bench:policy`: what a decision costs as integrations grow, and what a change costs while requests are judged. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AccessRequest, Claim, Integration } from '../../src/core/index.ts'
import { createIntegrationRegistry } from '../../src/manifests/index.ts'
import { composed } from '../support/composed.ts'
import { smallDefaults } from '../support/defaults.ts'
import { createStation } from './station.ts'

const capabilities = 20
const sizes = (process.env['BENCH_INTEGRATIONS'] ?? '10,1000,10000').split(',').map(Number)
const decisions = 20_000

const manifestOf = (name: string, path: string) => `apiVersion: sallyport/v1
kind: Integration
name: ${name}
owner: team@example.com
network:
${Array.from({ length: capabilities }, (_, index) => `  - { hosts: [api${index}.service${index % 7}.example.com], methods: [GET, POST], paths: ["${path}${index}/**", "/v2/*/things${index}"] }`).join('\n')}
`

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] as number
const random = (below: number) => Math.floor(Math.random() * below)

async function measure(count: number) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  const manifests = join(folder, 'integrations')
  mkdirSync(manifests)
  for (let index = 0; index < count; index += 1) writeFileSync(join(manifests, `i${index}.yaml`), manifestOf(`i${index}`, '/v1/items'))
  const registry = createIntegrationRegistry(manifests, smallDefaults)
  const policy = createStation(folder)
  const startedAt = performance.now()
  let { integrations } = await registry.read()
  ;(await policy.prepare(composed({ integrations }))).activate()
  const firstMs = performance.now() - startedAt

  const ask = (integration: Integration, index: number, rest: string) =>
    policy.decide(
      { kind: 'http', id: 'id', door: 'proxy', at: 0, integration, identity: 'token', action: 'GET' } as unknown as AccessRequest,
      {
        facts: {
          scheme: 'https',
          host: `api${index}.service${index % 7}.example.com`,
          port: 443,
          method: 'GET',
          path: `/v1/items${index}/${rest}`,
        },
        subject: {},
        origin: null,
      } as unknown as Claim,
    )
  const timed = (integration: Integration, index: number, rest: string) => {
    const from = process.hrtime.bigint()
    if (ask(integration, index, rest)?.allow !== true) throw new Error('a request that the manifest allows was denied')
    return Number(process.hrtime.bigint() - from) / 1000
  }
  const some = () => integrations[random(count)] as Integration
  // Every integration has asked once: its image is there.
  for (const integration of integrations) ask(integration, 0, 'warm')
  for (let index = 0; index < 3000; index += 1) ask(some(), random(capabilities), `warm${index}`)
  const uncached = median(Array.from({ length: decisions }, (_, index) => timed(some(), random(capabilities), `u${index}`)))
  const cached = median(
    Array.from({ length: decisions }, (_, index) => timed(integrations[index % Math.min(count, 100)] as Integration, 5, 'same')),
  )

  // One manifest changes while requests are judged in every turn of the event loop.
  let reloading = true
  let longestMs = 0
  let changedAt = performance.now()
  const judging = (async () => {
    let last = performance.now()
    while (reloading) {
      ask(some(), random(capabilities), 'same')
      await nextTurn()
      const now = performance.now()
      if (now - last > 4 && process.env['BENCH_VERBOSE']) console.log('pause', (now - last).toFixed(1), 'at', (now - changedAt).toFixed(0))
      longestMs = Math.max(longestMs, now - last)
      last = now
    }
  })()
  await nextTurn()
  writeFileSync(join(manifests, 'i3.yaml'), manifestOf('i3', '/v9/items'))
  changedAt = performance.now()
  longestMs = 0
  integrations = (await registry.read()).integrations
  ;(await policy.prepare(composed({ integrations }))).activate()
  const activationMs = performance.now() - changedAt
  reloading = false
  await judging
  rmSync(folder, { recursive: true, force: true })
  return {
    integrations: count,
    firstMs,
    uncachedMicros: uncached,
    cachedMicros: cached,
    activationMs,
    longestPauseMs: longestMs,
    rssMiB: process.memoryUsage.rss() / 1024 ** 2,
  }
}

for (const size of sizes) {
  const result = await measure(size)
  console.log(
    Object.entries(result)
      .map(([key, value]) => `${key} ${Number(value.toFixed(2))}`)
      .join('  '),
  )
}
