/** Every revision that was ever active, with the manifests, rules and bundles it was made of, so that it can be active again. */
import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SnapshotBundle } from '../bundle/index.ts'
import type { IntegrationChanges } from '../changes.ts'
import type { BundleSet } from '../compose.ts'
import type { ManifestDefaults } from '../manifests/index.ts'
import type { RegoSources } from '../rego-files.ts'
import { HistoryError } from './history-error.ts'
import { type KeptBundle, keepBundle, readKeptBundle } from './kept-bundle.ts'
import { createObjects } from './objects.ts'

/** File name → text, as they were read. */
export type ManifestTexts = Readonly<Record<string, string>>

/** One line of the history, newest last. */
export interface Activated {
  readonly revision: string
  /** ISO 8601, UTC. */
  readonly at: string
  /** What brought it about. */
  readonly how: 'start' | 'reload' | 'bundle' | 'activate' | 'rollback'
  /** By what: `operator`, `folders`, `signal`, or the bundle's name. Absent in what earlier versions wrote. */
  readonly by?: string
  /** Integration → what of it is otherwise than before, or `added`, `removed`. Absent in what earlier versions wrote. */
  readonly changed?: IntegrationChanges
}

/** What a revision is made of. */
export interface Made {
  readonly manifests: ManifestTexts
  readonly rules: RegoSources
  readonly bundles: BundleSet
  /** What the manifests left to sallyport.yaml; absent in what earlier versions wrote. */
  readonly defaults?: ManifestDefaults
}

interface Contents {
  /** File name → SHA-256 of the text that lies in the objects folder. */
  readonly manifests: Readonly<Record<string, string>>
  readonly rules: Readonly<Record<string, string>>
  /** By name; absent in what earlier versions wrote. */
  readonly bundles?: Readonly<Record<string, KeptBundle>>
  readonly defaults?: ManifestDefaults
}

export interface History {
  /** Keeps the texts (each once, by its hash). */
  keep(revision: string, made: Made): Promise<void>
  /** Adds a line. */
  record(activated: Activated): Promise<void>
  /** Newest first. */
  list(): Promise<readonly Activated[]>
  /** Throws where the revision is unknown, or what is kept of it is not what was recorded. */
  read(revision: string): Promise<Made>
  /** The revision that was chosen over what lies in the folders; kept over restarts. */
  pinned(): Promise<string | null>
  /** The file that says so. */
  readonly pinFile: string
  pin(revision: string | null): Promise<void>
}

/** So many revisions are kept; each time that so many more have come, the oldest go. */
const maxRevisions = 200
const pruneEvery = 50

const revisionShape = /^[0-9a-f]{12}-[0-9a-f]{12}$/

export function createHistory(folder: string): History {
  const lines = join(folder, 'activations.jsonl')
  const pin = join(folder, 'pinned')
  const contentsOf = (revision: string) => join(folder, `${revision}.json`)
  const { keep, keepAll, read, readAll, retain } = createObjects(join(folder, 'objects'))
  let recorded = 0

  async function list(): Promise<readonly Activated[]> {
    const text = await readFile(lines, 'utf8').catch(noneYet)
    return text
      .split('\n')
      .flatMap((line) => activatedIn(line))
      .toReversed()
  }

  /** Data may change by the minute, and the disk is not the log's alone. */
  async function prune(): Promise<void> {
    const pinned = await readPin()
    const all = await list()
    const revisions = [...new Set(all.map(({ revision }) => revision))]
    if (revisions.length < maxRevisions + pruneEvery) return
    const stay = new Set([...revisions.slice(0, maxRevisions), ...revisions.filter((one) => one === pinned)])
    const used = new Set<string>()
    for (const revision of stay) for (const hash of hashesOf(await readContents(revision))) used.add(hash)
    const kept = all.filter(({ revision }) => stay.has(revision)).toReversed()
    await replaceFile(lines, kept.map((one) => `${JSON.stringify(one)}\n`).join(''))
    for (const revision of revisions) if (!stay.has(revision)) await rm(contentsOf(revision), { force: true })
    await retain(used)
  }

  async function readContents(revision: string): Promise<Contents | null> {
    // The name becomes a path: nothing but a revision does.
    const text = revisionShape.test(revision) ? await readFile(contentsOf(revision), 'utf8').catch(noneYet) : ''
    return text === '' ? null : contentsIn(text, contentsOf(revision))
  }

  const readPin = async () => (await readFile(pin, 'utf8').catch(noneYet)).trim() || null

  return {
    async keep(revision, { manifests, rules, bundles, defaults }) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const kept: Record<string, KeptBundle> = {}
      for (const [name, bundle] of bundles) kept[name] = await keepBundle(bundle, { keep, keepAll })
      const texts = { manifests: await keepAll(manifests), rules: await keepAll(rules) }
      const contents: Contents = { ...texts, bundles: kept, ...(defaults !== undefined && { defaults }) }
      await replaceFile(contentsOf(revision), `${JSON.stringify(contents)}\n`)
    },
    async record(activated) {
      // A line of its own, whatever a power cut left of the one before.
      await appendFile(lines, `\n${JSON.stringify(activated)}\n`, { mode: 0o600 })
      if (recorded++ % pruneEvery === 0) await prune()
    },
    list,
    async read(revision) {
      const contents = await readContents(revision)
      if (contents === null)
        throw new HistoryError(`the revision "${revision}" is unknown; "sallyport policy list" shows those that are kept`)
      const { manifests, rules, bundles = {}, defaults } = contents
      const found = new Map<string, SnapshotBundle>()
      for (const [name, kept] of Object.entries(bundles)) found.set(name, await readKeptBundle(kept, { read, readAll }))
      const texts = { manifests: await readAll(manifests), rules: await readAll(rules) }
      return { ...texts, bundles: found, ...(defaults !== undefined && { defaults }) }
    },
    pinFile: pin,
    pinned: readPin,
    async pin(revision) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      if (revision === null) await rm(pin, { force: true })
      else await replaceFile(pin, `${revision}\n`)
    },
  }
}

/** None in a line that was torn: it tells of an activation that nobody could list, and hides no other. */
function activatedIn(line: string): readonly Activated[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as Activated]
  } catch {
    return []
  }
}

function contentsIn(text: string, path: string): Contents {
  try {
    const contents = JSON.parse(text) as Partial<Contents> | null
    if ([contents?.manifests, contents?.rules].every((one) => typeof one === 'object' && one !== null)) return contents as Contents
  } catch {
    // Told below.
  }
  throw new HistoryError(`what is kept of the revision was changed since: ${path}`)
}

function hashesOf(contents: Contents | null): readonly string[] {
  const { manifests = {}, rules = {}, bundles = {} } = contents ?? {}
  const inBundles = Object.values(bundles).flatMap(({ rego, data, wasm }) => [...Object.values(rego), data, ...Object.values(wasm)])
  return [...Object.values(manifests), ...Object.values(rules), ...inBundles]
}

async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text, { mode: 0o600 })
  await rename(`${path}.tmp`, path)
}

function noneYet(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return ''
  throw error
}
