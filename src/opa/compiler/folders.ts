/** Where the compiler's programs are looked for, and the one folder in which anything is written for it. */
import { accessSync, constants, lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { CompilerMissing } from './protocol.ts'

export interface CompilerFolders {
  /** One of them may hold programs that were built before. */
  readonly built: readonly string[]
  /** The first that can be written is where programs are built and scratch files lie. */
  readonly work: readonly string[]
  /** The folder of `work` that is in a user's cache: Go's caches are then in their usual place, and otherwise beside what it builds. */
  readonly userCache: string | null
  /** The same question to the compiler is answered from what was kept. */
  readonly keepsAnswers: boolean
}

/** Of a gateway on this machine: its state folder, and the part of it where it compiles. */
export interface GatewayState {
  readonly folder: string
  readonly compiler: string
}

/** What images and packages contain: it is trusted as much as the code beside it, whichever user owns it. */
export const packagedFolder = join(import.meta.dirname, '../../../rego/compiler/built')

/** A gateway writes in its state folder and nowhere else: the rest of the file system may be read-only, and there may be no home. */
export function gatewayFolders(own: string, env: NodeJS.ProcessEnv = process.env): CompilerFolders {
  return { built: [packagedFolder, own, ...userCache(env)], work: [own], userCache: null, keepsAnswers: false }
}

/**
 * A command that a person runs keeps things in that person's cache; without a usable home, in a folder of theirs among the
 * temporary ones. What a gateway built is read where a person may; that folder is written by the gateway's own user alone, and
 * only where nothing else can be: on a read-only root file system, as the gateway itself does.
 */
export function commandFolders(gateway: GatewayState | null = null, env: NodeJS.ProcessEnv = process.env): CompilerFolders {
  const cache = userCache(env)
  const temporary = join(tmpdir(), `sallyport-${process.getuid?.() ?? 'cache'}`)
  const state = gateway === null ? [] : [gateway.compiler]
  const ownState = gateway !== null && belongsToUs(gateway.folder) ? state : []
  const work = [...cache, temporary, ...ownState]
  const built = [packagedFolder, ...cache, ...state, temporary]
  return { built, work, userCache: cache[0] ?? null, keepsAnswers: true }
}

function belongsToUs(path: string): boolean {
  const { uid } = lstatSync(path, { throwIfNoEntry: false }) ?? {}
  return uid !== undefined && uid === process.getuid?.()
}

/** `$XDG_CACHE_HOME/sallyport`, else `$HOME/.cache/sallyport`; a path that is not absolute is ignored (XDG base directories, 0.8). */
function userCache({ XDG_CACHE_HOME = '', HOME = '' }: NodeJS.ProcessEnv): readonly string[] {
  if (isAbsolute(XDG_CACHE_HOME)) return [join(XDG_CACHE_HOME, 'sallyport')]
  return isAbsolute(HOME) ? [join(HOME, '.cache/sallyport')] : []
}

/** Makes and returns the folder to work in. Throws `CompilerMissing` with the reason why each candidate cannot be used. */
export function openWorkFolder({ work }: CompilerFolders): string {
  const problems: string[] = []
  for (const folder of work) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      if (!isOwn(folder)) throw new Error('others can write there')
      accessSync(folder, constants.W_OK | constants.X_OK)
      return folder
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      problems.push(`${folder} cannot be written: ${code ?? message}`)
    }
  }
  const tried = problems.join('; ')
  throw new CompilerMissing(null, `there is no folder to compile in: ${tried}; set XDG_CACHE_HOME to one that can be written`)
}

/** Whether only this user or root can have written it, since what is there is run. A link is not followed. */
export function isOwn(path: string): boolean {
  const { uid, mode } = lstatSync(path)
  const isOurs = process.getuid === undefined || uid === process.getuid() || uid === 0
  return isOurs && (mode & 0o022) === 0
}
