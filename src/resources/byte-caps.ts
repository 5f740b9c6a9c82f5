/** Caps on the bytes of a connection that stays open: a tunnel or a WebSocket. */
import { BeyondCap, type Meter, type Obligations } from '../core/index.ts'

/** The meter itself if no obligation caps it. Otherwise the returned meter throws `BeyondCap` before the first byte beyond the cap passes. */
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
