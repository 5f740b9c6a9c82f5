/** The second part of `npm run bench:policy`: how fast a recorded log is judged again. The log is the real writer's, no two requests alike. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAudit } from '../../src/audit/index.ts'
import { createDecideRecorded, replay } from '../../src/authoring/index.ts'
import type { AccessRequest, Arrival, Claim, Decision, Integration } from '../../src/core/index.ts'
import { createIntegrationRegistry } from '../../src/manifests/index.ts'
import type { DecidedRecord } from '../../src/policy/index.ts'
import { readAudit } from '../../src/records/index.ts'
import { composed } from '../support/composed.ts'
import { smallDefaults } from '../support/defaults.ts'
import { servedOutcome } from '../support/outcome.ts'
import { mask, signer } from '../support/test-log.ts'
import { createStation } from './station.ts'

const records = Number(process.env['BENCH_RECORDS'] ?? 100_000)
/** How many requests of each hundred have a path that was not seen before; the rest ask for one of a thousand. */
const freshPercents = (process.env['BENCH_FRESH'] ?? '10,50,100').split(',').map(Number)
const integrationCount = 50

const manifestOf = (name: string) => `apiVersion: sallyport/v1
kind: Integration
name: ${name}
owner: team@example.com
network:
${Array.from({ length: 20 }, (_, index) => `  - { hosts: [api${index}.example.com], methods: [GET, POST], paths: ["/v1/items/**", "/v2/*/things${index}"] }`).join('\n')}
`

const allowed: Decision = {
  allow: true,
  rule: 'default/network/0',
  capability: null,
  reasons: [],
  obligations: {},
  revision: 'abcdefabcdef-abcdefabcdef',
}

async function writeLog(folder: string, integrations: readonly Integration[], freshPercent: number): Promise<void> {
  const audit = await openAudit({
    folder,
    signer,
    maxSegmentBytes: 16 * 1024 * 1024,
    durability: 'reply',
    version: 'bench',
    mask,
    onBroken: (error) => {
      throw error
    },
  })
  for (let index = 0; index < records; index += 1) {
    const id = `benchbenchbe.${index.toString(36)}`
    const integration = integrations[index % integrationCount] as Integration
    const fresh = index % 100 < freshPercent
    const host = `api${index % 20}.example.com`
    const subject = { scheme: 'https', host, port: 443, method: 'GET', path: `/v1/items/${fresh ? `f${index}` : index % 1000}` }
    const request = { id, door: 'proxy', integration, identity: 'token', kind: 'http', action: 'GET' } as unknown as AccessRequest
    const entry = audit.open({ id, door: 'proxy', peer: '127.0.0.1:40000' } as unknown as Arrival)
    entry.decided(request, { facts: subject, subject, origin: null } as unknown as Claim, allowed)
    // The writer refuses what piles up faster than the disk takes it.
    if (index % 1000 === 999) await entry.durable()
    entry.settled({ ...servedOutcome, sentBytes: 120, receivedBytes: 2048, durationMs: 3.25 })
  }
  await audit.close()
}

async function measure(freshPercent: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  const names = Array.from({ length: integrationCount }, (_, index) => `i${index}`)
  const registry = createIntegrationRegistry(folder, smallDefaults)
  const integrations = registry.decode(Object.fromEntries(names.map((name) => [`${name}.yaml`, manifestOf(name)])))
  const log = join(folder, 'audit')
  await writeLog(log, integrations, freshPercent)
  const policy = createStation(folder)
  ;(await policy.prepare(composed({ integrations }))).activate()
  const byName = new Map(integrations.map((integration) => [integration.name, integration]))
  const startedAt = performance.now()
  const usedBefore = process.cpuUsage()
  const { decisions, differences } = await replay(
    readAudit(log, ['decided']) as AsyncIterable<DecidedRecord>,
    createDecideRecorded(policy),
    (name) => byName.get(name),
  )
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(usedBefore)
  const cpuMicros = (user + system) / decisions
  rmSync(folder, { recursive: true, force: true })
  if (decisions !== records || differences.length > 0) throw new Error(`${decisions} decisions, ${differences.length} differ`)
  console.log(
    `replay of ${decisions} records, ${freshPercent} % of the paths new: ${Math.round(decisions / seconds)} decisions/s, ${cpuMicros.toFixed(1)} µs of CPU each`,
  )
}

for (const freshPercent of freshPercents) await measure(freshPercent)
