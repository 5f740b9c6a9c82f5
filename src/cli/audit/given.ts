/** What commands that work on a copy of a log are given: its folder, and the keys that it is verified by. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { ProofError, parseVerifierKey, type VerifierKey } from '../../proof/index.ts'
import type { Shared } from '../every-command.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { logFailure, noLog } from './log-folder.ts'

/** Without `--folder` it is the configuration's. */
export function folderOf({ config, folder }: Shared & { readonly folder?: string }): string {
  return folder ?? findConfig(config).audit.folder
}

/** `text`: the key, or the name of a file that holds it. Throws `CommandError` where it is neither. */
export function keyFrom(text: string): VerifierKey {
  try {
    return parseVerifierKey(existsSync(text) ? readGiven(text).toString('utf8') : text)
  } catch (error) {
    if (error instanceof ProofError) throw new CommandError(`${text}: ${error.message}`, exitCodes.usage)
    throw error
  }
}

/** A key, a checkpoint and a proof have some kilobytes. */
const maxGivenBytes = 16 * 1024 * 1024

/** Throws `CommandError` where it cannot be read. */
export function readGiven(file: string): Buffer {
  try {
    const { size } = statSync(file)
    if (size > maxGivenBytes) throw new Error(`it has ${size} bytes, and is neither a key nor a checkpoint nor a proof`)
    return readFileSync(file)
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${(error as Error).message}`, exitCodes.noInput)
  }
}

/** Throws `CommandError` where there is no log, or what is asked cannot be proved. */
export function requireProof(folder: string, act: (folder: string) => void): void {
  try {
    if (!existsSync(folder)) throw noLog(folder)
    act(folder)
  } catch (error) {
    if (error instanceof ProofError) throw new CommandError(error.message)
    throw logFailure(error, folder)
  }
}
