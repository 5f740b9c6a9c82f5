/** Tells when the files of a folder have changed: chokidar says when to look, and what is found there says whether it did. */
import { dirname, relative } from 'node:path'
import { watch } from 'chokidar'
import { codeOfPath, type FileKind, listFiles, patiently, stampOf } from './folder-files.ts'

/** Editors and copies write in bursts; a folder that never rests is looked at all the same. */
const settleMs = 50
const maxSettleMs = 1000
/** For changes without an event: network file systems, lost events. It takes at most a hundredth of the time. */
const lookEveryMs = 5000
const restFactor = 100
/** What the plain names of a mounted ConfigMap lead through. */
const kubernetesData = '..data'
/** As young as this a file may change once more and look the same: clocks of file systems tick in milliseconds. */
const youngMs = 20

export interface WatchOptions {
  readonly everyMs?: number
}

export interface Watch {
  /** Changes after this are reported, so nothing that is read from then on is missed. */
  readonly begun: Promise<void>
  /** To be called before the folder is read for another reason: its present content is not reported as a change. Never rejects. */
  aboutToRead(): Promise<void>
  stop(): void
}

/** Calls back once a burst of changes has settled. `onError`: events of changes are not available, and the folder is polled instead. */
export function watchFolder(
  folder: string,
  kind: FileKind,
  onChange: () => void,
  onError: (error: Error) => void,
  { everyMs = lookEveryMs }: WatchOptions = {},
): Watch {
  let settling: NodeJS.Timeout | null = null
  let resting: NodeJS.Timeout | null = null
  let burstSince = 0
  let stopped = false
  let looking: Promise<string | null> = fingerprint(folder, kind).catch(() => null)

  function look(): void {
    settling = null
    if (resting !== null) clearTimeout(resting)
    // One after the other, each compared with the last that could be taken.
    looking = looking.then(async (seen) => {
      const from = performance.now()
      const now = await fingerprint(folder, kind).catch(() => null)
      if (stopped) return seen
      resting = setTimeout(look, Math.max(everyMs, restFactor * (performance.now() - from))).unref()
      if (now === null || now === seen) return seen
      onChange()
      return now
    })
  }

  function changed(): void {
    if (stopped) return
    const now = performance.now()
    if (settling === null) burstSince = now
    else if (now - burstSince > maxSettleMs) return
    else clearTimeout(settling)
    settling = setTimeout(look, settleMs)
  }

  const reported = new Set<string>()
  // Watched from the folder above, where another folder, or a link to a folder, may take its name.
  const above = dirname(folder)
  const watcher = watch(above, {
    ignoreInitial: true,
    persistent: false,
    ...(!kind.deep && { depth: 1 }),
    ignored(path, stats) {
      if (path === above || path === folder) return false
      const name = relative(folder, path)
      if (name.startsWith('../')) return true
      return kind.deep ? stats?.isFile() === true && !kind.covers(name) : name !== kubernetesData && !kind.covers(name)
    },
  })
  watcher.on('all', changed)
  // What changed before the first event could be reported.
  watcher.on('ready', changed)
  watcher.on('error', (error) => {
    const { code, message } = error as NodeJS.ErrnoException
    if (stopped || reported.has(code ?? message)) return
    reported.add(code ?? message)
    onError(error as Error)
  })
  resting = setTimeout(look, everyMs).unref()
  return {
    begun: looking.then(() => {}),
    aboutToRead() {
      looking = looking.then(async (seen) => (await fingerprint(folder, kind).catch(() => null)) ?? seen)
      return looking.then(() => {})
    },
    stop() {
      stopped = true
      for (const timer of [resting, settling]) if (timer !== null) clearTimeout(timer)
      watcher.close().catch(onError)
    },
  }
}

/** The state of the files that count; their contents are not read. Throws where it cannot be found out. */
async function fingerprint(folder: string, kind: FileKind): Promise<string> {
  try {
    let files = await listFiles(folder, kind, patiently)
    for (let waits = 0; waits < 2 && files.some(({ changedMs }) => Math.abs(Date.now() - changedMs) < youngMs); waits += 1) {
      await new Promise((resolve) => setTimeout(resolve, youngMs).unref())
      files = await listFiles(folder, kind, patiently)
    }
    return stampOf(files)
  } catch (error) {
    return codeOfPath(error)
  }
}
