/** `sallyport policy diff`: what another revision allows and no longer allows. */
import { createHash } from 'node:crypto'
import { diffRules } from '../../authoring/index.ts'
import type { BundleSet } from '../../bundles/index.ts'
import type { Config } from '../../config/index.ts'
import { type CapabilityChange, diffManifests, type IntegrationChange } from '../../manifests/index.ts'
import type { RegoSources } from '../../opa/index.ts'
import { readNamedSet } from './policy-sources.ts'

export async function diffRevisions(config: Config, from: string, to: string, json: boolean): Promise<{ text: string; differs: boolean }> {
  const [before, after] = [await readNamedSet(config, from), await readNamedSet(config, to)]
  const integrations = diffManifests(before.integrations, after.integrations)
  const rules = await diffRules({ ...before.rules, ...textsOf(before.bundles) }, { ...after.rules, ...textsOf(after.bundles) })
  const differs = integrations.length + rules.length > 0
  if (json) return { text: `${JSON.stringify({ from: before.name, to: after.name, same: !differs, integrations, rules })}\n`, differs }
  if (!differs) return { text: `${before.name} and ${after.name} are the same\n`, differs }
  return {
    text: [`${before.name} → ${after.name}\n`, ...integrations.map(describeIntegration), ...rules.map(({ diff }) => diff)].join(''),
    differs,
  }
}

/** What bundles say, by file: their revisions, rules and data, and of WebAssembly its hash. */
function textsOf(bundles: BundleSet): RegoSources {
  const texts: Record<string, string> = {}
  for (const [name, { revision, roots, rego, data, wasm }] of bundles) {
    texts[`bundles/${name}/.manifest`] = `${JSON.stringify({ revision, roots }, null, 2)}\n`
    for (const [file, text] of Object.entries(rego)) texts[`bundles/${name}/${file}`] = text
    if (Object.keys(data).length > 0) texts[`bundles/${name}/data.json`] = `${JSON.stringify(data, null, 2)}\n`
    for (const { entrypoint, module } of wasm)
      texts[`bundles/${name}/${entrypoint}.wasm`] = `sha256 ${createHash('sha256').update(module).digest('hex')}\n`
  }
  return texts
}

function describeIntegration({ name, change, capabilities, fields }: IntegrationChange): string {
  const lines = [
    `integration ${name}${change === 'changed' ? '' : ` ${change}`}`,
    ...capabilities.flatMap(describeCapability),
    ...fields.map((field) => `  ${field}`),
  ]
  return `${lines.join('\n')}\n`
}

function describeCapability({
  before,
  after,
  change,
  about,
  newlyAllowed,
  noLongerAllowed,
  changed,
  coveredBy,
}: CapabilityChange): readonly string[] {
  const place = before !== null && after !== null && before !== after ? `${after} (was ${before})` : (after ?? before)
  const covered =
    coveredBy === null ? '' : change === 'added' ? `, and allows nothing new (${coveredBy} did)` : `, and ${coveredBy} still allows it`
  return [
    `  ${place} ${change}${covered}${change === 'added' || change === 'removed' ? '' : `: ${about.join(', ')}`}`,
    ...newlyAllowed.map((what) => `    ${coveredBy === null ? 'newly allowed' : 'allowed'}: ${what}`),
    ...noLongerAllowed.map((what) => `    ${coveredBy === null ? 'no longer allowed' : 'dropped'}: ${what}`),
    ...changed.map((what) => `    changed: ${what}`),
  ]
}
