/** `sallyport policy explain`: one request of the log, why it was decided so, and what would change that. */
import { join, relative } from 'node:path'
import { explainRecord, isUndecided, smallestChange, withAddition } from '../../authoring/index.ts'
import { type Config, ConfigError, requireKnown } from '../../config/index.ts'
import type { Integration } from '../../core/index.ts'
import { createIntegrationRegistry } from '../../manifests/index.ts'
import { type PolicySet, requestOf } from '../../policy/index.ts'
import { describeExplained, type Explained } from './explanation-text.ts'
import { readTrail } from './log.ts'
import { type OfflinePolicy, withOfflinePolicy } from './offline-policy.ts'
import { readNamedSet } from './policy-sources.ts'

export async function explain(config: Config, id: string, json: boolean): Promise<string> {
  const trail = await readTrail(config, id)
  const { decided } = trail
  if (decided === null) {
    if (json) return `${JSON.stringify(trail)}\n`
    return `${id} was refused before any rule was asked: ${trail.refused?.code}: ${trail.refused?.detail}\n`
  }
  const disk = await readNamedSet(config, 'latest')
  // A revision that is no longer kept is explained by the files on disk, and the text says so.
  const kept = await readNamedSet(config, decided.revision).catch(() => null)
  const recorded = kept ?? disk
  const explained: Explained = await withOfflinePolicy(config, disk, async (offline) => {
    const explanation = await explainRecord(decided, {
      compile: offline.compile,
      grants: config.policy.grants.builtins,
      recorded: {
        rules: recorded.rules,
        bundles: recorded.bundles,
        find: (name) => recorded.integrations.find((integration) => integration.name === name),
      },
      now: { decide: offline.decide, find: offline.find, rules: disk.rules, bundles: disk.bundles },
    })
    return {
      ...explanation,
      trail,
      isKept: kept !== null,
      ...(await changeFor(config, explanation, disk, offline)),
    }
  })
  return json ? `${JSON.stringify(explained)}\n` : describeExplained(explained)
}

/** A change is suggested only after the real engine has allowed the request with it. */
async function changeFor(
  config: Config,
  { record, now, rulesNow }: Pick<Explained, 'record' | 'now' | 'rulesNow'>,
  { integrations, manifests }: PolicySet,
  offline: OfflinePolicy,
): Promise<Pick<Explained, 'change' | 'hopeless'>> {
  if (isUndecided(now) || now.allow) return { change: null, hopeless: null }
  if (now.rule.startsWith('rules/')) {
    const lines = rulesNow.held.map(({ file, row }) => `${file}:${row}`).join(', ')
    return { change: null, hopeless: `a rule denies it${lines === '' ? '' : ` (${lines})`}, and a deny wins over every manifest` }
  }
  if (!now.rule.startsWith('default/')) return { change: null, hopeless: 'the policy itself fails on it' }
  const recorded = requestOf(record, offline.find)
  const { request } = recorded
  const { source } = request.integration
  const text = source === undefined ? undefined : manifests[source]
  if (text === undefined) return { change: null, hopeless: `no manifest of "${record.integration}" lies in the folder any more` }
  const add = smallestChange(request, text)
  if (add === null) return { change: null, hopeless: 'there is no capability for it' }
  const others = integrations.filter((integration) => integration.name !== record.integration)
  const changed = decodeOne(config, source, withAddition(text, add), others)
  if (typeof changed === 'string') return { change: null, hopeless: changed }
  await offline.replace([...others, changed])
  const after = offline.decide({ ...recorded, request: { ...request, integration: changed } as typeof request })
  if (isUndecided(after)) return { change: after, hopeless: null }
  if (!after.allow) return { change: null, hopeless: `no capability allows it: ${after.reasons.join('; ')}` }
  return { change: { manifest: relative('', join(config.integrationsFolder, source)), add, rule: after.rule }, hopeless: null }
}

/** What makes the changed manifest bad, where it is. */
function decodeOne(config: Config, source: string, text: string, others: readonly Integration[]): Integration | string {
  try {
    const [integration] = createIntegrationRegistry(config.integrationsFolder, config.defaults).decode({ [source]: text })
    if (integration === undefined) return 'the manifest is empty'
    requireKnown(config, [...others, integration])
    return integration
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems[0]?.message ?? error.message
  }
}
