/** Every revision that was ever active, with the manifests and rules it was made of, so that it can be active again. */
import { createHash } from 'node:crypto'
import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RegoSources } from './rego-files.ts'

/** File name → text, as they were read. */
export type ManifestTexts = Readonly<Record<string, string>>

/** One line of the history, newest last. */
export interface Activated {
  readonly revision: string
  /** ISO 8601, UTC. */
  readonly at: string
  /** What brought it about. */
  readonly how: 'start' | 'reload' | 'activate' | 'rollback'
}

interface Contents {
  /** File name → SHA-256 of the text that lies in the objects folder. */
  readonly manifests: Readonly<Record<string, string>>
  readonly rules: Readonly<Record<string, string>>
}

export interface History {
  /** Keeps the texts (each once, by its hash) and adds a line. */
  record(activated: Activated, texts: { readonly manifests: ManifestTexts; readonly rules: RegoSources }): Promise<void>
  /** Newest first. */
  list(): Promise<readonly Activated[]>
  /** Throws where the revision is unknown, or what is kept of it is not what was recorded. */
  read(revision: string): Promise<{ manifests: ManifestTexts; rules: RegoSources }>
  /** The revision that was chosen over what lies in the folders; kept over restarts. */
  pinned(): Promise<string | null>
  /** The file that says so. */
  readonly pinFile: string
  pin(revision: string | null): Promise<void>
}

/** What is kept cannot be used; the message says which file. */
export class HistoryError extends Error {
  readonly exitCode = 1

  constructor(message: string) {
    super(message)
    this.name = 'HistoryError'
  }
}

const revisionShape = /^[0-9a-f]{12}-[0-9a-f]{12}$/

export function createHistory(folder: string): History {
  const objects = join(folder, 'objects')
  const lines = join(folder, 'activations.jsonl')
  const pin = join(folder, 'pinned')
  const contentsOf = (revision: string) => join(folder, `${revision}.json`)
  const known = new Set<string>()

  async function keep(text: string): Promise<string> {
    const hash = sha256(text)
    if (!known.has(hash)) await writeFile(join(objects, hash), text, { flag: 'wx', mode: 0o600 }).catch(unlessThere)
    known.add(hash)
    return hash
  }

  async function keepAll(texts: Readonly<Record<string, string>>): Promise<Record<string, string>> {
    const hashes: Record<string, string> = {}
    for (const [name, text] of Object.entries(texts)) hashes[name] = await keep(text)
    return hashes
  }

  async function readAll(hashes: Readonly<Record<string, string>>): Promise<Record<string, string>> {
    const texts: Record<string, string> = {}
    for (const [name, hash] of Object.entries(hashes)) {
      const text = await readFile(join(objects, hash), 'utf8').catch((error: NodeJS.ErrnoException) => {
        throw new HistoryError(`what is kept of ${name} cannot be read: ${join(objects, hash)}: ${error.code}`)
      })
      if (sha256(text) !== hash) throw new HistoryError(`what is kept of ${name} was changed since: ${join(objects, hash)}`)
      texts[name] = text
    }
    return texts
  }

  return {
    async record(activated, { manifests, rules }) {
      await mkdir(objects, { recursive: true, mode: 0o700 })
      const contents: Contents = { manifests: await keepAll(manifests), rules: await keepAll(rules) }
      await replaceFile(contentsOf(activated.revision), `${JSON.stringify(contents)}\n`)
      // A line of its own, whatever a power cut left of the one before.
      await appendFile(lines, `\n${JSON.stringify(activated)}\n`, { mode: 0o600 })
    },
    async list() {
      const text = await readFile(lines, 'utf8').catch(noneYet)
      return text
        .split('\n')
        .flatMap((line) => activatedIn(line))
        .toReversed()
    },
    async read(revision) {
      // The name becomes a path: nothing but a revision does.
      const text = revisionShape.test(revision) ? await readFile(contentsOf(revision), 'utf8').catch(noneYet) : ''
      if (text === '') throw new HistoryError(`the revision "${revision}" is unknown; "sallyport policy list" shows those that are kept`)
      const { manifests, rules } = contentsIn(text, contentsOf(revision))
      return { manifests: await readAll(manifests), rules: await readAll(rules) }
    },
    pinFile: pin,
    pinned: async () => (await readFile(pin, 'utf8').catch(noneYet)).trim() || null,
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
    if (isHashes(contents?.manifests) && isHashes(contents?.rules)) return contents as Contents
  } catch {
    // Told below.
  }
  throw new HistoryError(`what is kept of the revision was changed since: ${path}`)
}

function isHashes(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((hash) => typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash))
  )
}

async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text, { mode: 0o600 })
  await rename(`${path}.tmp`, path)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function noneYet(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return ''
  throw error
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}
