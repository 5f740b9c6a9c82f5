/**
 * The kill switch that needs neither the API nor a running command: a file in the state folder that names integrations, one per line,
 * or `*` for all. It is looked at from time to time and not watched, since some file systems report no changes.
 */
import { lstat, open } from 'node:fs/promises'
import { everything } from './containment.ts'

export interface KillSwitchOptions {
  readonly file: string
  /** The file names these, which it did not before. `problem`: why that is everything, where the file does not say so itself. */
  readonly onNamed: (names: readonly string[], problem: string | null) => void
  /** It names nothing any more. What it has killed stays so. */
  readonly onRemoved: () => void
  /** What the file names, or that it names nothing any more, could not be told; it is tried again with each look. */
  readonly onFailed: (error: unknown) => void
  readonly everyMs?: number
}

export interface KillSwitch {
  /** Looks for the first time, and from time to time from then on. */
  start(): Promise<void>
  /** Looks now, and answers what the file names. Rejects where that cannot be told. */
  look(): Promise<ReadonlySet<string>>
  /** Whether the last look could be told. */
  works(): boolean
  close(): void
}

/** What a file says; `null` problem: it can be read and is meant so. */
interface Said {
  readonly names: readonly string[]
  readonly problem: string | null
}

const maxBytes = 256 * 1024
const nameForm = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

export function createKillSwitch({ file, onNamed, onRemoved, onFailed, everyMs = 200 }: KillSwitchOptions): KillSwitch {
  let named: ReadonlySet<string> = new Set()
  /** What was odd at the last look: a file may be half written. */
  let oddBefore: string | null = null
  let looking: Promise<unknown> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  let isWorking = true

  async function lookOnce(): Promise<ReadonlySet<string>> {
    const said = await read(file)
    const problem = said?.problem ?? null
    const isHalf = problem !== null && problem !== oddBefore
    oddBefore = problem
    // Whatever else is in it: what is named plainly is meant.
    const now = new Set(said === null ? [] : isHalf ? said.names : [...said.names, ...(problem === null ? [] : [everything])])
    const fresh = [...now].filter((name) => !named.has(name))
    const wasOn = named.size > 0
    if (fresh.length > 0) onNamed(fresh, fresh.includes(everything) ? problem : null)
    if (wasOn && said === null) onRemoved()
    // Only what was told is known.
    named = now
    return named
  }

  /** The process goes on: it is what keeps everything else that is contained from passing. */
  function failed(error: unknown): void {
    isWorking = false
    try {
      onFailed(error)
    } catch {
      // The report itself failed.
    }
  }

  /** One look after the other: the second of two sees what the first has found odd. */
  function look(): Promise<ReadonlySet<string>> {
    const looked = looking.then(lookOnce)
    looking = looked.catch(() => {})
    return looked
  }

  function again(): void {
    if (isClosed) return
    timer = setTimeout(() => void lookAgain(), everyMs).unref()
  }

  async function lookAgain(): Promise<void> {
    try {
      await look()
      isWorking = true
    } catch (error) {
      failed(error)
    }
    again()
  }

  return {
    async start() {
      await look()
      // What is odd is taken for what it may be before anything is let through.
      await look()
      again()
    },
    look,
    works: () => isWorking,
    close() {
      isClosed = true
      clearTimeout(timer)
    },
  }
}

/** `null`: there is no such file. A file that is there and says nothing that is understood kills everything: somebody was in a hurry. */
async function read(file: string): Promise<Said | null> {
  try {
    await lstat(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    return { names: [], problem: `it cannot be looked at (${code})` }
  }
  try {
    return saidIn(await textOf(file))
  } catch (error) {
    return { names: [], problem: `it cannot be read (${(error as NodeJS.ErrnoException).code})` }
  }
}

async function textOf(file: string): Promise<string> {
  const handle = await open(file, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxBytes), 0, maxBytes, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

function saidIn(text: string): Said {
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim())
  const words = [...new Set(lines.filter((line) => line !== ''))]
  const names = words.filter((word) => word === everything || nameForm.test(word))
  const odd = words.find((word) => !names.includes(word))
  if (odd !== undefined) return { names, problem: `"${odd.slice(0, 63)}" is not a name` }
  return { names, problem: names.length === 0 ? 'it names nothing' : null }
}
