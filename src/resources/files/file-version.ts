/** How versions of a file are told apart, and how files that are still being written are named. */
import type { Stats } from 'node:fs'

/** Names that begin with it are hidden from listings, and refused. */
export const temporaryPrefix = '.sallyport-'

/** Strong: it changes with every write, since a write makes a new file. */
export function etagOf({ ino, size, mtimeMs }: Stats): string {
  return `"${ino.toString(36)}-${size.toString(36)}-${Math.floor(mtimeMs * 1000).toString(36)}"`
}
