/** Records of a log in a view, once, for a person or a program that asks: nothing is shipped, and no cursor moves. */
import { readLogName, readRecords } from '../records/index.ts'
import { createShape } from './shape.ts'
import type { ViewName } from './views/index.ts'

export interface ConvertOptions {
  readonly view: ViewName
  /** Of Sallyport. */
  readonly version: string
  /** Index of the first record; default 0. */
  readonly from?: number
  /** Index behind the last; default: the log's end. */
  readonly to?: number
  /** Milliseconds since the epoch: only what was written then or later. */
  readonly since?: number
  /** Only what was written before. */
  readonly until?: number
}

/** JSON texts, some at a time. Throws what reading throws. */
export async function* convertRecords(folder: string, options: ConvertOptions): AsyncGenerator<readonly string[]> {
  const { view, version, from = 0, to = Number.POSITIVE_INFINITY, since, until } = options
  const { origin } = await readLogName(folder)
  const shape = createShape({ view, mask: null, context: { origin, version } })
  const isWanted = (time: string) => (since === undefined || Date.parse(time) >= since) && (until === undefined || Date.parse(time) < until)
  for await (const records of readRecords(folder, { from })) {
    const wanted = records.filter(({ index }) => index < to)
    yield wanted.flatMap((stored) => {
      const record = shape.record(stored, 0)
      return record === null || !isWanted(record.time) ? [] : [record.text]
    })
    if (wanted.length < records.length) return
  }
}
