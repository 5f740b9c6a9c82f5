/** A log that grows as a test says, without a gateway: what ships and follows reads it. */
import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { walName } from '../../src/records/index.ts'
import { createFolder } from './folder.ts'
import { walLine } from './tlog-folder.ts'

export interface GrowingLog {
  readonly folder: string
  readonly origin: string
  /** The records as they are stored. */
  readonly lines: readonly string[]
  /** So many records more; with members of the test's own. */
  append(count: number, members?: object): void
  /** Publishes a note of this size, or of all. */
  checkpoint(size?: number): string
  /** Retention has removed the records below this index. */
  prune(below: number): void
  /** Everything is gone, and the log of another gateway begins. */
  replace(origin: string): void
  /** As `sallyport audit continue`: it is moved to `closed-<name>`, and another one begins. */
  close(name: string, origin: string): void
}

export function createGrowingLog(t: TestContext, origin = 'sallyport/5f0c7a52-5d0c-4a3e-9a0b-0a6e3c0f8d11'): GrowingLog {
  const folder = createFolder(t)
  const log = { origin, lines: [] as string[] }
  const begin = () => {
    mkdirSync(join(folder, 'wal'), { recursive: true })
    writeFileSync(join(folder, 'verifier-key'), `${log.origin}+5f0c7a52+AQ==\n`)
    writeFileSync(join(folder, 'wal', walName(0)), '')
  }
  begin()
  return {
    folder,
    get origin() {
      return log.origin
    },
    get lines() {
      return log.lines
    },
    append(count, members = { type: 'settled', id: 'f91c-1', status: 200 }) {
      const lines = Array.from({ length: count }, (_, offset) => {
        const { type = 'settled', ...rest } = members as { readonly type?: string }
        return JSON.stringify({ seq: log.lines.length + offset, time: new Date().toISOString(), type, ...rest })
      })
      appendFileSync(join(folder, 'wal', walName(0)), lines.map(walLine).join(''))
      log.lines.push(...lines)
    },
    checkpoint(size = log.lines.length) {
      const note = `${log.origin}\n${size}\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— ${log.origin} XwzA\n`
      writeFileSync(join(folder, 'checkpoint'), note)
      return note
    },
    prune(below) {
      rmSync(join(folder, 'wal', walName(0)))
      writeFileSync(join(folder, 'wal', walName(below)), log.lines.slice(below).map(walLine).join(''))
    },
    replace(next) {
      rmSync(folder, { recursive: true, force: true })
      log.origin = next
      log.lines = []
      begin()
    },
    close(name, next) {
      const files = readdirSync(folder).filter((file) => !file.startsWith('closed-'))
      mkdirSync(join(folder, `closed-${name}`))
      for (const file of files) renameSync(join(folder, file), join(folder, `closed-${name}`, file))
      log.origin = next
      log.lines = []
      begin()
    },
  }
}
