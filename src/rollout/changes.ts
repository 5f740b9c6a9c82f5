/** What an activation changes, by integration: for the history and the record. */
import type { Integration } from '../core/index.ts'

/** Integration → the parts of its manifest that are otherwise than before; or `added`, or `removed`. */
export type IntegrationChanges = Readonly<Record<string, readonly string[]>>

/** Not its file, which is there for messages. */
const parts = [
  'tokenHashes',
  'owner',
  'labels',
  'network',
  'services',
  'files',
  'limits',
  'breaker',
  'redaction',
  'telemetry',
  'denials',
] as const

export function changesBetween(before: Iterable<Integration>, after: readonly Integration[]): IntegrationChanges {
  const old = new Map(Array.from(before, (integration) => [integration.name, integration]))
  const changes: Record<string, readonly string[]> = {}
  for (const integration of after) {
    const known = old.get(integration.name)
    old.delete(integration.name)
    if (known === undefined) changes[integration.name] = ['added']
    else if (known !== integration) {
      const changed = parts.filter((part) => JSON.stringify(known[part]) !== JSON.stringify(integration[part]))
      if (changed.length > 0) changes[integration.name] = changed.map((part) => (part === 'tokenHashes' ? 'tokens' : part))
    }
  }
  for (const name of old.keys()) changes[name] = ['removed']
  return changes
}

const maxNamed = 50

/** Names of what is otherwise in these texts, or only in one of them; at most so many as are named. */
export function changedNames(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  const changed = [...names].filter((name) => before[name] !== after[name]).sort()
  return changed.length <= maxNamed ? changed : [...changed.slice(0, maxNamed), `and ${changed.length - maxNamed} more`]
}

/** `weather: limits, network; mailer: added`. */
export function describeChanges(changes: IntegrationChanges): string {
  const all = Object.entries(changes).map(([name, what]) => `${name}: ${what.join(', ')}`)
  const more = all.length - maxNamed
  return more <= 0 ? all.join('; ') : `${all.slice(0, maxNamed).join('; ')}; and ${more} more`
}

/** The same of a line in the history, which is read whole to list it. */
export function boundedChanges(changes: IntegrationChanges): IntegrationChanges {
  const all = Object.entries(changes)
  return all.length <= maxNamed ? changes : Object.fromEntries([...all.slice(0, maxNamed), ['…', [`${all.length - maxNamed} more`]]])
}
