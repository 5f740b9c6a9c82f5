/** Events that wait to be sent: bounded in bytes; the oldest of the integration that holds most give way, so that no integration keeps another's from being reported. */

export interface EventBuffer {
  /** How many were given up for it; an event that is larger than the whole buffer is itself given up. */
  push(event: Buffer, integration: string): number
  /** The oldest whose bytes come to no more than `maxBytes`, at least one where there is any; they are no longer here. */
  take(maxBytes: number): Buffer[]
  /** Back to the front, in their order. */
  putBack(events: readonly Buffer[]): void
  readonly bytes: number
  readonly count: number
}

/** In order of age, all of them, and within those of one integration. */
interface Entry {
  readonly event: Buffer
  readonly line: Line
  older: Entry | null
  newer: Entry | null
  /** The next of the same integration. */
  next: Entry | null
}

interface Line {
  readonly integration: string
  bytes: number
  oldest: Entry | null
  newest: Entry | null
}

export function createEventBuffer(maxBytes: number): EventBuffer {
  const lines = new Map<string, Line>()
  /** Whose an event was that was taken, for the way back. */
  const owners = new WeakMap<Buffer, string>()
  let oldest: Entry | null = null
  let newest: Entry | null = null
  let bytes = 0
  let count = 0

  function lineOf(integration: string): Line {
    let line = lines.get(integration)
    if (line === undefined) {
      line = { integration, bytes: 0, oldest: null, newest: null }
      lines.set(integration, line)
    }
    return line
  }

  function weigh(entry: Entry, sign: 1 | -1): void {
    entry.line.bytes += sign * entry.event.byteLength
    bytes += sign * entry.event.byteLength
    count += sign
  }

  function append(event: Buffer, line: Line): void {
    const entry: Entry = { event, line, older: newest, newer: null, next: null }
    if (newest === null) oldest = entry
    else newest.newer = entry
    newest = entry
    if (line.newest === null) line.oldest = entry
    else line.newest.next = entry
    line.newest = entry
    weigh(entry, 1)
  }

  function prepend(event: Buffer, line: Line): void {
    const entry: Entry = { event, line, older: null, newer: oldest, next: line.oldest }
    if (oldest === null) newest = entry
    else oldest.older = entry
    oldest = entry
    line.oldest = entry
    line.newest ??= entry
    weigh(entry, 1)
  }

  /** The oldest of its line. */
  function remove(entry: Entry): void {
    const { older, newer, line } = entry
    if (older === null) oldest = newer
    else older.newer = newer
    if (newer === null) newest = older
    else newer.older = older
    line.oldest = entry.next
    if (entry.next === null) {
      line.newest = null
      lines.delete(line.integration)
    }
    weigh(entry, -1)
  }

  /** `adding` is about to hold so much `more`. */
  function giveWay(adding: Line, more: number): void {
    let most: Entry | null = null
    let mostBytes = 0
    for (const line of lines.values()) {
      const held = line.bytes + (line === adding ? more : 0)
      if (line.oldest === null || held <= mostBytes) continue
      most = line.oldest
      mostBytes = held
    }
    if (most !== null) remove(most)
  }

  return {
    push(event, integration) {
      if (event.byteLength > maxBytes) return 1
      let given = 0
      while (bytes + event.byteLength > maxBytes) {
        giveWay(lineOf(integration), event.byteLength)
        given += 1
      }
      owners.set(event, integration)
      append(event, lineOf(integration))
      return given
    },
    take(limit) {
      const taken: Buffer[] = []
      let sum = 0
      for (let entry = oldest; entry !== null && (taken.length === 0 || sum + entry.event.byteLength <= limit); entry = oldest) {
        remove(entry)
        taken.push(entry.event)
        sum += entry.event.byteLength
      }
      return taken
    },
    putBack(back) {
      for (const event of back.toReversed()) prepend(event, lineOf(owners.get(event) ?? ''))
    },
    get bytes() {
      return bytes
    },
    get count() {
      return count
    },
  }
}
