/** The folder of an author's rules. */
import { dirname, join, relative } from 'node:path'
import { isDataFile } from '../bundles/index.ts'
import { type FileKind, readSteadily } from '../files/index.ts'
import { RegoError, type RegoSources } from '../opa/index.ts'
import { requireNoData } from './refuse-unread-files.ts'
import { isRego, readRegoFiles, unreadableFolder } from './rego-files.ts'

/** Rules, and data, which is refused beside them. */
export const ruleFiles: FileKind = { covers: (name) => isRego(name) || isDataFile(name), deep: true }

/** Whatever the folder is called, so that a revision does not depend on it. */
const prefix = 'rules/'

/** Authors' Rego, by its names in a revision. Throws `RegoError`, for data beside it as well. */
export async function readRules(folder: string | null): Promise<RegoSources> {
  if (folder === null) return {}
  try {
    return await readSteadily(folder, ruleFiles, (files) => {
      requireNoData(files.map(({ name }) => `${prefix}${name}`))
      return readRegoFiles(files.map(({ name }) => [`${prefix}${name}`, join(folder, name)]))
    })
  } catch (error) {
    throw error instanceof RegoError ? error : unreadableFolder(folder, error as Error)
  }
}

/** Runs `work` on the rules of a folder; the `RegoError` it throws names their files relative to the configuration's folder. */
export async function namingFiles<Result>(configFile: string, folder: string | null, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (folder === null || !(error instanceof RegoError)) throw error
    const place = relative(dirname(configFile), folder)
    throw new RegoError(
      error.problems.map((problem) =>
        problem.file.startsWith(prefix) ? { ...problem, file: join(place, problem.file.slice(prefix.length)) } : problem,
      ),
    )
  }
}
