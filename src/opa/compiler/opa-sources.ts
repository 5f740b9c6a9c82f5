/** A request as the files that `opa` reads. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CompilerRequest } from './protocol.ts'

/** Text of `opa` with the sources' names in the place of the paths they were written to. */
export type Renamed = (text: string) => string

/** Writes `rego/…`, `data/data.json`, `capabilities.json` and `schema.json`, each at the path that the arguments of `opa`, run in `folder`, name. */
export async function writeRequest(folder: string, request: CompilerRequest, withTests: boolean): Promise<Renamed> {
  const { sources = {}, capabilities = {}, schema, data = {} } = request
  await writeJson(join(folder, 'capabilities.json'), capabilities)
  if (schema !== undefined) await writeJson(join(folder, 'schema.json'), schema)
  await mkdir(join(folder, 'rego'))
  await mkdir(join(folder, 'data'))
  await writeJson(join(folder, 'data/data.json'), data)
  const kept = Object.entries(sources).filter(([name]) => withTests || !name.endsWith('_test.rego'))
  // A name may lead out of the folder (`../rules/a.rego`) or hold what no pattern would find in a message: numbers do neither.
  for (const [index, [, text]] of kept.entries()) await writeFile(join(folder, fileOf(index)), text)
  return (text) => text.replace(/\brego\/(\d+)\.rego\b/g, (path, index) => kept[Number(index)]?.[0] ?? path)
}

/** Where the source at this place of the request's is written, where tests are as well. */
export function fileOf(index: number): string {
  return `rego/${index}.rego`
}

function writeJson(path: string, value: unknown): Promise<void> {
  return writeFile(path, JSON.stringify(value))
}
