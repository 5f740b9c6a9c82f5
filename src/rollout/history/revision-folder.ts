/** A revision on disk: a folder with everything in it, bundles included, written whole and removed whole. */
import { createHash } from 'node:crypto'
import { link, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { constants, gunzip, gzip } from 'node:zlib'
import type { SnapshotBundle } from '../../bundles/index.ts'
import type { JsonObject } from '../../core/index.ts'
import { createFolderAtomically, writeSynced } from '../../files/index.ts'
import type { ManifestDefaults, ManifestTexts } from '../../manifests/index.ts'
import type { RegoSources } from '../../opa/index.ts'
import type { PolicySet } from '../../policy/index.ts'
import { parseExactJson } from '../../text/index.ts'

/** The integrations are decoded from the manifests again. */
export type KeptSet = Omit<PolicySet, 'integrations'>

/** `revision.json`: of each part the SHA-256 of the file beside it, which has its name. */
interface Contents {
  readonly manifests: string
  readonly rules: string
  /** By the bundle's name. */
  readonly bundles: Readonly<Record<string, string>>
  readonly defaults?: ManifestDefaults
}

const contentsFile = 'revision.json'
const [compress, decompress] = [promisify(gzip), promisify(gunzip)]

/** Which file a bundle was written to: one that has not changed is not put into JSON again, which takes long where it is large. */
export type Written = WeakMap<SnapshotBundle, string>

/** On disk when it resolves. What `before`, a revision's folder, has as well is not written again. Throws what the file system throws. */
export async function writeRevision(folder: string, set: KeptSet, before: string | null, written: Written): Promise<void> {
  await createFolderAtomically(folder, async (temporary) => {
    const isKept = async (name: string) =>
      before !== null &&
      (await link(join(before, name), join(temporary, name)).then(
        () => true,
        // It is there, from another part that says the same; or the file system has no links.
        ({ code }: NodeJS.ErrnoException) => code === 'EEXIST',
      ))
    async function keep(text: string): Promise<string> {
      const bytes = await compress(text, { level: constants.Z_BEST_SPEED })
      const name = sha256(bytes)
      if (!(await isKept(name))) await writeSynced(join(temporary, name), bytes, 0o600).catch(unlessThere)
      return name
    }
    async function keepBundle(bundle: SnapshotBundle): Promise<string> {
      const known = written.get(bundle)
      if (known !== undefined && (await isKept(known))) return known
      const name = await keep(writeBundle(bundle))
      written.set(bundle, name)
      return name
    }
    const bundles: Record<string, string> = {}
    for (const [name, bundle] of set.bundles) bundles[name] = await keepBundle(bundle)
    const { manifests, rules, defaults } = set
    const texts = { manifests: await keep(JSON.stringify(manifests)), rules: await keep(JSON.stringify(rules)) }
    const contents: Contents = { ...texts, bundles, ...(defaults !== undefined && { defaults }) }
    await writeSynced(join(temporary, contentsFile), `${JSON.stringify(contents)}\n`, 0o600)
  })
}

/** Throws `HistoryError` where something is not what was kept. */
export async function readRevision(folder: string): Promise<KeptSet> {
  const { manifests, rules, bundles, defaults } = await readContents(folder)
  const found = new Map<string, SnapshotBundle>()
  for (const [name, file] of Object.entries(bundles)) found.set(name, readKeptBundle(await readPart(folder, file, `the bundle ${name}`)))
  return {
    manifests: JSON.parse(await readPart(folder, manifests, 'the manifests')) as ManifestTexts,
    rules: JSON.parse(await readPart(folder, rules, 'the rules')) as RegoSources,
    bundles: found,
    ...(defaults !== undefined && { defaults }),
  }
}

/** Throws `HistoryError` where it is not there or damaged. */
export async function readContents(folder: string): Promise<Contents> {
  const path = join(folder, contentsFile)
  try {
    const contents = JSON.parse(await readFile(path, 'utf8')) as Contents
    // They become names of files: nothing but a hash does.
    const parts: readonly unknown[] = [contents.manifests, contents.rules, ...Object.values(contents.bundles)]
    if (parts.every((part) => typeof part === 'string' && /^[0-9a-f]{64}$/.test(part))) return contents
  } catch {
    // Told below.
  }
  throw new HistoryError(`what is kept of the revision was changed since: ${path}`)
}

async function readPart(folder: string, name: string, what: string): Promise<string> {
  const path = join(folder, name)
  const bytes = await readFile(path).catch(() => null)
  if (bytes === null) throw new HistoryError(`what is kept of ${what} cannot be read: ${path}`)
  if (sha256(bytes) !== name) throw new HistoryError(`what is kept of ${what} was changed since: ${path}`)
  return (await decompress(bytes)).toString()
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** One JSON text; numbers keep their spelling, modules are in Base64. */
export function writeBundle({ revision, roots, metadata, signedAt, rego, data, wasm }: SnapshotBundle): string {
  const modules = wasm.map(({ entrypoint, module }) => ({ entrypoint, module: Buffer.from(module).toString('base64') }))
  return JSON.stringify({ revision, roots, metadata, signedAt, rego, data, wasm: modules })
}

/** Of a text that `writeBundle` made. */
export function readKeptBundle(text: string): SnapshotBundle {
  const { data, metadata } = parseExactJson(text) as { readonly data: JsonObject; readonly metadata: JsonObject }
  const { revision, roots, signedAt, rego, wasm } = JSON.parse(text) as Omit<SnapshotBundle, 'wasm'> & {
    readonly wasm: readonly { readonly entrypoint: string; readonly module: string }[]
  }
  const modules = wasm.map(({ entrypoint, module }) => ({ entrypoint, module: Buffer.from(module, 'base64') }))
  return { kind: 'snapshot', revision, roots, metadata, signedAt, plan: null, rego, data, wasm: modules }
}

export class HistoryError extends Error {
  readonly exitCode = 1

  constructor(message: string) {
    super(message)
    this.name = 'HistoryError'
  }
}

/** Nothing is kept by that name: nothing is wrong but the name. */
export class UnknownRevision extends HistoryError {
  constructor(revision: string) {
    super(`the revision "${revision}" is unknown; "sallyport policy list" shows those that are kept`)
    this.name = 'UnknownRevision'
  }
}
