/** Changes of a log's files, each undone before the next one: what somebody who can write the folder, and has not the key, can do. */
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseVerifierKey, type Verification, verifyAudit } from '../../src/proof/index.ts'
import { type TlogOptions, writeTlog } from './tlog-folder.ts'

export interface Tampered {
  readonly file: string
  /** Of the byte that was changed. */
  readonly at: number
  readonly found: Verification
}

/** Decisions and their settlements. */
export function decisions(count: number): TlogOptions['records'] {
  return Array.from({ length: count }, (_, index) =>
    index % 2 === 0 ? { type: 'decided', id: `r${index}`, allow: true } : { type: 'settled', id: `r${index - 1}`, status: 200 },
  )
}

export function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort()
}

/** Verifies a log of its own, by the key that was noted when it was made. */
export function tamperable(folder: string, options: TlogOptions) {
  const log = writeTlog(folder, options)
  const key = parseVerifierKey(log.verifierKey)
  const verify = (more = {}) => verifyAudit(folder, { key, ...more })
  const pathOf = (file: string) => join(folder, file)
  const trying = async (file: string, bytes: Buffer, at: number): Promise<Tampered> => {
    const before = readFileSync(pathOf(file))
    writeFileSync(pathOf(file), bytes)
    try {
      return { file, at, found: await verify() }
    } finally {
      writeFileSync(pathOf(file), before)
    }
  }
  return {
    log,
    key,
    verify,
    /** One bit of each byte, or with `isEvery` each bit; of a long file some bytes. */
    async flips(
      file: string,
      check: (tampered: Tampered) => void,
      { isEvery = false, maxBytes = Number.POSITIVE_INFINITY } = {},
    ): Promise<void> {
      const bytes = readFileSync(pathOf(file))
      const step = Math.max(1, Math.floor(bytes.byteLength / maxBytes))
      for (let at = 0; at < bytes.byteLength; at += step)
        for (const bit of isEvery ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8]) {
          const changed = Buffer.from(bytes)
          changed[at] = (bytes[at] as number) ^ (1 << bit)
          check(await trying(file, changed, at))
        }
    },
    async cuts(file: string, check: (tampered: Tampered) => void): Promise<void> {
      const bytes = readFileSync(pathOf(file))
      for (let at = 0; at < bytes.byteLength; at += 1) check(await trying(file, bytes.subarray(0, at), at))
    },
    /** As `change` makes it, in a copy that is given to it. */
    async changed(change: (copy: string) => void, more = {}): Promise<Verification> {
      const copy = `${folder}.changed`
      rmSync(copy, { recursive: true, force: true })
      cpSync(folder, copy, { recursive: true })
      change(copy)
      try {
        return await verifyAudit(copy, { key, ...more })
      } finally {
        rmSync(copy, { recursive: true, force: true })
      }
    },
  }
}

export function swap(folder: string, file: string, other: string): void {
  renameSync(join(folder, file), join(folder, 'swapped'))
  renameSync(join(folder, other), join(folder, file))
  renameSync(join(folder, 'swapped'), join(folder, other))
}

export function copy(folder: string, file: string, to: string): void {
  mkdirSync(dirname(join(folder, to)), { recursive: true })
  copyFileSync(join(folder, file), join(folder, to))
}

export function edit(folder: string, file: string, change: (bytes: Buffer) => Buffer | string): void {
  writeFileSync(join(folder, file), change(readFileSync(join(folder, file))))
}
