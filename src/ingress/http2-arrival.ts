/** A stream of HTTP/2 as an arrival: one request inside an intercepted tunnel, or to the proxy. */
import type { ServerHttp2Stream } from 'node:http2'
import {
  type AccessRequest,
  type Arrival,
  type Asked,
  type BrokenOff,
  type DoorName,
  type Hangup,
  type HeaderList,
  type Identified,
  Refusal,
  type TraceContext,
  tellEnding,
} from '../core/index.ts'
import { askedInFields } from './asked.ts'
import { isGrpcType } from './grpc-status.ts'
import { soleHeader } from './headers.ts'
import { requestFrom } from './http-request.ts'
import { type Place, readHttp2Head } from './http2-head.ts'
import type { Identify } from './identify.ts'
import { isSlowed, StreamedBody } from './request-body.ts'
import { asksForContinue } from './supported-heads.ts'
import { traceContextOf } from './trace-context.ts'
import { requireNoBody } from './websocket-head.ts'

/** What is the same for all streams of a connection. */
export interface StreamSettings {
  readonly door: DoorName
  /** The CONNECT's id. */
  readonly parent?: string
  readonly peer: string
  readonly peerPort: number | undefined
  /** As `Identify.claimed`. */
  readonly claimed?: Identify['claimed']
  /** Given Proxy-Authorization, which inside a tunnel says nothing: there it throws `Refusal` if what the CONNECT carried no longer proves who calls. */
  readonly identify: (authorization: string | null) => Identified | null
  /** As in `DoorOptions`; inside a tunnel there is nothing to require. */
  readonly requireShare?: () => void
  readonly selfUrl: string | null
  readonly place: Place
  readonly maxHeaderBytes: number
  /** Of a tunnel whose CONNECT was refused: every stream is refused with it. */
  readonly refusal?: Refusal
}

/** RFC 9113 §7. */
export const noError = 0
export const internalError = 2
export const cancel = 8

export class Http2Arrival implements Arrival, Hangup {
  readonly id: string
  readonly at = Date.now()
  readonly stream: ServerHttp2Stream
  readonly #raw: HeaderList
  readonly #settings: StreamSettings
  readonly #callbacks = new Set<() => void>()
  #gone = false
  #activeAt = performance.now()
  #isHandedOver = false
  /** Its caller sends no body before it is told to. */
  #awaits100 = false

