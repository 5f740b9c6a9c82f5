/** The calls of a log's writer, one of which is where the process is killed, or which fails. */
import { closeSync } from 'node:fs'
import { type AppendFile, realFile, type WholeFiles } from '../../src/audit/append-file.ts'

/** `killed before` and `killed behind` it: no later call is made either. The others: it throws, and what follows works again. */
export const crashKinds = ['killed before', 'killed behind', 'failed', 'failed but persisted'] as const
export type CrashKind = (typeof crashKinds)[number]

const never = new Promise<never>(() => {})
const failure = () => Object.assign(new Error('EIO: injected'), { code: 'EIO' })

export class CrashingFile implements AppendFile {
  readonly #at: number
  readonly #kind: CrashKind
  readonly #open = new Set<number>()
  /** Calls so far. */
  calls = 0
  /** Of the call that was hit. */
  hit: string | null = null
  /** Resolves once it was. */
  readonly crashed = Promise.withResolvers<void>()
  readonly whole: WholeFiles

  /** `at`: which call, from 1. */
  constructor(at: number, kind: CrashKind) {
    this.#at = at
    this.#kind = kind
    const { create, write, close, rename, syncFolder, remove } = realFile.whole
    const opened = async (path: string) => this.#track(await create(path))
    this.whole = {
      create: (path) => this.#step('create', () => opened(path)),
      write: (...call) => this.#step('write', () => write(...call)),
      close: (descriptor) => this.#stepSync('close', () => close(this.#untrack(descriptor))),
      rename: (...call) => this.#step('rename', () => rename(...call)),
      syncFolder: (path) => this.#step('sync folder', () => syncFolder(path)),
      remove: (path) => this.#step('remove', () => remove(path)),
    }
  }

  get isKilled(): boolean {
    return this.hit !== null && this.#kind.startsWith('killed')
  }

  open(path: string, isNew: boolean): number {
    return this.#stepSync('open wal', () => this.#track(realFile.open(path, isNew)))
  }

  write(descriptor: number, bytes: Uint8Array, done: (error: Error | null, written: number) => void): void {
    const write = () =>
      new Promise<number>((resolve, reject) =>
        realFile.write(descriptor, bytes, (error, written) => (error === null ? resolve(written) : reject(error))),
      )
    this.#step('write wal', write).then(
      (written) => done(null, written),
      (error: Error) => done(error, 0),
    )
  }

  sync(descriptor: number): void {
    this.#stepSync('sync wal', () => realFile.sync(descriptor))
  }

  size = realFile.size

  close(descriptor: number): void {
    if (!this.isKilled) realFile.close(this.#untrack(descriptor))
  }

  /** What the kernel does with a process that was killed. */
  closeAll(): void {
    for (const descriptor of this.#open) closeSync(descriptor)
    this.#open.clear()
  }

  async #step<T>(name: string, call: () => Promise<T>): Promise<T> {
    if (this.isKilled) return never
    if (!this.#isHit(name)) return call()
    // What fails by itself, as a file in a folder that is not there yet, is done as well.
    if (this.#kind === 'killed behind' || this.#kind === 'failed but persisted') await call().catch(() => {})
    this.crashed.resolve()
    if (this.isKilled) return never
    throw failure()
  }

  /** Nobody can be kept waiting here: what is killed fails, and nothing that it leads to is done. */
  #stepSync<T>(name: string, call: () => T): T {
    if (this.isKilled) throw failure()
    if (!this.#isHit(name)) return call()
    if (this.#kind === 'killed behind' || this.#kind === 'failed but persisted') call()
    this.crashed.resolve()
    throw failure()
  }

  #isHit(name: string): boolean {
    this.calls += 1
    if (this.calls !== this.#at) return false
    this.hit = name
    return true
  }

  #track(descriptor: number): number {
    this.#open.add(descriptor)
    return descriptor
  }

  #untrack(descriptor: number): number {
    this.#open.delete(descriptor)
    return descriptor
  }
}
