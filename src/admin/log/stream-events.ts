/** The records of a log as server-sent events, in pieces that their reader takes one after the other. */
import type { JsonObject } from '../../core/index.ts'
import { readRecords, type StoredRecord } from '../../records/index.ts'
import { parseJson, visibleText } from '../../text/index.ts'
import { createMask } from './masks.ts'
import { createMatches } from './matches.ts'
import type { Events, StreamJob } from './process-messages.ts'
import { createSample } from './sampled-events.ts'

/** A piece is sent once it is longer: this and one record is what a stream holds at most. */
const pieceCharacters = 64 * 1024

/** Until `signal`. Throws what reading the log throws. */
export async function* streamEvents(folder: string, job: StreamJob, signal: AbortSignal): AsyncGenerator<Events> {
  const { from, filter, sample: perSecond, hidden } = job
  const matches = createMatches(filter)
  const sample = perSecond === null ? null : createSample(perSecond)
  const mask = createMask(hidden)
  for await (const batch of readRecords(folder, { from, follow: true, signal })) {
    let text = ''
    let records = 0
    for (const stored of batch) {
      const record = readRecord(stored)
      if (matches(record) && (sample === null || sample.shows(record))) {
        text += eventOf(stored.index, hidden.length === 0 && record !== unreadable ? stored.text : JSON.stringify(mask(record)))
        // A read of the log is seen like other records, and makes no record of itself.
        if (record['type'] !== 'read') records += 1
      }
      if (text.length < pieceCharacters) continue
      yield { text, records, last: stored.index }
      text = ''
      records = 0
    }
    if (sample !== null) text += sample.counted()
    const last = batch.at(-1)
    if (last !== undefined) yield { text, records, last: last.index }
  }
}

const unreadable: JsonObject = { type: 'unreadable' }

/** A line that is none, which only a damaged log has, has nothing that could be masked member by member. */
function readRecord({ text }: StoredRecord): JsonObject {
  try {
    const record: unknown = parseJson(text)
    if (typeof record === 'object' && record !== null && !Array.isArray(record)) return record as JsonObject
  } catch {
    // Said below.
  }
  return unreadable
}

/** Line ends, which would begin a field of their own, and what acts on a terminal are escaped: of JSON the value stays the same. */
function eventOf(index: number, json: string): string {
  return `id: ${index}\nevent: record\ndata: ${visibleText(json)}\n\n`
}
