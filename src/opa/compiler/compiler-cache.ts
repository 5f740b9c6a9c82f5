/** Answers that the compiler gave before, for commands that ask the same again: an editor that checks at each save, an explanation. */
import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type CompilerFolders, isOwn, openWorkFolder } from './folders.ts'
import { answerIn, type CompilerAnswer, type CompilerRequest } from './protocol.ts'

export interface Answers {
  /** `ask` is given the request's text, and is asked where the answer is not known. What it throws is not kept; problems in the sources are. */
  get(program: string, request: CompilerRequest, ask: (text: string) => Promise<CompilerAnswer>): Promise<CompilerAnswer>
}

/** Their answer follows from the request alone; tests and evaluations may look at the clock. */
const repeatable: readonly CompilerRequest['command'][] = ['build', 'check', 'fmt', 'capabilities']
/** The answers that were used last: some 300 builds, or builds and many checks, which are small. */
const maxKeptBytes = 64 * 1024 * 1024
const maxKept = 1000
const prefix = 'answer-'
/** Part of the key: earlier versions, which may share the folder, take whatever they find there for a success. */
const form = 'with problems'

/** What cannot be kept or read is asked again: no command fails for it. */
export function createAnswers(folders: CompilerFolders): Answers {
  return {
    async get(program, request, ask) {
      const text = JSON.stringify(request)
      const path = folders.keepsAnswers && repeatable.includes(request.command) ? pathOf(folders, program, text) : null
      const known = path === null ? null : read(path)
      if (known !== null) return known
      const answer = await ask(text)
      if (path !== null) write(path, answer)
      return answer
    },
  }
}

function pathOf(folders: CompilerFolders, program: string, text: string): { folder: string; name: string } | null {
  try {
    const key = createHash('sha256').update(form).update('\0').update(program).update('\0').update(text).digest('hex')
    return { folder: openWorkFolder(folders), name: `${prefix}${key}.json.gz` }
  } catch {
    return null
  }
}

function read({ folder, name }: { folder: string; name: string }): CompilerAnswer | null {
  const path = join(folder, name)
  try {
    if (!isOwn(path)) return null
    const answer = answerIn(gunzipSync(readFileSync(path)).toString())
    const now = new Date()
    utimesSync(path, now, now)
    return answer
  } catch {
    return null
  }
}

function write({ folder, name }: { folder: string; name: string }, answer: CompilerAnswer): void {
  const temporary = join(folder, `.${name}.${randomUUID()}.tmp`)
  try {
    writeFileSync(temporary, gzipSync(JSON.stringify(answer), { level: 1 }), { mode: 0o600 })
    renameSync(temporary, join(folder, name))
    for (const old of oldest(folder)) rmSync(join(folder, old), { force: true })
  } catch {
    rmSync(temporary, { force: true })
  }
}

/** The names of those for which there is no room. */
function oldest(folder: string): readonly string[] {
  let keptBytes = 0
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .map((name) => {
      const { mtimeMs, size } = statSync(join(folder, name))
      return { name, size, usedAtMs: mtimeMs }
    })
    .toSorted((a, b) => b.usedAtMs - a.usedAtMs)
    .filter(({ size }, index) => {
      keptBytes += size
      return index >= maxKept || keptBytes > maxKeptBytes
    })
    .map(({ name }) => name)
}
