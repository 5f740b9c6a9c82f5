/** The second policy of a rules folder, built: what `package system.log` says of a decision-log event. */

import { type Compile, isExternalCall, type PolicyReads, type RegoSources } from '../opa/index.ts'
import { type BuildInputs, buildKept, type CompiledPolicy, compilerEnvironment, defaultSources, hashOf } from '../policy/index.ts'

/**
 * OPA's names are `data.system.log.mask` and `data.system.log.drop`. Either may be missing, and a missing entry point does
 * not compile; through a rule of our own both are asked at once. A set has no order that OPA keeps, a list has.
 */
const masking = `package sallyport.report

masking["mask"] := data.system.log.mask

masking["listed"] := true if is_array(data.system.log.mask)

masking["drop"] := data.system.log.drop
`

export const maskEntrypoint = 'sallyport/report/masking'

/** All rules are there, since these may call the others; the input is an event, so the schema of requests is not asked. */
export async function maskInputs(rules: RegoSources, grants: readonly string[]): Promise<BuildInputs> {
  const { capabilities } = await compilerEnvironment(grants)
  const sources = { ...(await defaultSources()), ...rules, 'sallyport/report.rego': masking }
  return { sources, capabilities, entrypoints: [maskEntrypoint], sourceHash: await hashOf(sources, capabilities) }
}

export async function buildMasks(
  rules: RegoSources,
  compile: Compile,
  cacheFolder: string,
  requireTests: () => Promise<void>,
  grants: readonly string[],
): Promise<CompiledPolicy> {
  const built = await buildKept(await maskInputs(rules, grants), compile, cacheFolder, requireTests)
  requireInside(built.policyReads)
  return built
}

/** The rules beside them may be granted external calls: what shapes a report waits for none. */
export function requireInside({ builtins }: Pick<PolicyReads, 'builtins'>): void {
  const external = builtins.filter(isExternalCall)
  if (external.length > 0)
    throw new Error(`package system.log calls ${external.join(', ')}: what shapes the decision log may make no external call`)
}
