/** A policy over given manifests and rules, beside any gateway: nothing that is active is touched. */
import type { Config } from '../../config/index.ts'
import { type AccessRequest, type Claim, type Decision, denial, type Integration } from '../../core/index.ts'
import { unrecordedOf } from '../../policy/author/index.ts'
import { type Compile, createPolicy, type EveryReference } from '../../policy/index.ts'
import { commandCompiler } from '../compiler.ts'
import type { NamedSet } from './named-set.ts'

export interface Judge {
  readonly compile: Compile
  /** Of requests as records hold them: without a body. */
  readonly decide: (request: AccessRequest, claim: Claim) => Decision
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
  every: EveryReference | null = null,
): Promise<T> {
  let byName = new Map<string, Integration>()
  const { maxMemoryPages, maxEvaluationMs, grants } = config.policy
  const compiler = commandCompiler(config)
  const settings = { ...compiler, maxMemoryPages, maxEvaluationMs, grants }
  const policy = createPolicy({ ...settings, witness: every?.witness, readContext: () => ({}), onFailure: () => {} })
  const replace = async (next: readonly Integration[]) => {
    ;(await policy.prepare(next, rules, bundles)).activate()
    byName = new Map(next.map((one) => [one.name, one]))
  }
  await replace(integrations)
  return use({
    compile: compiler.compile,
    decide: (request, claim) =>
      policy.decide(request, claim) ?? denial('engine/unrecorded', 'the rules look at a body, and no record holds one', ''),
    unrecorded: unrecordedOf(policy.sight()),
    find: (name) => byName.get(name),
    replace,
  })
}
