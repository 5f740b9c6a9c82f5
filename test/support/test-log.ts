/** A log that is opened without a gateway, with a key of the test's own. */
import { generateKeyPairSync } from 'node:crypto'
import { type AuditOptions, openAudit } from '../../src/audit/audit.ts'
import { signerFrom } from '../../src/audit/index.ts'
import type { AccessRequest, Arrival, Claim } from '../../src/core/index.ts'

/** The same in all logs of a test file. */
export const signer = signerFrom({ pem: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string })

export const mask = { text: (text: string) => text, query: (query: string) => query, of: () => mask }
export const decision = { allow: true, rule: 'default/network/0', capability: null, reasons: [], obligations: {}, revision: 'r' }
export const request = { kind: 'http', action: 'GET', identity: 'token', integration: { name: 'weather' } } as AccessRequest

export function arrival(id: string): Arrival {
  return { id, door: 'proxy', peer: '127.0.0.1' } as Arrival
}

export function claimOf(subject: Record<string, unknown>): Claim {
  return { subject } as unknown as Claim
}

export function openTestLog(folder: string, options: Partial<AuditOptions> = {}) {
  return openAudit({ folder, signer, maxSegmentBytes: 1e9, durability: 'reply', version: 'test', mask, onBroken: () => {}, ...options })
}

/** Decisions on these paths that are never settled, each on disk before the next; the log is closed again. */
export async function recordPaths(folder: string, paths: readonly string[], options: Partial<AuditOptions> = {}): Promise<void> {
  const audit = await openTestLog(folder, options)
  for (const [index, path] of paths.entries()) {
    const entry = audit.open(arrival(`${encodeURIComponent(path)}-${index}`))
    entry.decided(request, claimOf({ path }), decision)
    await entry.durable()
  }
  await audit.close()
}
