/** A policy station over manifests, without a gateway around it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { AccessRequest, Claim, Decision, Integration } from '../../src/core/index.ts'
import { createCompile } from '../../src/opa/index.ts'
import type { LibrarySource } from '../../src/opa/library-source.ts'
import { createPolicy } from '../../src/policy/policy.ts'
import { readRules } from '../../src/policy/rules-folder.ts'
import { composed } from './composed.ts'

export interface Decider {
  /** `at`: when the request arrived, milliseconds since the epoch. */
  http(integration: Integration, facts: Record<string, unknown>, at?: number): Decision
  /** `null`: it looks at the body, which these facts say was not read. */
  unread(integration: Integration, facts: Record<string, unknown>): Decision | null
  readonly failures: unknown[]
}

export interface DeciderOptions {
  readonly rulesFolder?: string
  readonly maxMemoryPages?: number
  readonly maxEvaluationMs?: number
  readonly library?: LibrarySource
}

export async function createDecider(
  t: TestContext,
  integrations: readonly Integration[],
  { rulesFolder, maxMemoryPages = 200, maxEvaluationMs = 50, library }: DeciderOptions = {},
): Promise<Decider> {
  const cacheFolder = mkdtempSync(join(tmpdir(), 'sallyport-policy-'))
  t.after(() => rmSync(cacheFolder, { recursive: true, force: true }))
  const failures: unknown[] = []
  const policy = createPolicy({
    cacheFolder,
    compile: createCompile(),
    maxMemoryPages,
    maxEvaluationMs,
    ...(library !== undefined && { library }),
    readContext: () => ({ usage: {}, breaker: 'closed', containment: 'normal', quarantine: false, anomaly: 0 }),
    onFailure: (_kind, error) => void failures.push(error),
  })
  const prepared = await policy.prepare(composed({ integrations, rules: await readRules(rulesFolder ?? null) }))
  prepared.activate()
  const decide = (integration: Integration, facts: Record<string, unknown>, at = 0) =>
    policy.decide(
      { kind: 'http', id: 'id', door: 'proxy', at, integration, identity: 'token', action: 'GET' } as unknown as AccessRequest,
      { facts, subject: {}, origin: null } as unknown as Claim,
    )
  return {
    failures,
    http: (integration, facts, at) => decide(integration, facts, at) ?? assert.fail('the body has to be read'),
    unread: (integration, facts) => decide(integration, { ...facts, body: { type: 'unread' } }),
  }
}
