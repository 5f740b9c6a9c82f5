/** What configuration and manifests say of each other. */
import { join } from 'node:path'
import type { Integration } from '../core/index.ts'
import type { Config } from './config.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { suggest } from './did-you-mean.ts'
import { governingRoots } from './governed.ts'
import { readText } from './read-text.ts'
import { type Path, readYaml } from './yaml-document.ts'

/**
 * Throws `ConfigError` where a listener or the policy’s grant is for an integration without a manifest, a manifest names a service that is not
 * configured, or a file capability would open what governs the gateway.
 */
export function requireKnown(config: Config, integrations: readonly Integration[]): void {
  const { file, listeners, services, integrationsFolder } = config
  const names = integrations.map(({ name }) => name)
  const offered = services.map(({ name }) => name)
  const problems: ConfigProblem[] = []
  for (const [index, { integration }] of listeners.entries()) {
    if (integration === null || names.includes(integration)) continue
    problems.push(placed(file, ['listeners', index, 'integration'], `there is no manifest of ${unknown(integration, names)}`))
  }
  const { integration: granted } = config.policy.grants
  if (granted !== null && !names.includes(granted))
    problems.push(placed(file, ['policy', 'grants', 'integration'], `there is no manifest of ${unknown(granted, names)}`))
  for (const { source, services: wanted, files } of integrations) {
    const manifest = join(integrationsFolder, source)
    for (const [index, { name }] of wanted.entries()) {
      if (!offered.includes(name))
        problems.push(placed(manifest, ['services', index, 'name'], `sallyport.yaml has no service ${unknown(name, offered)}`))
    }
    for (const { index, message } of governingRoots(config, files)) problems.push(placed(manifest, ['files', index, 'root'], message))
  }
  if (problems.length > 0) throw new ConfigError(problems)
}

function unknown(name: string, known: readonly string[]): string {
  return `"${name}"${suggest(name, known)} (known: ${known.join(', ') || 'none'})`
}

/** Decoded values carry no place: the file is read once more, and has no line where it has changed since. */
function placed(file: string, path: Path, message: string): ConfigProblem {
  const content = readText(file)
  if ('text' in content) return readYaml({ file, text: content.text }).problemAt(path, message)
  return { file, line: 0, column: 0, path: path.map(String).join('.'), message }
}
