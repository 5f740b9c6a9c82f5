/** The sources and arguments that `opa` gets, and its output as the answers of the compiler that it replaces. */

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseJson } from '../../text/index.ts'
import type { CompilerProblem, CompilerRequest, TestOutcome } from './protocol.ts'

interface Location {
  readonly file: string
  readonly row: number
  readonly col: number
}

/** `opa test --format json`; what is empty or zero is left out. */
interface OpaTest {
  readonly location?: Location | null
  readonly package: string
  readonly name: string
  readonly fail?: boolean
  readonly skip?: boolean
  readonly error?: unknown
  /** Base64. */
  readonly output?: string
  /** Nanoseconds. */
  readonly duration?: number
}

/** `opa check --format json`. */
interface OpaError {
  readonly message: string
  readonly code: string
  readonly location?: Location | null
  readonly details?: { readonly oneOf?: readonly string[] } | null
}

const maxTextCharacters = 2000

/** `null` where the sources did not compile, so that no test ran. */
export function testsOf(stdout: string, renamed: Renamed): readonly TestOutcome[] | null {
  const found = parsed(stdout)
  return Array.isArray(found) ? (found as OpaTest[]).map((test) => outcomeOf(test, renamed)) : null
}

function outcomeOf({ location, fail, skip, error, output, duration = 0, ...test }: OpaTest, renamed: Renamed): TestOutcome {
  return {
    file: location == null ? '' : renamed(location.file),
    row: location?.row ?? 0,
    package: test.package,
    name: test.name,
    passed: fail !== true && skip !== true && error == null,
    ...(skip === true && { skipped: true }),
    ...(error != null && { error: renamed(messageOf(error)) }),
    ...(output !== undefined && { output: Buffer.from(output, 'base64').toString('utf8') }),
    millis: duration / 1e6,
  }
}

function messageOf(error: unknown): string {
  const { message } = error as { message?: unknown }
  return typeof message === 'string' ? message : JSON.stringify(error)
}

export function problemsOfCheck(text: string, renamed: Renamed): readonly CompilerProblem[] {
  const errors = (parsed(text) as { errors?: readonly OpaError[] } | null)?.errors ?? []
  if (errors.length === 0) return problemsOfText(text, renamed)
  return errors.map(({ message, code, location, details }) => ({
    file: location == null ? '' : renamed(location.file),
    row: location?.row ?? 0,
    column: location?.col ?? 0,
    code,
    message: renamed(details?.oneOf === undefined ? message : `${message} (want (one of): ${JSON.stringify(details.oneOf)})`),
  }))
}

export function problemsOfText(text: string, renamed: Renamed): readonly CompilerProblem[] {
  const found = text.split('\n').flatMap((line) => {
    const [, file = '', row, code = '', message = ''] = /(\S+\.rego):(\d+): (\w+): (.*)$/.exec(line) ?? []
    return row === undefined ? [] : [{ file: renamed(file), row: Number(row), column: 0, code, message: renamed(message) }]
  })
  return found.length > 0
    ? found
    : [{ file: '', row: 0, column: 0, code: 'opa', message: renamed(text.trim()).slice(0, maxTextCharacters) }]
}

function parsed(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return null
  }
}

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
