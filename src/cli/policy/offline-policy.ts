/** A policy over given manifests and rules, beside any gateway: nothing that is active is touched. */

import { createDecideRecorded, type DecideRecorded } from '../../authoring/index.ts'
import type { Config } from '../../config/index.ts'
import type { Integration } from '../../core/index.ts'
import type { Compile } from '../../opa/index.ts'
import { createPolicy, type PolicySet, preparePrograms } from '../../policy/index.ts'
import type { EveryReference } from '../../reference/index.ts'
import { commandCompiler } from '../compiler.ts'

export interface OfflinePolicy {
  readonly compile: Compile
  readonly decide: DecideRecorded
  find(name: string): Integration | undefined
  /** From now on these manifests decide. */
  replace(integrations: readonly Integration[]): Promise<void>
}

export async function withOfflinePolicy<T>(
  config: Config,
  { integrations, rules, bundles }: PolicySet,
  use: (offline: OfflinePolicy) => Promise<T>,
  every: EveryReference | null = null,
): Promise<T> {
  let byName = new Map<string, Integration>()
  const { maxMemoryPages, maxEvaluationMs, grants } = config.policy
  const compiler = commandCompiler(config)
  const settings = { ...compiler, maxMemoryPages, maxEvaluationMs, grants }
  const policy = createPolicy({ ...settings, referenceEvaluator: every?.reference, readContext: () => ({}), onFailure: () => {} })
  const replace = async (next: readonly Integration[]) => {
    ;(await preparePrograms({ integrations: next, rules, bundles }, [policy])).activate()
    byName = new Map(next.map((integration) => [integration.name, integration]))
  }
  await replace(integrations)
  return use({
    compile: compiler.compile,
    decide: createDecideRecorded(policy),
    find: (name) => byName.get(name),
    replace,
  })
}
