/** How commands end: exit codes of sysexits.h (and 128 + SIGPIPE), and messages that say what to do. */

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

/** Prints why a command failed and gives its exit code; unknown errors are bugs, with their stack. */
export function explainFailure(error: unknown): number {
  if (error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number') {
    if (error.message !== '') process.stderr.write(`${error.message}\n`)
    return error.exitCode
  }
  const known = error instanceof Error && ['AuditError', 'BundleError', 'RegoError', 'CompilerMissing'].includes(error.name)
  const listen = error instanceof Error && /cannot listen|is in use|can be read by others|expired on/.test(error.message)
  process.stderr.write(`${error instanceof Error ? (known || listen ? error.message : error.stack) : String(error)}\n`)
  return known || listen ? exitCodes.failure : exitCodes.software
}
