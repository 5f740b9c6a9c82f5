/** Tells when the contents of a folder have changed, Kubernetes' symlink swaps and file systems without notifications included. */
import { type FSWatcher, statSync, watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Editors and copies write in bursts; a folder that never rests is looked at all the same. */
const settleMs = 50
const maxSettleMs = 1000
/** For what no event tells: network file systems, a folder that was replaced whole. */
const lookEveryMs = 5000

export interface WatchOptions {
  readonly everyMs?: number
  /** Which files count, by their name; manifests and rules where absent. */
  readonly covers?: (name: string) => boolean
  /** Folders below count as well. */
  readonly deep?: boolean
}

const isManifestOrRule = (name: string) => /^[^.].*\.(?:ya?ml|rego)$/.test(name)

export interface Watch {
  /** Changes after this are told: what is read from then on is not missed. */
  readonly begun: Promise<void>
  stop(): void
}

/** Calls back once a burst of changes has settled. A folder that cannot be watched is told to `onError`, and looked at from time to time. */
export function watchFolder(
  folder: string,
  onChange: () => void,
  onError: (error: Error) => void,
  { everyMs = lookEveryMs, covers = isManifestOrRule, deep = true }: WatchOptions = {},
): Watch {
  let watcher: FSWatcher | null = null
  let watched = ''
  let settling: NodeJS.Timeout | null = null
  let burstSince = 0
  let stopped = false
  let looking: Promise<string | null> = fingerprint(folder, covers, deep).catch(() => null)

  function look(): void {
    settling = null
    renew()
    // One after the other, each compared with the last that could be taken.
    looking = looking.then(async (seen) => {
      const now = await fingerprint(folder, covers, deep).catch(() => null)
      if (now === null || now === seen || stopped) return seen
      onChange()
      return now
    })
  }

  function changed(): void {
    const now = performance.now()
    if (settling === null) burstSince = now
    else if (now - burstSince > maxSettleMs) return
    else clearTimeout(settling)
    settling = setTimeout(look, settleMs)
  }

  /** A watcher stays with the folder that it was given, even where another has taken its name. */
  function renew(): void {
    const identity = identityOf(folder)
    if (identity === watched) return
    watched = identity
    watcher?.close()
    watcher = null
    if (identity === '') return
    try {
      watcher = watch(folder, { persistent: false, recursive: false }, changed)
      watcher.on('error', onError)
    } catch (error) {
      onError(error as Error)
    }
  }

  renew()
  if (watched === '') onError(new Error(`${folder} is not there`))
  const timer = setInterval(look, everyMs).unref()
  return {
    begun: looking.then(() => {}),
    stop() {
      stopped = true
      clearInterval(timer)
      if (settling !== null) clearTimeout(settling)
      watcher?.close()
    },
  }
}

/** Empty where it is not there, or cannot be looked at. */
function identityOf(path: string): string {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
    return stats === undefined ? '' : `${stats.dev}:${stats.ino}`
  } catch {
    return ''
  }
}

function stateOf(error: NodeJS.ErrnoException): string {
  if (error.code !== undefined && statesOfPath.has(error.code)) return error.code
  throw error
}

/** What it says of a folder or file that it cannot be read so; whatever else goes wrong (no descriptors, no memory) says nothing of it. */
const statesOfPath = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG'])

/**
 * Names, sizes and times of the files that count, through links; their contents are the reader's business. Throws where they
 * cannot be told.
 */
async function fingerprint(folder: string, covers: (name: string) => boolean, deep: boolean): Promise<string> {
  try {
    const stamps: string[] = []
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const { name } = entry
      const path = join(folder, name)
      if (entry.isDirectory()) {
        if (deep && !name.startsWith('.')) stamps.push(`${name}/\0${await fingerprint(path, covers, deep)}`)
      } else if (covers(name)) stamps.push(`${name}\0${await stampOf(path)}`)
    }
    return stamps.sort().join('\n')
  } catch (error) {
    return stateOf(error as NodeJS.ErrnoException)
  }
}

async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
  } catch (error) {
    return stateOf(error as NodeJS.ErrnoException)
  }
}
