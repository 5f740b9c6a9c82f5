/** Manifests as text, and recorded requests judged by them through the real engine. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Integration } from '../../src/core/index.ts'
import { decodeManifest } from '../../src/manifests/decode.ts'
import { createCompile } from '../../src/opa/index.ts'
import { createPolicy } from '../../src/policy/policy.ts'
import { type DecidedRecord, requestOf } from '../../src/policy/recorded.ts'
import { composed } from './composed.ts'
import { smallDefaults } from './defaults.ts'

/** Throws `ConfigError` for what is not a manifest. */
export function integrationOf(text: string): Integration {
  return decodeManifest('/integrations/weather.yaml', text, smallDefaults)
}

/** Whether each record's request is allowed where these integrations are all there are. */
export type JudgeAll = (integrations: readonly Integration[], records: readonly DecidedRecord[]) => Promise<readonly boolean[]>

export function createJudge(t: TestContext): JudgeAll {
  const cacheFolder = mkdtempSync(join(tmpdir(), 'sallyport-judge-'))
  t.after(() => rmSync(cacheFolder, { recursive: true, force: true }))
  const limits = { maxMemoryPages: 200, maxEvaluationMs: 1000 }
  const policy = createPolicy({ cacheFolder, compile: createCompile(), ...limits, readContext: () => ({}), onFailure: () => {} })
  return async (integrations, records) => {
    ;(await policy.prepare(composed({ integrations }))).activate()
    const byName = new Map(integrations.map((integration) => [integration.name, integration]))
    return records.map((record) => {
      const { request, claim } = requestOf(record, (name) => byName.get(name))
      return policy.decide(request, claim)?.allow === true
    })
  }
}

/** A record of `weather`; `fields` say what was asked. */
export function recordOf(fields: Pick<DecidedRecord, 'kind' | 'action' | 'subject'> & Partial<DecidedRecord>): DecidedRecord {
  const { allow = true, rule = allow ? 'default/network/0' : 'default/deny' } = fields
  const fixed = {
    type: 'decided',
    id: 'id',
    time: '2026-01-01T00:00:00.000Z',
    door: 'proxy',
    integration: 'weather',
    identity: 'token',
  } as const
  return { ...fixed, revision: 'abcdefabcdef-abcdefabcdef', ...fields, allow, rule }
}