  /** `raw`: the head as it was received, flat. */
  constructor(id: string, settings: StreamSettings, stream: ServerHttp2Stream, raw: HeaderList) {
    this.id = id
    this.stream = stream
    this.#settings = settings
    this.#raw = raw
    if (settings.parent !== undefined) this.parent = settings.parent
    // A reset is an error of the stream as well, and one without a listener ends the process.
    stream.on('error', ignore)
    stream.once('aborted', this.#leave)
    stream.once('close', this.#leave)
  }

  declare readonly parent?: string

  get door(): DoorName {
    return this.#settings.door
  }

  get peer(): string {
    return this.#settings.peer
  }

  get peerPort(): number | undefined {
    return this.#settings.peerPort
  }

  get traceContext(): TraceContext | null {
    return traceContextOf(this.#raw)
  }

  asked(): Asked {
    const at = this.#raw.indexOf('proxy-authorization')
    const claimed = this.#settings.claimed?.(at < 0 ? null : (this.#raw[at + 1] ?? null)) ?? null
    return { ...askedInFields(this.#raw), claimed }
  }

  get selfUrl(): string | null {
    return this.#settings.selfUrl
  }

  get hangup(): Hangup {
    return this
  }

  get gone(): boolean {
    return this.#gone || this.stream.destroyed
  }

  onGone(callback: () => void): () => void {
    if (this.gone) callback()
    else this.#callbacks.add(callback)
    return () => void this.#callbacks.delete(callback)
  }

  identify(): Identified | null {
    return this.#settings.identify(soleHeader(this.#raw, 'proxy-authorization'))
  }

  read(who: Identified): AccessRequest {
    const { place, maxHeaderBytes, refusal, requireShare } = this.#settings
    if (refusal !== undefined) throw refusal
    requireShare?.()
    const head = readHttp2Head(this.#raw, place, maxHeaderBytes)
    const { scheme, judged } = head
    return requestFrom(
      {
        ...head,
        isHttp2: true,
        isGrpc: this.isGrpc,
        readBody: () => (head.websocket ? this.#none(head.rawHeaders) : this.#body(head.rawHeaders)),
      },
      { arrival: this, who, scheme, judged },
    )
  }

  /** Whether its caller understands a status of gRPC, and no other. */
  get isGrpc(): boolean {
    const at = this.#raw.findIndex((name, index) => index % 2 === 0 && name === 'content-type')
    return at >= 0 && isGrpcType(this.#raw[at + 1] as string)
  }

  /** A part of a body has passed, in either direction. */
  touch(): void {
    this.#activeAt = performance.now()
  }

  /** Whether its caller may be sending: one that waits for 100, or to be connected, is not. */
  get isSending(): boolean {
    const isConnect = this.#raw[this.#raw.indexOf(':method') + 1] === 'CONNECT'
    return !this.stream.readableEnded && !this.#awaits100 && !isConnect
  }

  /** From now on it has timeouts of its own: it is a WebSocket, or has been answered. */
  handOver(): void {
    this.#isHandedOver = true
  }

  /** It did not open, and is answered like any other: a caller that does not take the answer stalls. */
  takeBack(): void {
    this.#isHandedOver = false
    this.touch()
  }

  /** Whether nothing has passed for so long. As for HTTP/1.1, a caller that has read everything so far waits for the origin, whose own timeouts bound that. */
  hasStalled(idleMs: number): boolean {
    if (!this.stream.closed && (this.#isHandedOver || this.#isWaitingForUs)) this.touch()
    return performance.now() - this.#activeAt >= idleMs
  }

  get #isWaitingForUs(): boolean {
    const { stream } = this
    if (isSlowed(stream)) return true
    // Of a reply that has been written to its end, the caller has still to take the rest.
    return stream.readableEnded && !stream.writableEnded && (!stream.headersSent || stream.writableLength === 0)
  }

  cut(why?: BrokenOff): void {
    if (why === undefined || !tellEnding(this.stream, why)) this.stream.close(internalError)
  }

  /** What comes on the stream belongs to the WebSocket. */
  #none(rawHeaders: HeaderList): null {
    requireNoBody(soleHeader(rawHeaders, 'content-length'))
    return null
  }

  /** nghttp2 holds the length against the bytes that come (RFC 9113 §8.1.1). */
  #body(rawHeaders: HeaderList): StreamedBody | null {
    const { stream } = this
    const length = soleHeader(rawHeaders, 'content-length')
    if (length !== null && !/^\d{1,15}$/.test(length)) throw new Refusal('malformed-request', 'content-length is not a number')
    this.#awaits100 = asksForContinue(soleHeader(rawHeaders, 'expect') ?? '')
    if (stream.endAfterHeaders || Number(length ?? 1) === 0) {
      stream.resume()
      return null
    }
    const isComplete = () => stream.readableEnded
    const invite = () => {
      if (this.#awaits100 && !stream.headersSent && !stream.destroyed) stream.additionalHeaders({ ':status': 100 })
      this.#awaits100 = false
    }
    let trailers: HeaderList = []
    stream.once('trailers', (_fields, _flags, raw: string[]) => {
      trailers = raw
    })
    return new StreamedBody(
      { stream, exchange: stream, isComplete, trailers: () => trailers, invite },
      length === null ? null : Number(length),
    )
  }

  /** A callback that throws keeps none of the others from being called. */
  readonly #leave = () => {
    this.#gone = true
    for (const callback of [...this.#callbacks]) {
      this.#callbacks.delete(callback)
      try {
        callback()
      } catch (error) {
        process.nextTick(rethrow, error)
      }
    }
  }
}

function ignore(): void {}

/** Outside of the loop over callbacks, where the error boundary catches it. */
function rethrow(error: unknown): never {
  throw error
}
