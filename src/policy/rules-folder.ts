/** The folder of an author's rules. */
import { join } from 'node:path'
import { type FileKind, readSteadily } from '../config/index.ts'
import { isDataFile } from './bundle/index.ts'
import { RegoError, type RegoSources } from './compiler/index.ts'
import { requireNoData } from './left-aside.ts'
import { isRego, readRegoFiles, unreadableFolder } from './rego-files.ts'

/** Rules, and data, which is refused beside them. */
export const ruleFiles: FileKind = { covers: (name) => isRego(name) || isDataFile(name), deep: true }

/** Authors' Rego, by the names that messages use. Throws `RegoError`, for data beside it as well. */
export async function readRules(folder: string | null): Promise<RegoSources> {
  if (folder === null) return {}
  try {
    return await readSteadily(folder, ruleFiles, (files) => {
      requireNoData(files.map(({ name }) => `rules/${name}`))
      return readRegoFiles(files.map(({ name }) => [`rules/${name}`, join(folder, name)]))
    })
  } catch (error) {
    throw error instanceof RegoError ? error : unreadableFolder(folder, error as Error)
  }
}
