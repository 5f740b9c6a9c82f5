/** What is wrong with the sinks of the audit log: a gateway starts nevertheless, and ships nothing there until it is put right. */
import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import type { Config, SinkConfig } from '../config/index.ts'
import { loadMasks } from '../sinks/index.ts'
import { commandCompiler } from './compiler.ts'

/** Nothing is connected. */
export async function checkSinks(config: Config): Promise<string | { readonly warn: string }> {
  const { sinks } = config.audit
  if (sinks.length === 0) return 'none'
  const { compile, cacheFolder } = commandCompiler(config)
  const problems: string[] = []
  for (const sink of sinks) {
    try {
      if (sink.rules !== undefined && cacheFolder !== null)
        await loadMasks({ folder: sink.rules, cacheFolder, compile, onFailure: () => {} })
      requireWritable(sink)
    } catch (error) {
      problems.push(`${sink.name}: ${(error as Error).message}`)
    }
  }
  return problems.length > 0 ? { warn: problems.join('; ') } : sinks.map(({ name }) => name).join(', ')
}

function requireWritable(sink: SinkConfig): void {
  if (sink.type === 'file') accessSync(dirname(sink.path), constants.W_OK)
}
