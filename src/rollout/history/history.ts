/** Every revision that was active, with the manifests, rules and bundles that it was made of, so that it can be active again. */
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder, temporaryName, writeAtomically } from '../../files/index.ts'
import type { IntegrationChanges } from '../changes.ts'
import { HistoryError, type KeptSet, readContents, readRevision, UnknownRevision, type Written, writeRevision } from './revision-folder.ts'

/** One line of the history, newest last. */
export interface Activated {
  readonly revision: string
  /** ISO 8601, UTC. */
  readonly at: string
  /** What caused it. */
  readonly how: 'start' | 'reload' | 'bundle' | 'activate' | 'rollback'
  /** By what: `operator`, `folders`, `signal`, or the bundle's name. Absent in what earlier versions wrote. */
  readonly by?: string
  /** Integration → what of it is otherwise than before, or `added`, `removed`. Absent in what earlier versions wrote. */
  readonly changed?: IntegrationChanges
}

export interface History {
  /** A folder with all of it, on disk when it resolves. */
  keep(revision: string, set: KeptSet): Promise<void>
  /** Adds a line. */
  record(activated: Activated): Promise<void>
  /** Newest first. */
  list(): Promise<readonly Activated[]>
  /** Throws `UnknownRevision`, or `HistoryError` where what is kept of it is not what was recorded. */
  read(revision: string): Promise<KeptSet>
  /** The pinned revision, which is active in place of the folders; kept over restarts. */
  pinned(): Promise<string | null>
  /** The file that says so. */
  readonly pinFile: string
  pin(revision: string | null): Promise<void>
}

/** How many revisions are kept, and how many lines about them; older ones are removed after each `pruneEvery` activations. */
const maxRevisions = 100
const maxLines = 1000
const pruneEvery = 50

const revisionShape = /^[0-9a-f]{12}-[0-9a-f]{12}$/
/** Of version 0.1: a file of hashes, and all texts in one folder. */
const earlierForm = /^(?:[0-9a-f]{12}-[0-9a-f]{12}\.json|objects)$/

export function createHistory(folder: string): History {
  const lines = join(folder, 'activations.jsonl')
  const pin = join(folder, 'pinned')
  const folderOf = (revision: string) => join(folder, revision)
  const written: Written = new WeakMap()
  let last: string | null = null
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
    const names = await readdir(folder)
    const pinned = await readPin()
    const all = await list()
    const revisions = [...new Set(all.map(({ revision }) => revision))].filter((revision) => names.includes(revision))
    const stay = new Set([...revisions.slice(0, maxRevisions), ...revisions.filter((revision) => revision === pinned)])
    const kept = all.filter(({ revision }, index) => stay.has(revision) && (index < maxLines || revision === pinned)).toReversed()
    if (kept.length < all.length) await writeAtomically(lines, kept.map((line) => `${JSON.stringify(line)}\n`).join(''), 0o600)
    const isLeft = (name: string) => temporaryName.test(name) || earlierForm.test(name) || (revisionShape.test(name) && !stay.has(name))
    for (const name of names.filter(isLeft)) await rm(join(folder, name), { recursive: true, force: true })
  }

  const readPin = async () => (await readFile(pin, 'utf8').catch(noneYet)).trim() || null

  return {
    async keep(revision, set) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const place = folderOf(revision)
      const isKept = await readContents(place).then(
        () => true,
        () => false,
      )
      if (!isKept) {
        await rm(place, { recursive: true, force: true })
        await writeRevision(place, set, last, written)
      }
      last = place
    },
    async record(activated) {
      const handle = await open(lines, 'a', 0o600)
      try {
        // A line of its own, whatever a power cut left of the one before.
        await handle.appendFile(`\n${JSON.stringify(activated)}\n`)
        await handle.sync()
      } finally {
        await handle.close()
      }
      if (recorded++ % pruneEvery === 0) await prune()
    },
    list,
    async read(revision) {
      // The name becomes a path: nothing but a revision does.
      const names = revisionShape.test(revision) ? await readdir(folder).catch(() => []) : []
      if (names.includes(revision)) return readRevision(folderOf(revision))
      const earlier = join(folder, `${revision}.json`)
      if (names.includes(`${revision}.json`))
        throw new HistoryError(
          `what is kept of the revision is in the form of an earlier version, which this one does not read: ${earlier}`,
        )
      throw new UnknownRevision(revision)
    },
    pinFile: pin,
    pinned: readPin,
    async pin(revision) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      if (revision !== null) return writeAtomically(pin, `${revision}\n`, 0o600)
      await rm(pin, { force: true })
      await syncFolder(folder)
    },
  }
}

/** None in a line that was torn, or that nothing here has written: it hides no other. */
function activatedIn(line: string): readonly Activated[] {
  try {
    const value: unknown = line === '' ? null : JSON.parse(line)
    return isActivated(value) ? [value] : []
  } catch {
    return []
  }
}

function isActivated(value: unknown): value is Activated {
  if (typeof value !== 'object' || value === null) return false
  const { revision, at, how, by = '', changed = {} } = value as Readonly<Record<string, unknown>>
  const texts = [revision, at, how, by].every((text) => typeof text === 'string')
  return (
    texts &&
    revisionShape.test(revision as string) &&
    typeof changed === 'object' &&
    changed !== null &&
    Object.values(changed).every(Array.isArray)
  )
}

function noneYet(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return ''
  throw error
}
