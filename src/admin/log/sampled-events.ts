/** A sample of the requests of a stream, for people who look: so many a second, denials before others, and how many were left out. */
import type { JsonObject } from '../../core/index.ts'

export interface Sample {
  /** Whether this record is shown. A settlement is where its request was. */
  shows(record: JsonObject): boolean
  /** What happened since it was last asked, as an event; empty where no request came. */
  counted(): string
}

/** A second is so many windows, each with its part of what may be shown, so that rows come evenly. */
const windowMs = 250
/** Requests that were shown and are open. The oldest gives way. */
const maxOpen = 1000

const decisionOf = ({ type, allow }: JsonObject) =>
  type === 'decided' ? (allow === true ? 'allow' : 'deny') : type === 'refused' || type === 'summed' ? 'refused' : null

/** `perSecond`: requests; of those allowed three quarters, so that a flood of them hides no denial. `now`: milliseconds, monotonic. */
export function createSample(perSecond: number, now: () => number = () => performance.now()): Sample {
  const perWindow = Math.max(1, Math.ceil((perSecond * windowMs) / 1000))
  const mostAllowed = Math.ceil(perWindow * 0.75)
  const open = new Set<string>()
  let counts = { requests: 0, left: 0, allow: 0, deny: 0, refused: 0 }
  let shown = { all: 0, allowed: 0 }
  let endsAt = 0

  function isWithin(decision: 'allow' | 'deny' | 'refused'): boolean {
    if (now() >= endsAt) {
      endsAt = now() + windowMs
      shown = { all: 0, allowed: 0 }
    }
    if (shown.all >= perWindow || (decision === 'allow' && shown.allowed >= mostAllowed)) return false
    shown.all += 1
    if (decision === 'allow') shown.allowed += 1
    return true
  }

  return {
    shows(record) {
      const id = typeof record['id'] === 'string' ? record['id'] : ''
      if (record['type'] === 'settled') return open.delete(id)
      const decision = decisionOf(record)
      // What is not about a request is rare.
      if (decision === null) return record['type'] !== 'read'
      const requests = typeof record['count'] === 'number' ? record['count'] : 1
      counts.requests += requests
      counts[decision] += requests
      if (!isWithin(decision)) {
        counts.left += requests
        return false
      }
      const [oldest] = open.keys()
      if (open.size >= maxOpen && oldest !== undefined) open.delete(oldest)
      if (id !== '') open.add(id)
      return true
    },
    counted() {
      if (counts.requests === 0) return ''
      const text = `event: sampled\ndata: ${JSON.stringify(counts)}\n\n`
      counts = { requests: 0, left: 0, allow: 0, deny: 0, refused: 0 }
      return text
    },
  }
}
