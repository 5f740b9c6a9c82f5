/** What configuration and manifests say of each other. */
import { join } from 'node:path'
import type { Integration } from '../core/index.ts'
import type { Config } from './config.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'

/** Throws `ConfigError` where a listener is for an integration without a manifest, or a manifest names a service that is not configured. */
export function requireKnown({ file, listeners, services, integrationsFolder }: Config, integrations: readonly Integration[]): void {
  const names = integrations.map(({ name }) => name)
  const offered = services.map(({ name }) => name)
  const list = (known: readonly string[]) => known.join(', ') || 'none'
  const problems: ConfigProblem[] = []
  for (const { name, integration } of listeners) {
    if (integration === null || names.includes(integration)) continue
    problems.push({
      file,
      line: 0,
      column: 0,
      path: `listeners.${name}.integration`,
      message: `there is no manifest of "${integration}" (known: ${list(names)})`,
    })
  }
  for (const { source, services: wanted } of integrations) {
    for (const { id, name } of wanted) {
      if (offered.includes(name)) continue
      problems.push({
        file: join(integrationsFolder, source),
        line: 0,
        column: 0,
        path: id.replace('/', '.'),
        message: `sallyport.yaml has no service "${name}" (known: ${list(offered)})`,
      })
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)
}
