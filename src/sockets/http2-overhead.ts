/**
 * Floods of HTTP/2 frames that nghttp2 lets pass: of what a connection receives, the bytes that carry neither a head that
 * was understood nor a body are limited, on connections of callers and of origins alike. Node tells of no frames but PING and SETTINGS, so that the rest is known by its bytes only.
 */
import type { Http2Session, Http2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'

export interface Http2Overhead {
  /** A head that was received: its names and values, in any order. */
  head(texts: readonly string[]): void
  /** Counts what comes on a stream, from now on; `heard`: whenever something does. */
  watch(stream: Http2Stream, heard?: () => void): void
  /** Streams whose heads were not taken, and which are known by their numbers only. */
  unseen(count: number): void
  /** Of the error that ended the session: what it was flooded with; `null` if by nothing. */
  explain(error: NodeJS.ErrnoException): string | null
  /** With what it is flooded by now. */
  check(): string | null
}

/** Beyond what is sent: the other side acknowledges what it gets by window updates, and measures round trips by pings. */
const burstBytes = 128 * 1024
const bytesPerSecond = 64 * 1024
/** Heads that nghttp2 does not give on, because they are invalid or too large: each may be a bomb (RFC 7541 §7.3). */
const maxUnseen = 100
const unseenPerSecond = 1
/** RFC 9113 §4.1. */
const frameHeadBytes = 9
const pingBytes = frameHeadBytes + 8
/** nghttp2 ends by its own limit what sends 10,000 frames of little use, and says no more than that it broke the protocol. */
const suspectBytes = 64 * 1024

/** nghttp2's own findings (nghttp2.h). */
const flooded = -904
const tooManyContinuations = -905
const protocolError = -505

export interface OverheadOptions {
  /** Of a stream, for what is received (RFC 9113 §6.9.2). */
  readonly windowBytes: number
  /** Whether a stream that has closed may have been ended by this side, so that a window of it was on its way. Node has ended its reading side by then, whatever came. */
  readonly mayLeaveRest: (stream: Http2Stream) => boolean
}

export function watchOverhead(session: Http2Session, socket: Socket, { windowBytes, mayLeaveRest }: OverheadOptions): Http2Overhead {
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
  /** Acknowledgements are no reason for the other side to send more. */
  const sent = () => socket.bytesWritten - pings * pingBytes - settings * frameHeadBytes
  const excess = () => socket.bytesRead - carried - sent()

  function check(): string | null {
    const now = excess()
    const level = bytes.add(now - checked)
    checked = now
    if (level > burstBytes) return pings * pingBytes > level / 2 ? 'PING frames' : useless
    return heads.add(0) > maxUnseen ? 'heads that are invalid or too large' : null
  }

  return {
    head(texts) {
      for (const text of texts) carried += text.length
      carried += frameHeadBytes
    },
    watch(stream, heard) {
      stream.push = (chunk: Buffer | null) => {
        carried += frameHeadBytes + (chunk?.byteLength ?? 0)
        heard?.()
        return Readable.prototype.push.call(stream, chunk)
      }
      stream.once('close', () => {
        if (!session.destroyed && mayLeaveRest(stream)) carried += windowBytes
      })
    },
    unseen: (count) => void heads.add(count),
    check,
    explain({ code, errno }) {
      if (errno === tooManyContinuations) return 'CONTINUATION frames'
      if (errno === flooded) return 'SETTINGS or PING frames'
      if (code === 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES') return 'invalid frames, empty DATA or refused streams'
      return errno === protocolError && excess() > suspectBytes ? useless : null
    },
  }
}

const useless = 'frames that carry nothing'

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
