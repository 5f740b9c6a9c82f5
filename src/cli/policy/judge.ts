/** A policy over given manifests and rules, beside any gateway: nothing that is active is touched. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../../config/index.ts'
import type { Integration } from '../../core/index.ts'
import { createCompile, createPolicy, unrecordedOf } from '../../policy/index.ts'
import type { NamedSet } from './named-set.ts'

export interface Judge {
  readonly decide: ReturnType<typeof createPolicy>['decide']
  /** What these rules look at and the log does not hold. */
  readonly unrecorded: readonly string[]
  find(name: string): Integration | undefined
  /** From now on these manifests decide. */
  replace(integrations: readonly Integration[]): Promise<void>
}

export async function withJudge<T>(
  config: Config,
  { integrations, rules, bundles }: Pick<NamedSet, 'integrations' | 'rules' | 'bundles'>,
  use: (judge: Judge) => Promise<T>,
): Promise<T> {
  const cacheFolder = await mkdtemp(join(tmpdir(), 'sallyport-judge-'))
  let byName = new Map<string, Integration>()
  try {
    const { maxMemoryPages, maxEvaluationMs, grants } = config.policy
    const settings = { maxMemoryPages, maxEvaluationMs, grants }
    const policy = createPolicy({ cacheFolder, compile: createCompile(), ...settings, readContext: () => ({}), onFailure: () => {} })
    const replace = async (next: readonly Integration[]) => {
      ;(await policy.prepare(next, rules, bundles)).activate()
      byName = new Map(next.map((one) => [one.name, one]))
    }
    await replace(integrations)
    return await use({ decide: policy.decide, unrecorded: unrecordedOf(policy.sight()), find: (name) => byName.get(name), replace })
  } finally {
    await rm(cacheFolder, { recursive: true, force: true })
  }
}
