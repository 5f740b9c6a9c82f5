/** Caps on what passes through a connection that stays open: a tunnel, a WebSocket. */
import { BeyondCap, type Meter, type Obligations } from '../core/index.ts'

/** The meter itself where nothing is capped. Else what it gives throws `BeyondCap` instead of letting a byte too many pass. */
export function capped(meter: Meter, { maxRequestBytes, maxReplyBytes }: Obligations): Meter {
  if (maxRequestBytes === undefined && maxReplyBytes === undefined) return meter
  const [most, mostBack] = [maxRequestBytes ?? Number.POSITIVE_INFINITY, maxReplyBytes ?? Number.POSITIVE_INFINITY]
  let sent = 0
  let received = 0
  return {
    sent(bytes) {
      sent += bytes
      if (sent > most) throw new BeyondCap('payload-too-large', most)
      return meter.sent(bytes)
    },
    received(bytes) {
      received += bytes
      if (received > mostBack) throw new BeyondCap('reply-too-large', mostBack)
      return meter.received(bytes)
    },
  }
}
