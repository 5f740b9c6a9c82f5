/** What the configuration says of things that are declared elsewhere. */
import type { Config } from './config.ts'
import { ConfigError } from './config-error.ts'

/** Throws `ConfigError` where a listener is for an integration that has no manifest. */
export function requireKnown({ file, listeners }: Config, integrations: readonly string[]): void {
  const known = new Set(integrations)
  const problems = listeners.flatMap(({ name, integration }) =>
    integration === null || known.has(integration)
      ? []
      : [
          {
            file,
            line: 0,
            column: 0,
            path: `listeners.${name}.integration`,
            message: `there is no manifest of "${integration}" (known: ${[...known].join(', ') || 'none'})`,
          },
        ],
  )
  if (problems.length > 0) throw new ConfigError(problems)
}
