/** Events that wait to be sent: bounded in bytes, and the oldest give way. */

export interface EventBuffer {
  /** How many of the oldest were given up for it; an event that is larger than the whole buffer is itself given up. */
  push(event: Buffer): number
  /** The oldest whose bytes come to no more than `maxBytes`, at least one where there is any; they are no longer here. */
  take(maxBytes: number): Buffer[]
  /** Back to the front, in their order. */
  putBack(events: readonly Buffer[]): void
  readonly bytes: number
  readonly count: number
}

export function createEventBuffer(maxBytes: number): EventBuffer {
  let events: Buffer[] = []
  /** Those before it have been taken: shifting each off a long list would move the rest each time. */
  let first = 0
  let bytes = 0

  function shift(): Buffer {
    const event = events[first] as Buffer
    events[first] = Buffer.of()
    first += 1
    bytes -= event.byteLength
    if (first > 1024 && first * 2 > events.length) {
      events = events.slice(first)
      first = 0
    }
    return event
  }

  return {
    push(event) {
      if (event.byteLength > maxBytes) return 1
      let given = 0
      while (bytes + event.byteLength > maxBytes) {
        shift()
        given += 1
      }
      events.push(event)
      bytes += event.byteLength
      return given
    },
    take(limit) {
      const taken: Buffer[] = []
      let sum = 0
      while (first < events.length && (taken.length === 0 || sum + (events[first] as Buffer).byteLength <= limit)) {
        const event = shift()
        taken.push(event)
        sum += event.byteLength
      }
      return taken
    },
    putBack(back) {
      events = [...back, ...events.slice(first)]
      first = 0
      bytes += back.reduce((sum, { byteLength }) => sum + byteLength, 0)
    },
    get bytes() {
      return bytes
    },
    get count() {
      return events.length - first
    },
  }
}
