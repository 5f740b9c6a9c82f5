/** Whether the gateway can make its folders and sockets where the configuration has them; reported before a start fails halfway. */
import { accessSync, constants, type Stats, statSync } from 'node:fs'
import { dirname, sep } from 'node:path'
import type { Config } from '../config/index.ts'
import { CommandError, exitCodes } from './exit.ts'

/** Throws a `CommandError` (EX_CONFIG) that names the first place that cannot be used. */
export function requireUsablePlaces(config: Config): void {
  requireFolder('the state folder', config.state.folder)
  requireFolder('the audit log', config.audit.folder)
  requireFolder('trust', config.trust.folder)
  requireSockets(config)
}

/** Throws where `path` is not a writable folder and cannot become one. */
export function requireFolder(what: string, path: string): void {
  let place = path
  let found = look(what, place)
  while (found === null && dirname(place) !== place) {
    place = dirname(place)
    found = look(what, place)
  }
  requireWritable(`${what} cannot be at ${path}`, place, found)
}

/** Throws where a socket cannot be bound; gives how many there are. */
export function requireSockets(config: Config): number {
  const { socketPath } = config.admin
  requireFolder('the operator’s socket', dirname(socketPath))
  requireVacant('the operator’s socket', socketPath)
  // A start makes these, and the folders above them, before listeners are opened; a listener's own folder it does not make.
  const made = [config.state.folder, config.audit.folder, dirname(socketPath)]
  let count = 1
  for (const { name, address } of config.listeners) {
    if (!('socket' in address)) continue
    count += 1
    const what = `listener "${name}"`
    const folder = dirname(address.socket)
    const found = look(what, folder)
    if (found === null && made.some((path) => `${path}${sep}`.startsWith(`${folder}${sep}`))) continue
    requireWritable(`${what} cannot listen on ${address.socket}`, folder, found)
    requireVacant(what, address.socket)
    requireMember(what, address.gid)
  }
  return count
}

/** The start removes a socket that a dead process left; anything else is not the gateway's to remove. */
function requireVacant(what: string, path: string): void {
  const found = look(what, path)
  if (found !== null && !found.isSocket()) throw misplaced(`${what} cannot be at ${path}: something is there that is not a socket`)
}

/** Only root may give a file to a group that it is not in. */
function requireMember(what: string, gid: number | null): void {
  if (gid === null || process.getuid?.() === 0 || gid === process.getgid?.() || process.getgroups?.().includes(gid) === true) return
  throw misplaced(`${what} cannot give its socket to group ${gid}: run the gateway as a member of it`)
}

function requireWritable(problem: string, folder: string, found: Stats | null): void {
  if (found === null) throw misplaced(`${problem}: there is no folder ${folder}`)
  if (!found.isDirectory()) throw misplaced(`${problem}: ${folder} is not a folder`)
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw misplaced(`${problem}: ${folder} cannot be written by you`, error)
  }
}

/** `null` where nothing is there, also because something above is not a folder. */
function look(what: string, path: string): Stats | null {
  try {
    return statSync(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw misplaced(`${what} cannot be at ${path}: ${message}`, error)
  }
}

function misplaced(message: string, cause?: unknown): CommandError {
  const error = new CommandError(message, exitCodes.config)
  error.cause = cause
  return error
}
