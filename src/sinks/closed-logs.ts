/** Logs that "sallyport audit continue" has closed: each is in a folder of its own, below that of the log which goes on. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type LogName, readLogName } from '../records/index.ts'

export interface ClosedLog {
  readonly folder: string
  readonly name: LogName
}

/** The one of this name and those that were closed after it, in their order; empty where it is not among them. */
export async function closedLogsFrom(folder: string, origin: string): Promise<readonly ClosedLog[]> {
  const names = (await readdir(folder)).filter((name) => name.startsWith('closed-')).sort()
  const logs = await Promise.all(names.map(async (name) => ({ folder: join(folder, name), name: await readLogName(join(folder, name)) })))
  // A chain of before the log became a tree was never shipped.
  const signed = logs.filter(({ name }) => name.verifierKey !== null)
  const first = signed.findIndex(({ name }) => name.origin === origin)
  return first < 0 ? [] : signed.slice(first)
}
