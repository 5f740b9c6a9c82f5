/** Which configuration a command means: the flag, the environment, or this folder's. */
import { existsSync } from 'node:fs'
import { type Config, ConfigError, loadConfig } from '../config/index.ts'

/** Throws `ConfigError`, also where none is named or found: a command that used another one would answer for a gateway that does not run. */
export function findConfig(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): Config {
  const given = flag ?? env['SALLYPORT_CONFIG']
  if (given === undefined && !existsSync(here)) throw new ConfigError([{ file: here, line: 0, column: 0, path: '', message: missing }])
  return loadConfig(given ?? here, env)
}

const here = 'sallyport.yaml'
const missing =
  'there is none in this folder. Name one with --config FILE or SALLYPORT_CONFIG (the quick start’s is examples/quickstart/sallyport.yaml)'
