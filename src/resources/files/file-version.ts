/** What tells one version of a file from the next, and a file from one that is still being written. */
import type { Stats } from 'node:fs'

/** Hidden from listings, and refused as a name. */
export const temporaryPrefix = '.sallyport-'

/** Strong: it changes with every write, since a write makes a new file. */
export function etagOf({ ino, size, mtimeMs }: Stats): string {
  return `"${ino.toString(36)}-${size.toString(36)}-${Math.floor(mtimeMs * 1000).toString(36)}"`
}
