/** Ids that are unique across restarts and cheap: a random part for the process, a counter for the arrival. */
import { randomBytes } from 'node:crypto'

export type NextId = () => string

export function createIds(): NextId {
  // Ids are pasted into command lines: one that begins with "-" would be taken for a flag.
  const process = randomBytes(9).toString('base64url').replace(/^-/, 'x')
  let count = 0
  return () => {
    count += 1
    return `${process}.${count.toString(36)}`
  }
}
