/** `sallyport policy suggest`: prints or writes a manifest made of what was recorded. */

import { suggest } from '../../authoring/index.ts'
import { type Config, maxTextBytes } from '../../config/index.ts'
import { createIntegrationRegistry } from '../../manifests/index.ts'
import type { DecidedRecord } from '../../policy/index.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { decided } from './log.ts'
import { writeOutput } from './policy-options.ts'

export interface SuggestFlags {
  readonly only?: 'allowed' | 'denied'
  readonly since?: number
  readonly siblings: number
  readonly owner?: string
  readonly output?: string
}

/** What to print. Throws `CommandError` where there is nothing to go by, or the file exists. */
export async function suggestManifest(
  config: Config,
  name: string,
  { only, since, siblings, owner, output }: SuggestFlags,
): Promise<string> {
  const registry = createIntegrationRegistry(config.integrationsFolder, config.defaults)
  const present = await presentOf(registry, name)
  const others = new Set<string>()
  const { text, capabilities, total } = await suggest(chosen(config, name, only, since, others), {
    name,
    present,
    owner: owner ?? 'to be named',
    maxSiblings: siblings,
  })
  if (total === null) throw new CommandError(nothing(name, only, others), exitCodes.usage)
  if (Buffer.byteLength(text) > maxTextBytes)
    throw new CommandError(
      `the manifest would be larger than one may be (${maxTextBytes} bytes, ${capabilities.length} capabilities): a lower --siblings, or --since, makes it smaller`,
    )
  // Whatever was recorded, what is printed is a manifest; if not, this is a bug, with its stack.
  registry.decode({ [`${name}.yaml`]: text })
  if (output === undefined) return text
  await writeOutput(output, text, { exclusive: true, exitCode: exitCodes.noInput })
  const count = `${capabilities.length} ${capabilities.length === 1 ? 'capability' : 'capabilities'}`
  return `${output}: ${count} for ${total.requests} ${only ?? 'allowed and denied'} request${total.requests === 1 ? '' : 's'}; review each\n`
}

async function presentOf(registry: ReturnType<typeof createIntegrationRegistry>, name: string) {
  const { integrations, manifests: texts } = await registry.read()
  const integration = integrations.find((integration) => integration.name === name)
  return integration === undefined ? null : { integration, text: texts[integration.source] ?? '' }
}

/** The integration’s own records; the names of others that have some are noted in `others`. */
async function* chosen(
  config: Config,
  name: string,
  only: SuggestFlags['only'],
  since: number | undefined,
  others: Set<string>,
): AsyncGenerator<DecidedRecord> {
  for await (const record of decided(config, { since })) {
    if (record.integration !== name) others.add(record.integration)
    else if (only === undefined || record.allow === (only === 'allowed')) yield record
  }
}

function nothing(name: string, only: SuggestFlags['only'], others: ReadonlySet<string>): string {
  const known = [...others].sort().slice(0, 20).join(', ')
  return `the log has no ${only ?? ''}${only === undefined ? '' : ' '}request of "${name}"${known === '' ? '' : ` (it has some of: ${known})`}`
}
