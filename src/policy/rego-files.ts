/** Rego as people wrote it: bounded files in UTF-8; whatever cannot be read is a problem with its name. */

import { join } from 'node:path'
import { readText } from '../config/index.ts'
import { listFiles } from '../files/index.ts'
import { RegoError, type RegoSources } from '../opa/index.ts'

/** The largest that authors write have some hundred KiB; the compiler takes seconds for one of this size. */
const maxRegoBytes = 4 * 1024 * 1024

/** Every `.rego` below a folder, by its path relative to it; `prefix` goes before each name. Throws `RegoError`. */
export async function readRego(folder: string, prefix: string): Promise<RegoSources> {
  return readRegoFiles((await listRego(folder)).map((name) => [`${prefix}${name}`, join(folder, name)]))
}

/** Paths below the folder, sorted. Throws `RegoError`. */
export async function listRego(folder: string): Promise<readonly string[]> {
  const files = await listFiles(folder, { covers: isRego, deep: true }).catch((error) => {
    throw unreadableFolder(folder, error)
  })
  return files.map(({ name }) => name)
}

/** `files`: the name for messages, and the path. Throws `RegoError` with every file that cannot be read. */
export function readRegoFiles(files: readonly (readonly [string, string])[]): RegoSources {
  const sources: Record<string, string> = {}
  const problems: [string, string][] = []
  for (const [name, path] of files) {
    const content = readText(path, maxRegoBytes)
    if ('problem' in content) problems.push([name, content.problem])
    else sources[name] = content.text
  }
  if (problems.length > 0) throw unreadable(problems)
  return sources
}

export const isRego = (name: string): boolean => name.endsWith('.rego')

export const isRegoTest = (name: string): boolean => name.endsWith('_test.rego')

export function unreadableFolder(folder: string, error: NodeJS.ErrnoException): RegoError {
  return unreadable([[folder, `cannot be read: ${error.code ?? error.message}`]])
}

function unreadable(problems: readonly (readonly [string, string])[]): RegoError {
  return new RegoError(problems.map(([file, message]) => ({ file, row: 0, column: 0, code: 'file', message })))
}
