/** What all commands for the audit log share: errors that say what to do, and output that does nothing to a terminal. */
import { visibleText } from '../../text/index.ts'
import { CommandError, exitCodes } from '../exit.ts'

/** Throws `CommandError` where `read` fails because there is no log, or none that this user can read. */
export async function requireLog<T>(folder: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw logFailure(error, folder)
  }
}

/** What the file system says of a log, as a `CommandError`; anything else as it is. */
export function logFailure(error: unknown, folder: string): unknown {
  const { code, path, syscall, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return noLog(path ?? folder)
  if (code === 'ENOTDIR') return new CommandError(`${path} is not a folder: the audit log cannot be there`)
  if (code === 'EACCES')
    return new CommandError(`the audit log cannot be read by you (${path}); it belongs to the user that runs the gateway`)
  // Such as a link that leads to itself, or a disk that fails.
  return syscall === undefined ? error : new CommandError(`the audit log in ${folder} cannot be read: ${message}`)
}

export function noLog(path: string): CommandError {
  return new CommandError(`there is no audit log yet (${path}); it begins when the gateway first starts`, exitCodes.unavailable)
}

/** What came from outside does nothing to a terminal. */
export function printLine(text: string | null): void {
  if (text !== null) process.stdout.write(`${visibleText(text)}\n`)
}
