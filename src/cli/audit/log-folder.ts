/** What all commands for the audit log share: errors that say what to do, and output that does nothing to a terminal. */
import { visibleText } from '../../text/index.ts'
import { CommandError, exitCodes } from '../exit.ts'

/** Throws `CommandError` where `read` fails because there is no log, or none that this user can read. */
export async function requireLog<T>(folder: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw noLog(path ?? folder)
    if (code === 'ENOTDIR') throw new CommandError(`${path} is not a folder: the audit log cannot be there`)
    if (code === 'EACCES')
      throw new CommandError(`the audit log cannot be read by you (${path}); it belongs to the user that runs the gateway`)
    throw error
  }
}

export function noLog(path: string): CommandError {
  return new CommandError(`there is no audit log yet (${path}); it begins when the gateway first starts`, exitCodes.unavailable)
}

/** What came from outside does nothing to a terminal. */
export function printLine(text: string | null): void {
  if (text !== null) process.stdout.write(`${visibleText(text)}\n`)
}
