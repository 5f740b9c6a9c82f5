/** A log's file whose calls fail as told, from the moment that it is armed. */
import assert from 'node:assert/strict'
import { realFile } from '../../src/audit/append-file.ts'
import type { AppendFile } from '../../src/audit/index.ts'

/** `short`: a part is written, and the rest finds no space. `nothing`: no error, and nothing was written. `parts`: short writes that all succeed. */
export const failureKinds = ['ENOSPC', 'EIO', 'EMFILE', 'short', 'nothing', 'parts'] as const
export type FailureKind = (typeof failureKinds)[number]

export class FailingFile implements AppendFile {
  armed: FailureKind | null = null
  /** Resolves when something failed. */
  readonly failed = Promise.withResolvers<void>()
  #failures = 0
  readonly #descriptors = new Set<number>()

  get failures(): number {
    return this.#failures
  }

  open(path: string, isNew: boolean): number {
    if (isNew) this.#throw('EMFILE', 'ENOSPC')
    const descriptor = realFile.open(path, isNew)
    this.#descriptors.add(descriptor)
    return descriptor
  }

  write(descriptor: number, bytes: Uint8Array, done: (error: Error | null, written: number) => void): void {
    assert.ok(this.#descriptors.has(descriptor), 'only what is open is written to')
    const { armed } = this
    if (armed === null || armed === 'EMFILE') {
      realFile.write(descriptor, bytes, done)
      return
    }
    const isPart = (armed === 'short' || armed === 'parts') && bytes.byteLength > 1
    if (isPart) {
      realFile.write(descriptor, bytes.subarray(0, Math.ceil(bytes.byteLength * 0.6)), done)
      // The rest is tried next.
      if (armed === 'short') this.armed = 'ENOSPC'
      else this.#count()
    } else if (armed === 'parts') realFile.write(descriptor, bytes, done)
    else
      setImmediate(() => {
        done(armed === 'nothing' ? null : errorOf(armed), 0)
        this.#count()
      })
  }

  sync(descriptor: number): void {
    this.#throw('EIO')
    realFile.sync(descriptor)
  }

  size = realFile.size
  whole = realFile.whole

  close(descriptor: number): void {
    this.#descriptors.delete(descriptor)
    realFile.close(descriptor)
  }

  #throw(...which: FailureKind[]): void {
    if (this.armed === null || !which.includes(this.armed)) return
    this.#count()
    throw errorOf(this.armed)
  }

  #count(): void {
    this.#failures += 1
    this.failed.resolve()
  }
}

const errorOf = (code: string) => Object.assign(new Error(code), { code })
