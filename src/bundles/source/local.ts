/** A bundle of this machine: an archive or a folder, read again when it changes. */
import { readFile, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { type FileKind, type Watch, watchFolder } from '../../files/index.ts'
import { BundleError, bundleFiles, readBundle, readBundleFolder, type SnapshotBundle } from '../format/index.ts'
import { type BundleSource, type BundleSourceOptions, failureOf, NotActivated, verificationOf } from './bundle-source.ts'
import { createStatus, now } from './status.ts'

export interface LocalOptions extends BundleSourceOptions {
  readonly kind: 'file' | 'folder'
  readonly path: string
  /** Changes cannot be watched; they are looked for from time to time. */
  readonly onUnwatched: (error: Error) => void
}

export function createLocalSource({ config, kind, path, offer, onFailure, onStatus, onUnwatched }: LocalOptions): BundleSource {
  const { name, maxBytes } = config
  const options = { verification: verificationOf(config), maxBytes }
  const status = createStatus(name, onStatus)
  let working: Promise<void> = Promise.resolve()
  let isWaiting = false
  let watch: Watch | null = null
  let hasStarted = false
  let hasChanged = false

  async function read(): Promise<SnapshotBundle> {
    status.set({ lastRequest: now() })
    const bundle =
      kind === 'folder'
        ? await readBundleFolder(path, options)
        : await readBundle(await readArchiveFile(path, maxBytes), { ...options, origin: path })
    if (bundle.kind === 'delta') throw new BundleError(path, null, 'is a delta, which only a server can send; build a snapshot')
    status.set({ lastSuccessfulRequest: now(), lastSuccessfulDownload: now(), type: 'snapshot' })
    return bundle
  }

  async function fetch(): Promise<void> {
    try {
      const { ok, problem = '' } = await offer(name, await read(), path)
      if (!ok) throw new NotActivated(problem)
      status.recovered()
    } catch (error) {
      const { problem, kind } = failureOf(error)
      const isNew = problem !== status.read().message
      status.failed(problem)
      onFailure({ name, problem, isNew, kind })
    }
  }

  function again(): void {
    if (!hasStarted) hasChanged = true
    // The read that is waiting will see this change as well.
    if (!hasStarted || isWaiting) return
    isWaiting = true
    working = working.then(() => {
      isWaiting = false
      return fetch()
    })
  }

  function watchIt(): Watch {
    const archive: FileKind = { covers: (name) => name === basename(path), deep: false }
    return kind === 'folder' ? watchFolder(path, bundleFiles, again, onUnwatched) : watchFolder(dirname(path), archive, again, onUnwatched)
  }

  return {
    name,
    async load() {
      // Before it is read: a change in between is not missed.
      watch ??= watchIt()
      await watch.begun
      return read()
    },
    start() {
      hasStarted = true
      watch ??= watchIt()
      if (hasChanged) again()
    },
    activated(bundle) {
      status.set({ activeRevision: bundle?.revision ?? null, ...(bundle !== null && { lastSuccessfulActivation: now() }) })
    },
    // It is on this machine already.
    keep: async () => {},
    status: status.read,
    async close() {
      watch?.stop()
      await working
    },
  }
}

async function readArchiveFile(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const stats = await stat(path)
    if (!stats.isFile()) throw new BundleError(path, null, 'is not a regular file; expected an archive as "opa build" makes it')
    if (stats.size > maxBytes) throw new BundleError(path, null, `is larger than ${maxBytes} bytes; split the bundle or raise its limit`)
    return await readFile(path)
  } catch (error) {
    if (error instanceof BundleError) throw error
    throw new BundleError(path, null, `cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`)
  }
}
