/**
 * Floods of HTTP/2 frames that nghttp2 lets pass: of what a connection receives, the bytes that carry neither the head of a request
 * that was begun nor a body are limited. Node tells of no frames but PING and SETTINGS, so that the rest is known by its bytes only.
 */
import type { ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type HeaderList, Refusal } from '../core/index.ts'
import type { Http2Arrival } from './http2-arrival.ts'

export interface Http2Overhead {
  /** A request whose head was received. `raw`: flat. */
  began(arrival: Http2Arrival, raw: HeaderList): void
  /** Streams whose heads were not taken, and which are known by their numbers only. */
  unseen(count: number): void
  /** Throws nothing: what the error that ended the session says of the caller. */
  explain(error: NodeJS.ErrnoException): Refusal
  /** A flood, if there is one by now. */
  check(): Refusal | null
}

/** Beyond what is sent to the caller: a client acknowledges what it gets by window updates, and measures round trips by pings. */
const burstBytes = 128 * 1024
const bytesPerSecond = 64 * 1024
/** Heads that nghttp2 does not give on, because they are invalid or too large: each may be a bomb (RFC 7541 §7.3). */
const maxUnseen = 100
const unseenPerSecond = 1
/** Of a stream, as Node sets it (RFC 9113 §6.9.2). */
const windowBytes = 64 * 1024
/** RFC 9113 §4.1. */
const frameHeadBytes = 9
const pingBytes = frameHeadBytes + 8
/** nghttp2 ends by its own limit what sends 10,000 frames of little use, and says no more than that it broke the protocol. */
const suspectBytes = 64 * 1024

/** nghttp2's own findings (nghttp2.h). */
const flooded = -904
const tooManyContinuations = -905
const protocolError = -505

export function watchOverhead(session: ServerHttp2Session, socket: Socket): Http2Overhead {
  let carried = 0
  let pings = 0
  let settings = 0
  const bytes = createLeakyBucket(bytesPerSecond)
  const heads = createLeakyBucket(unseenPerSecond)
  let checked = 0
  session.on('ping', () => {
    pings += 1
  })
  session.on('remoteSettings', () => {
    settings += 1
  })
  /** Acknowledgements are no reason for the caller to send more. */
  const sent = () => socket.bytesWritten - pings * pingBytes - settings * frameHeadBytes
  const excess = () => socket.bytesRead - carried - sent()

  function check(): Refusal | null {
    const now = excess()
    const level = bytes.add(now - checked)
    checked = now
    if (level > burstBytes) return flood(pings * pingBytes > level / 2 ? 'PING frames' : 'frames that carry no request')
    return heads.add(0) > maxUnseen ? flood('heads that are invalid or too large') : null
  }

  return {
    began(arrival, raw) {
      for (const text of raw) carried += text.length
      carried += frameHeadBytes
      const { stream } = arrival
      stream.push = (chunk: Buffer | null) => {
        carried += frameHeadBytes + (chunk?.byteLength ?? 0)
        arrival.touch()
        return Readable.prototype.push.call(stream, chunk)
      }
      // What was on its way when the gateway ended it; Node has ended its reading side by now, so that it cannot be known whether any was.
      stream.once('close', () => {
        if (!stream.endAfterHeaders) carried += windowBytes
      })
    },
    unseen: (count) => void heads.add(count),
    check,
    explain({ message, code, errno }) {
      if (errno === tooManyContinuations) return flood('CONTINUATION frames')
      if (errno === flooded) return flood('SETTINGS or PING frames')
      if (code === 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES') return flood('invalid frames, empty DATA or refused streams')
      if (errno === protocolError && excess() > suspectBytes) return flood('frames that carry no request')
      return new Refusal('malformed-request', `not valid HTTP/2: ${message}`)
    },
  }
}

function flood(of: string): Refusal {
  return new Refusal('http2-flood', `too many ${of}`)
}

interface LeakyBucket {
  /** The level with it. */
  add(amount: number): number
}

function createLeakyBucket(perSecond: number): LeakyBucket {
  let level = 0
  let at = performance.now()
  return {
    add(amount) {
      const now = performance.now()
      level = Math.max(0, level - ((now - at) * perSecond) / 1000 + amount)
      at = now
      return level
    },
  }
}
