/** A row as bytes of the store. */
import { noHour, noWindow, openRow } from './row-time.ts'
import { field, type Row, rowNumbers } from './rows.ts'

/** Grows with each change of what the numbers mean. */
const version = 1

export function rowState({ floats, at }: Row): Uint8Array {
  const bytes = new Uint8Array(1 + rowNumbers * 4)
  bytes[0] = version
  bytes.set(new Uint8Array(floats.buffer, at * 4, rowNumbers * 4), 1)
  return bytes
}

/** A row of another version begins anew. `startHour`: when this process began to watch. */
export function restoreRow(row: Row, state: Uint8Array, startHour: number, window: number): void {
  if (state.length !== 1 + rowNumbers * 4 || state[0] !== version) {
    openRow(row, window)
    return
  }
  const { floats, at } = row
  new Uint8Array(floats.buffer, at * 4, rowNumbers * 4).set(state.subarray(1))
  if ((floats[at + field.hour] ?? 0) >= startHour) return
  // The hour in which watching ended was seen in part; nothing is learned of it, nor of the time until now.
  floats[at + field.window] = noWindow
  floats[at + field.hour] = noHour
  floats.fill(0, at + field.windowSums, at + field.hashes + 4)
}
