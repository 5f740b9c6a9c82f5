/** A row as bytes of the store: a version, and then what that version keeps, field by field. What a row is in memory may differ. */
import { noHour, noWindow } from './row-time.ts'
import { createRow, field, half, type Row, rowNumbers } from './rows.ts'

/** Each as it was published, and never changed: what is kept of a row, or what a number means, changes with another version only. */
const formats = [
  format(
    1,
    'first last saved window hour hours windows windowSums*7 hourSums*7 hashes*4 center*8 level samples typical hourMad*8 windowMad*4 windowBias*4 windowPeaks*3 hourPeaks*3 dayPeaks*9 windowLimits*4 hourLimits*4 totalSent totalReceived leakHours failedWindows',
  ),
  format(
    1,
    'first last saved window hour hours windows windowSums*7 hourSums*7 hashes*4 center*8 level samples typical isBorrowed shift hourMad*8 windowMad*4 windowBias*4 windowPeaks*3 hourPeaks*3 requestPeaks*3 dayPeaks*9 windowLimits*4 hourLimits*4 totalSent totalReceived leakHours failedWindows',
  ),
  format(
    2,
    'first last window hour hours windows windowSums*7 hourSums*7 hashes*4 center*8 level samples typical isBorrowed shift hourMad*8 windowMad*4 windowBias*4 windowPeaks*3 hourPeaks*3 requestPeaks*3 dayPeaks*9 totalSent totalReceived leakHours failedWindows',
  ),
]
const current = formats.at(-1) as Format
/** Nothing else is taken from older rows: limits are those of the rules that apply now. */
const kept: ReadonlySet<string> = new Set(current.fields.map(([name]) => name))

interface Format {
  readonly version: number
  readonly fields: readonly (readonly [name: string, size: number])[]
  readonly bytes: number
}

function format(version: number, text: string): Format {
  const fields = text.split(' ').map((each) => {
    const [name = '', size = '1'] = each.split('*')
    return [name, Number(size)] as const
  })
  return { version, fields, bytes: 1 + 4 * fields.reduce((sum, [, size]) => sum + size, 0) }
}

export function rowState(row: Row): Uint8Array {
  const bytes = new Uint8Array(current.bytes)
  const view = new DataView(bytes.buffer)
  let offset = 1
  bytes[0] = current.version
  for (const [name, size] of current.fields)
    for (let index = 0; index < size; index++, offset += 4) {
      if (name === 'hashes') view.setUint32(offset, row.words[row.at + field.hashes + index] ?? 0, true)
      else view.setFloat32(offset, numberOf(row, name, index), true)
    }
  return bytes
}

const isHalf = (name: string): name is keyof typeof half => Object.hasOwn(half, name)

function numberOf({ floats, halves, at }: Row, name: string, index: number): number {
  return (isHalf(name) ? halves[2 * at + half[name] + index] : floats[at + field[name as keyof typeof field] + index]) ?? 0
}

const read = createRow()

function setNumber(name: string, index: number, value: number): void {
  if (isHalf(name)) read.halves[half[name] + index] = value
  else read.floats[field[name as keyof typeof field] + index] = value
}

/** `null`: it is of a version that is not known, or damaged. The row that is returned is valid until the next call. */
export function decodeRow(state: Uint8Array): Row | null {
  const found = formats.find(({ version, bytes }) => state[0] === version && state.length === bytes)
  if (found === undefined) return null
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength)
  let offset = 1
  read.floats.fill(0)
  for (const [name, size] of found.fields)
    for (let index = 0; index < size; index++, offset += 4) {
      if (name === 'hashes') read.words[field.hashes + index] = view.getUint32(offset, true)
      else if (kept.has(name)) setNumber(name, index, view.getFloat32(offset, true))
      if (kept.has(name) && name !== 'hashes' && !Number.isFinite(numberOf(read, name, index))) return null
    }
  return read
}

/** `startHour`: when this process began to watch. `window`: now. */
export function restoreRow(row: Row, stored: Row, startHour: number, window: number): void {
  const { words, floats, at } = row
  words.set(stored.words.subarray(stored.at, stored.at + rowNumbers), at)
  const isOfThisWindow = floats[at + field.window] === window
  // Its limits are worked out before it is judged.
  floats[at + field.window] = noWindow
  floats[at + field.saved] = floats[at + field.last] ?? 0
  if ((floats[at + field.hour] ?? 0) >= startHour) {
    if (!isOfThisWindow) floats.fill(0, at + field.windowSums, at + field.hourSums)
    return
  }
  // The hour in which watching ended was seen in part; nothing is learned of it, nor of the time until now.
  floats[at + field.hour] = noHour
  floats.fill(0, at + field.windowSums, at + field.hashes + 4)
}
