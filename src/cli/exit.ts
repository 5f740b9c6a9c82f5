/** How commands end: exit codes of sysexits.h (and 128 + SIGPIPE), and messages that say what to do. */
import { visibleLines } from '../text/index.ts'

export const exitCodes = { failure: 1, usage: 64, noInput: 66, unavailable: 69, software: 70, config: 78, unheard: 141 } as const

/** A failure that is explained by its message alone; no stack is printed. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number = exitCodes.failure) {
    super(message)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}

const lastingNames = [
  'AccessError',
  'BundleError',
  'CompilerMissing',
  'ContainmentFileError',
  'HistoryError',
  'ReferenceDifference',
  'RegoError',
]
/** Of the file system, and of an address that only a privileged process may listen on. */
const lastingCodes = ['EACCES', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'ENOTDIR', 'EPERM', 'EROFS']
const lastingMessages =
  /can be read by others|expired on|trust cannot be at|is not a socket|does not prove that|nothing shows that|Keep (?:it|the file) as evidence/

/**
 * Why a gateway did not start, with exit code 78 where the next start would fail in the same way until a person has changed
 * something: systemd (RestartPreventExitStatus=78) then does not try again and again.
 */
export function startFailure(error: unknown): unknown {
  if (!(error instanceof Error) || (error as { exitCode?: unknown }).exitCode === exitCodes.config) return error
  const { code } = error as NodeJS.ErrnoException
  const causeCode = (error.cause as NodeJS.ErrnoException | undefined)?.code
  const isLasting =
    lastingNames.includes(error.name) ||
    lastingMessages.test(error.message) ||
    [code, causeCode].some((found) => found !== undefined && lastingCodes.includes(found))
  if (!isLasting) return error
  const failure = new CommandError(error.message, exitCodes.config)
  failure.cause = error
  return failure
}

/** Prints why a command failed and gives its exit code; unknown errors are bugs, with their stack. */
export function explainFailure(error: unknown): number {
  if (error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number') {
    if (error.message !== '') process.stderr.write(`${visibleLines(error.message)}\n`)
    return error.exitCode
  }
  const known =
    error instanceof Error &&
    ['AuditError', 'FolderLockError', 'BundleError', 'RegoError', 'CompilerMissing', 'ReferenceDifference'].includes(error.name)
  const listen = error instanceof Error && /cannot listen|is in use|can be read by others|expired on|trust cannot be at/.test(error.message)
  const said = error instanceof Error ? (known || listen ? error.message : error.stack) : String(error)
  process.stderr.write(`${visibleLines(said ?? '')}\n`)
  return known || listen ? exitCodes.failure : exitCodes.software
}
