/** Run as a process: so many integrations, the argument, are decided for one after the other, and the first of them again; what that leaves in memory, as JSON. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AccessRequest, Claim } from '../../src/core/index.ts'
import { decodeManifest } from '../../src/manifests/decode.ts'
import { createStation } from '../bench/station.ts'
import { composed } from './composed.ts'
import { smallDefaults } from './defaults.ts'
import { manifest } from './installation.ts'
import { usedBytes } from './used-bytes.ts'

export interface PolicyImages {
  readonly constrainedBytes: number
  /** Held for the integrations that were decided for. */
  readonly queuedBytes: number
  readonly allowed: number
  readonly denied: number
}

const cacheFolder = mkdtempSync(join(tmpdir(), 'sallyport-images-'))
process.on('exit', () => rmSync(cacheFolder, { recursive: true }))
const capabilities = Array.from(
  { length: 20 },
  (_, at) =>
    `  - { hosts: [api${at}.example.com], methods: [GET, POST], paths: ["/v1/items${at}/**", "/v2/*/things${at}"], tls: intercept }`,
)
const integrations = Array.from({ length: Number(process.argv[2]) }, (_, at) =>
  decodeManifest(`/x/i${at}.yaml`, manifest(`i${at}`, `network:\n${capabilities.join('\n')}`), smallDefaults),
)
const station = createStation(cacheFolder)
;(await station.prepare(composed({ integrations }))).activate()

function decide(at: number, path: string): boolean {
  const facts = { scheme: 'https', host: 'api1.example.com', port: 443, method: 'GET', path }
  const request = { kind: 'http', id: 'id', door: 'proxy', at: 0, integration: integrations[at], identity: 'token', action: 'GET' }
  return station.decide(request as unknown as AccessRequest, { facts, subject: {}, origin: null } as unknown as Claim)?.allow === true
}

decide(0, '/v1/items1/a')
const before = await usedBytes()
const allows: boolean[] = []
for (const [path, count] of [['one', integrations.length] as const, ['two', 100] as const])
  for (let at = 0; at < count; at += 1) {
    allows.push(decide(at, `/v1/items1/${path}`))
    allows.push(decide(at, `/elsewhere/${path}`))
  }
const allowed = allows.filter(Boolean).length
const report: PolicyImages = {
  constrainedBytes: process.constrainedMemory(),
  queuedBytes: (await usedBytes()) - before,
  allowed,
  denied: allows.length - allowed,
}
console.log(JSON.stringify(report))
