/** Texts by their hash: each is kept once, whatever its name and however many revisions have it. */
import { createHash } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { HistoryError } from './history-error.ts'

export interface Objects {
  /** The hash that it is found by. */
  keep(text: string): Promise<string>
  /** Of each value. */
  keepAll(texts: Readonly<Record<string, string>>): Promise<Record<string, string>>
  /** Throws where it is not what was kept; `name` is for the message. */
  read(hash: string, name: string): Promise<string>
  readAll(hashes: Readonly<Record<string, string>>): Promise<Record<string, string>>
  /** Removes all others. */
  retain(hashes: ReadonlySet<string>): Promise<void>
}

/** So many are hashed between two turns of the event loop. */
const textsATurn = 8

export function createObjects(folder: string): Objects {
  const known = new Set<string>()

  async function keep(text: string): Promise<string> {
    const hash = sha256(text)
    if (known.has(hash)) return hash
    const path = join(folder, hash)
    if (!(await isThere(path))) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      // Whole or not at all: a text that a crash cut short would never be written again.
      await writeFile(`${path}.tmp`, text, { mode: 0o600 })
      await rename(`${path}.tmp`, path)
    }
    known.add(hash)
    return hash
  }

  async function read(hash: string, name: string): Promise<string> {
    // What is kept says the names of files: nothing but a hash becomes one.
    const text = /^[0-9a-f]{64}$/.test(hash) ? await readFile(join(folder, hash), 'utf8').catch(() => null) : null
    if (text === null) throw new HistoryError(`what is kept of ${name} cannot be read: ${join(folder, hash)}`)
    if (sha256(text) !== hash) throw new HistoryError(`what is kept of ${name} was changed since: ${join(folder, hash)}`)
    return text
  }

  return {
    keep,
    async keepAll(texts) {
      const hashes: Record<string, string> = {}
      // Hashing a thousand texts takes some ten milliseconds, which requests would wait for.
      for (const [index, [name, text]] of Object.entries(texts).entries()) {
        if (index % textsATurn === textsATurn - 1) await nextTurn()
        hashes[name] = await keep(text)
      }
      return hashes
    },
    read,
    async readAll(hashes) {
      const texts: Record<string, string> = {}
      for (const [name, hash] of Object.entries(hashes)) texts[name] = await read(hash, name)
      return texts
    },
    async retain(hashes) {
      for (const name of await readdir(folder)) {
        if (hashes.has(name)) continue
        known.delete(name)
        await rm(join(folder, name), { force: true })
      }
    },
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
