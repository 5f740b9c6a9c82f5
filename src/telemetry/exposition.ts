/** Series as text, made in slices: ten thousand integrations hold up no request while they are scraped. */
import type { Format, SeriesType } from './format.ts'

/** Text of whole lines, each with its newline. */
export type Lines = Iterable<string>

export interface FamilyOptions<Subject> {
  readonly format: Format
  readonly name: string
  readonly type: SeriesType
  readonly help: string
  /** Whom there are lines of. */
  readonly of: Iterable<Subject>
  readonly lines: (subject: Subject) => string
}

/** One metric with all its series, which the format wants together. */
export function* family<Subject>({ format, name, type, help, of, lines }: FamilyOptions<Subject>): Generator<string> {
  yield format.head(name, type, help)
  for (const subject of of) yield lines(subject)
}

/** A request waits for no longer than this and its own work. */
const sliceMs = 2
/** A slow reader of a metric that is megabytes long keeps no more than this waiting. */
const chunkCharacters = 64 * 1024

/** Gives way between slices. However many scrapes are under way, they have one slice per turn of the event loop together. `now`: milliseconds, monotonic. */
export function createSlices(now = () => performance.now()): (lines: Lines) => AsyncGenerator<string, void> {
  let last: Promise<void> = Promise.resolve()
  const nextTurn = () => {
    last = last.then(() => new Promise((resolve) => setImmediate(resolve)))
    return last
  }
  return async function* slices(lines) {
    await nextTurn()
    let until = now() + sliceMs
    let text = ''
    for (const more of lines) {
      text += more
      const isOver = now() >= until
      if (text.length < chunkCharacters && !isOver) continue
      yield text
      text = ''
      if (!isOver) continue
      await nextTurn()
      until = now() + sliceMs
    }
    yield text
  }
}
