/** What a crash in the middle of a write leaves at the end of a file. */
import { appendFileSync, readFileSync, truncateSync } from 'node:fs'

/** Cuts an incomplete last line off, and keeps it beside the file; gives the whole lines. Throws what the file system throws. */
export function cutTornTail(file: string): { readonly whole: Buffer; readonly cutBytes: number } {
  const bytes = readFileSync(file)
  const end = bytes.lastIndexOf(0x0a) + 1
  const torn = bytes.subarray(end)
  if (torn.byteLength > 0) {
    appendFileSync(`${file}.broken`, torn, { mode: 0o600 })
    truncateSync(file, end)
  }
  return { whole: bytes.subarray(0, end), cutBytes: torn.byteLength }
}
