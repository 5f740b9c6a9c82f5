/** The state of every pair that is in memory, as numbers in large blocks: 50,000 pairs are 13 MB, and no work for the garbage collector. */
import { measureCount } from './measures.ts'

/** The measures that are judged within an hour too, in windows of 5 minutes: requests, sent, received, denied. */
export const windowMeasures = 4

function layout<Name extends string>(sizes: Readonly<Record<Name, number>>) {
  let size = 0
  const offsets = Object.fromEntries(
    Object.entries<number>(sizes).map(([name, length]) => {
      size += length
      return [name, size - length]
    }),
  )
  return { offsets: offsets as Readonly<Record<Name, number>>, size }
}

const single = layout({
  /** Index of the 5 minutes in which the pair was first seen, and was active last. */
  first: 1,
  last: 1,
  /** What `last` was when the row was written to the store. */
  saved: 1,
  /** Indexes of the 5 minutes and the hour that are being added up. */
  window: 1,
  hour: 1,
  /** How many hours, and windows with requests, were learned. */
  hours: 1,
  windows: 1,
  /** requests, sent, received, denied, failed, milliseconds, count of those */
  windowSums: 7,
  hourSums: 7,
  /** A set of 128 hashes. */
  hashes: 4,
  /** Beyond these something is unusual; plain numbers, so that a flow costs comparisons only. */
  windowLimits: windowMeasures,
  hourLimits: windowMeasures,
  /** Since the first use. */
  totalSent: 1,
  totalReceived: 1,
  /** The minute of the last upload to a pair that is new, and what was sent in it. */
  minute: 1,
  minuteSent: 1,
  /** Hours with more sent than usual, less those without; windows in a row with mostly failures. */
  leakHours: 1,
  failedWindows: 1,
})

/** Octaves and small counts, which half precision is enough for: they are a half of a row’s numbers, and a third of its bytes. */
const halved = layout({
  /** What is ordinary in the open hour. */
  center: measureCount,
  level: 1,
  samples: 1,
  /** Requests of a busy hour, in octaves; 0 where it is not known when to expect them. */
  typical: 1,
  /** Whether working days are all that is known of this hour of a weekend, and how far below them the hours before were, in octaves. */
  isBorrowed: 1,
  shift: 1,
  /** Median absolute deviation of hours from their centre; of windows, and how far windows are from a twelfth of their hour. */
  hourMad: measureCount,
  windowMad: windowMeasures,
  windowBias: windowMeasures,
  /** Of a day the largest deviation of sent bytes, in windows and in hours: today's, the largest of all days, the second largest. */
  windowPeaks: 3,
  hourPeaks: 3,
  /** The same of requests, in hours. */
  requestPeaks: 3,
  /** The same of the largest number of requests, sent and received bytes in 5 minutes, in octaves, whatever the hour. */
  dayPeaks: 9,
})

/** In `floats` and `words`, from `at` on. */
export const field = single.offsets
/** In `halves`, from `2 * at` on. */
export const half = Object.fromEntries(
  Object.entries(halved.offsets).map(([name, offset]) => [name, 2 * single.size + offset]),
) as typeof halved.offsets
export const rowNumbers = single.size + Math.ceil(halved.size / 2)

const rowsPerBlock = 512

interface Block {
  readonly floats: Float32Array
  readonly words: Uint32Array
  readonly halves: Float16Array
}

function createBlock(count: number): Block {
  const buffer = new ArrayBuffer(count * rowNumbers * 4)
  return { floats: new Float32Array(buffer), words: new Uint32Array(buffer), halves: new Float16Array(buffer) }
}

/** One pair's numbers: `floats[at + field.first]`, `halves[2 * at + half.level]`. */
export interface Row extends Block {
  readonly at: number
}

/** One that stands alone. */
export function createRow(): Row {
  return { ...createBlock(1), at: 0 }
}

export interface Rows {
  take(): Row
  give(row: Row): void
  count(): number
}

export function createRows(): Rows {
  const free: Row[] = []
  let count = 0
  const grow = () => {
    const block = createBlock(rowsPerBlock)
    for (let index = rowsPerBlock - 1; index >= 0; index--) free.push({ ...block, at: index * rowNumbers })
  }
  return {
    take() {
      if (free.length === 0) grow()
      count++
      const row = free.pop() as Row
      row.floats.fill(0, row.at, row.at + rowNumbers)
      return row
    },
    give(row) {
      count--
      free.push(row)
    },
    count: () => count,
  }
}
