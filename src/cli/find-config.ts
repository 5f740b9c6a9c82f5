/** Which configuration a command means: the flag, the environment, this folder's, or the quick start's. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, loadConfig } from '../config/index.ts'

export const quickstartConfig = join(import.meta.dirname, '../../examples/quickstart/sallyport.yaml')

/** Throws `ConfigError`. Says on standard error when it falls back to the quick start. */
export function findConfig(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): Config {
  return loadConfig(configPath(flag, env), env)
}

function configPath(flag: string | undefined, env: NodeJS.ProcessEnv): string {
  const given = flag ?? env['SALLYPORT_CONFIG']
  if (given !== undefined) return given
  if (existsSync('sallyport.yaml') || !existsSync(quickstartConfig)) return 'sallyport.yaml'
  process.stderr.write('(no --config and no ./sallyport.yaml: using the quick start’s)\n')
  return quickstartConfig
}
