/** The manifests of a folder as one set: all of them are good, or none is used. */
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ConfigError, type ConfigProblem, readText } from '../config/index.ts'
import type { Integration } from '../core/index.ts'
import { type FileKind, type FolderFile, readSteadily } from '../files/index.ts'
import { decodeIdentity, decodeManifest, type ManifestDefaults, type ManifestIdentity } from './decode.ts'

/** File name → text, as it was read. */
export type ManifestTexts = Readonly<Record<string, string>>

export interface Manifests {
  readonly integrations: readonly Integration[]
  readonly manifests: ManifestTexts
}

/** What was decoded before: a text that has not changed gives the very same Integration, and costs no decoding. */
export type Decoded = Map<string, { readonly stamp: string | null; readonly text: string; readonly integration: Integration }>

/** So many files are looked at between two turns of the event loop: a fraction of a millisecond, as a request takes many turns. */
const filesATurn = 8

/** One file of the folder: what it declares, or what is wrong with it. */
interface Looked {
  readonly name: string
  /** `null` where it cannot be read. */
  readonly text: string | null
  readonly integration: Integration | null
  readonly problems: readonly ConfigProblem[]
}

/** Every `.yaml` and `.yml` that is not hidden. */
export const manifestFiles: FileKind = { covers: (name) => /^[^.].*\.ya?ml$/.test(name), deep: false }

/** All `manifestFiles`. Throws `ConfigError` with the problems of all files. */
export async function loadManifests(folder: string, defaults: ManifestDefaults, decoded: Decoded = new Map()): Promise<Manifests> {
  const files = await lookAtEach(folder, defaults, decoded)
  const integrations = files.flatMap(({ integration }) => integration ?? [])
  const problems = [...files.flatMap((file) => file.problems), ...conflicts(folder, integrations)]
  if (problems.length > 0) throw new ConfigError(problems)
  return { integrations, manifests: Object.fromEntries(files.map(({ name, text }) => [name, text ?? ''])) }
}

/**
 * File name → whom the manifest names and by which tokens it is known, whatever else is wrong with it or with others;
 * `null` where not even that can be read. Throws `ConfigError` where the folder cannot be read.
 */
export async function loadIdentities(
  folder: string,
  defaults: ManifestDefaults,
  decoded: Decoded,
): Promise<ReadonlyMap<string, ManifestIdentity | null>> {
  const files = await lookAtEach(folder, defaults, decoded)
  return new Map(
    files.map(({ name, text, integration }) => [name, integration ?? (text === null ? null : decodeIdentity(join(folder, name), text))]),
  )
}

async function lookAtEach(folder: string, defaults: ManifestDefaults, decoded: Decoded): Promise<readonly Looked[]> {
  try {
    return await readSteadily(folder, manifestFiles, async (files) => {
      const looked: Looked[] = []
      for (const [index, file] of files.entries()) {
        if (index % filesATurn === filesATurn - 1) await nextTurn()
        looked.push(await lookAt(folder, file, defaults, decoded))
      }
      const present = new Set(files.map(({ name }) => join(folder, name)))
      for (const file of decoded.keys()) if (!present.has(file)) decoded.delete(file)
      return looked
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new ConfigError([{ file: folder, line: 0, column: 0, path: '', message: problemOfFolder(code) }])
  }
}

function problemOfFolder(code: string): string {
  return code === 'ENOENT' ? 'is not there: make the folder, or name another one by "integrations"' : `cannot be read: ${code}`
}

async function lookAt(folder: string, found: FolderFile, defaults: ManifestDefaults, decoded: Decoded): Promise<Looked> {
  const { name } = found
  const file = join(folder, name)
  const stamp = Date.now() - found.changedMs >= youngMs ? found.stamp : null
  const before = decoded.get(file)
  if (before !== undefined && stamp !== null && before.stamp === stamp) return { name, ...before, problems: [] }
  const content = readText(file)
  if ('problem' in content) {
    const problem = { file, line: 0, column: 0, path: '', message: content.problem }
    return { name, text: null, integration: null, problems: [problem] }
  }
  const { text } = content
  if (before?.text === text) {
    decoded.set(file, { ...before, stamp })
    return { name, ...before, problems: [] }
  }
  await nextTurn()
  try {
    const integration = decodeManifest(file, text, defaults)
    decoded.set(file, { stamp, text, integration })
    await nextTurn()
    return { name, text, integration, problems: [] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { name, text, integration: null, problems: error.problems }
  }
}

/** As young as this a file may change once more and look the same: clocks of file systems tick in milliseconds. */
const youngMs = 2000

/** The same of texts that were kept. Throws `ConfigError`. */
export function decodeManifests(folder: string, texts: ManifestTexts, defaults: ManifestDefaults): readonly Integration[] {
  const integrations = Object.entries(texts).map(([name, text]) => decodeManifest(join(folder, name), text, defaults))
  const problems = conflicts(folder, integrations)
  if (problems.length > 0) throw new ConfigError(problems)
  return integrations
}

/**
 * Two manifests of one name are refused: which of them counts would be undefined. One token for two integrations is allowed, since Basic
 * credentials name theirs; a Bearer token alone would be ambiguous and is refused at the door.
 */
function conflicts(folder: string, integrations: readonly Integration[]): ConfigProblem[] {
  const found: ConfigProblem[] = []
  const seen = new Map<string, string>()
  for (const { name, source } of integrations) {
    const earlier = seen.get(name)
    if (earlier !== undefined)
      found.push({ file: join(folder, source), line: 0, column: 0, path: 'name', message: `"${name}" is declared in ${earlier} already` })
    seen.set(name, source)
  }
  return found
}
