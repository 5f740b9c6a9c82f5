/** What configuration and manifests say about each other: names that must exist, and file roots that may not open what governs the gateway. */

import { realpathSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import type { FileCapability, Integration } from '../core/index.ts'
import type { Config } from './config.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { readText } from './read-text.ts'
import { suggest } from './schema-messages.ts'
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

/** The place of each offending root in `files`, and why. Looks at where links lead now; roots that are not there yet count as written. */
export function governingRoots(config: Config, files: readonly FileCapability[]): readonly { index: number; message: string }[] {
  if (files.length === 0) return []
  const { rulesFolder, shadow, bundles } = config.policy
  const rules = [rulesFolder, shadow?.rulesFolder].filter((folder) => folder != null)
  const local = bundles.flatMap(({ place }) => (place.kind === 'server' ? [] : [place.path]))
  const published = config.trust.folder === config.state.ca.folder ? [] : [config.trust.folder]
  // Below these nothing may be opened; manifests are read from the folder itself only.
  const whole = [config.state.folder, config.audit.folder, ...published, ...rules, ...local]
  const trust = config.http.originCaFile === null ? [] : [config.http.originCaFile]
  // A file in a socket's place would shut out those that connect to it.
  const sockets = config.listeners.flatMap(({ address }) => ('socket' in address ? [address.socket] : []))
  const own = [...whole, config.integrationsFolder, config.admin.socketPath, ...sockets, config.file, ...trust].map(resolved)
  const closed = whole.map(resolved)
  return files.flatMap(({ root }, index) => {
    const real = resolved(root)
    const held = own.find((folder) => isWithin(folder, real)) ?? closed.find((folder) => isWithin(real, folder))
    return held === undefined ? [] : [{ index, message: `opens ${held}, which is the gateway’s own` }]
  })
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way !== '..' && !way.startsWith(`..${sep}`)
}

/** Links of the part that exists are followed. */
function resolved(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(resolved(parent), basename(path))
  }
}
