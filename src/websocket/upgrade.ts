/** One WebSocket: it opens, or the caller gets a refusal. Once open, neither end outlives the other. */
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { BrokenOff, drained, onEnding, type Progress, Refusal, type Timeouts, toProblem, writeSlowly } from '../core/index.ts'
import { explainOriginError, limitInformational } from '../egress/index.ts'
import { Direction } from './bounds.ts'
import { brokenOffBy, type Closing, closeBoth, closingFor, faultOf, hasBrokenOff } from './close.ts'
import type { FrameStream, Frames } from './frame-stream.ts'
import { type Agreement, agreementOf, refusedBy } from './handshake.ts'
import { type Held, hold, release } from './held.ts'
import { Inspection } from './inspection.ts'
import type { UpgradeOptions } from './options.ts'
import { UpgradeTimers } from './timers.ts'

/** How much of a caller's early frames is held before the WebSocket is open. */
const maxEarlyBytes = 64 * 1024

export class WebSocketUpgrade<End extends FrameStream = FrameStream> {
  readonly integration: string
  readonly method: string
  readonly path: string
  /** It takes its connection over, and cannot be repeated if it meets a kept one that the destination has closed. */
  readonly isAlone = true
  /** The caller, towards what reads and writes the destination's side. */
  readonly end: End
  /**
   * Resolves when an open WebSocket has closed. Rejects with a `Refusal` if it never opened and the caller was answered with it, and
   * with another Error if it broke off, or if the meter threw one.
   */
  readonly ended: Promise<void>
  /** Called when it is given up before it has a connection. */
  onGivenUp: (() => void) | null = null
  readonly progress: Progress
  readonly timeouts: Timeouts
  readonly #options: UpgradeOptions
  readonly #timers: UpgradeTimers
  #resolve: () => void = () => {}
  #reject: (error: Error) => void = () => {}
  #outgoing: ClientRequest | null = null
  #origin: Socket | null = null
  #early: Buffer[] = []
  /** Ends what waits. */
  readonly #ended = new AbortController()
  #earlyBytes = 0
  /** A bucket slows the caller's bytes. */
  #sendsSlowly = false
  /** A bucket slows the destination's bytes. */
  #receivesSlowly = false
  #over = false
  /** Frames of the caller, and of the destination, once it is open. */
  #fromCaller: Direction | null = null
  #toCaller: Direction | null = null

  /** `createEnd` makes what stands in for the caller. */
  constructor(options: UpgradeOptions, createEnd: (frames: Frames) => End) {
    const { request, path, timeoutMs, timeouts, bounds, destination, caller, head } = options
    this.#options = options
    this.progress = options.progress
    this.timeouts = timeouts
    this.integration = request.integration.name
    this.method = request.target.method
    this.path = path
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.end = createEnd({
      onPull: () => void (this.#origin !== null && !this.#sendsSlowly && caller.resume()),
      onFrames: (chunk, done) => this.#received(chunk, done),
      onEnd: () => void (this.#origin !== null && caller.writable && caller.end()),
    })
    this.end.once('close', () => {
      // If both ends have ended, the last bytes are on their way to the caller, whose connection then closes.
      if (!this.end.readableEnded || !this.end.writableFinished) this.#fail(new Error('the other side gave up'))
    })
    // The door's own timer must not cut a connection that was taken over.
    if ('setTimeout' in caller) (caller as Socket).setTimeout(0)
    const onTime = (error: Error) => this.#fail(error)
    this.#timers = new UpgradeTimers({ destination, timeoutMs, timeouts, idleTimeoutMs: bounds.idleTimeoutMs, onTime })
    if (head.byteLength > 0) this.#sent(head)
    caller.on('data', (chunk: Buffer) => this.#sent(chunk))
    caller.once('end', () => this.#callerEnded())
    caller.once('close', () => this.#callerClosed())
    // What is not open yet has no frames.
    onEnding(caller, (why) => (this.#origin === null ? caller.destroy() : this.#fail(why)))
    // It may have ended before these listeners were added.
    if (caller.destroyed || caller.readableEnded) this.#callerEnded()
  }

  follow(outgoing: ClientRequest): void {
    outgoing.on('error', (error) => this.#fail(error))
    if (this.#over || this.#outgoing !== null) {
      outgoing.destroy()
      return
    }
    this.#outgoing = outgoing
    outgoing.once('socket', () => this.#timers.connected())
    outgoing.once('response', (answer) => this.#declined(answer))
    limitInformational(outgoing, this.#options.destination, (refusal) => this.#fail(refusal))
    outgoing.once('upgrade', (answer: IncomingMessage, origin: Socket) => this.#open(answer, origin))
    outgoing.once('close', () => void (this.#origin === null && this.#fail(new Error('closed without an answer'))))
  }

  #declined(answer: IncomingMessage): void {
    const { destination, opening, declined, caller } = this.#options
    const passedOn = declined?.(answer) ?? null
    if (passedOn === null) this.#fail(refusedBy(answer, destination))
    else if (!this.#over) {
      this.#conclude()
      this.#outgoing?.destroy()
      this.end.destroy()
      if (caller.writable) opening.decline(passedOn)
      this.#resolve()
    }
  }

  #open(answer: IncomingMessage, origin: Socket): void {
    origin.on('error', (error) => this.#fail(new BrokenOff('origin-failed', error.message, { cause: error })))
    if (this.#over) {
      origin.destroy()
      return
    }
    const { request, destination, opening } = this.#options
    const agreed = agreementOf(answer, request.headers, destination)
    if (agreed instanceof Refusal) {
      origin.destroy()
      this.#fail(agreed)
      return
    }
    this.#fromCaller = this.#direction('caller', agreed)
    this.#toCaller = this.#direction('destination', agreed)
    this.#origin = origin
    this.progress.answered()
    origin.once('close', () => (origin.readableEnded ? this.#originClosed() : this.#fail(new Error('the destination broke off'))))
    this.#timers.opened(() => this.#sendsSlowly || this.#receivesSlowly)
    opening.accept(agreed.headers)
    // Early bytes are charged when they are sent on.
    if (this.#early.length > 0) this.#sent(Buffer.concat(this.#early))
    this.#early = []
  }

  #direction(from: 'caller' | 'destination', { deflate }: Agreement): Direction {
    const { bounds, inspect } = this.#options
    const looked = inspect && new Inspection({ ...bounds, from, inspect, deflate: deflate?.[from] ?? null })
    const now = () => performance.now()
    return new Direction({ ...bounds, isMasked: from === 'caller', mayCompress: deflate !== null, now, inspection: looked ?? null })
  }

  /** Bytes of the caller, for the destination once it has accepted. */
  #sent(chunk: Buffer): void {
    if (this.#over) return
    const { caller, meter } = this.#options
    if (this.#origin === null) {
      this.#early.push(chunk)
      this.#earlyBytes += chunk.byteLength
      if (this.#earlyBytes >= maxEarlyBytes) caller.pause()
      return
    }
    this.#timers.moved()
    try {
      const held = hold(this.#fromCaller, chunk, (bytes) => meter.sent(bytes))
      if (held !== null) void this.#sendSlowly(held)
      else if (!this.end.push(chunk)) caller.pause()
    } catch (error) {
      this.#fail(faultOf(error as Error, 'malformed-request', 'payload-too-large'))
    }
  }

  async #sendSlowly(held: Held): Promise<void> {
    const { caller } = this.#options
    this.#sendsSlowly = true
    caller.pause()
    const due = await release(held, this.#ended.signal)
    if (due instanceof Error) {
      this.#sendsSlowly = false
      this.#fail(faultOf(due, 'malformed-request', 'payload-too-large'))
      return
    }
    const [chunk, slowed] = due
    let mayGoOn = true
    for (let from = 0; from < chunk.byteLength; ) {
      const bytes = slowed === null ? chunk.byteLength : await slowed.next()
      if (bytes === 0 || this.#over) return
      mayGoOn = this.end.push(chunk.subarray(from, from + bytes))
      from += bytes
    }
    this.#sendsSlowly = false
    this.#timers.moved()
    // Otherwise the library pulls.
    if (mayGoOn) caller.resume()
    if (caller.readableEnded) this.#callerEnded()
  }

  #received(chunk: Buffer, done: () => void): void {
    const { caller, meter } = this.#options
    if (this.#over || this.#origin === null || !caller.writable) {
      done()
      return
    }
    this.#timers.moved()
    try {
      const held = hold(this.#toCaller, chunk, (bytes) => meter.received(bytes))
      if (held !== null) void this.#receiveSlowly(held, done)
      else if (caller.write(chunk)) done()
      else caller.once('drain', done)
    } catch (error) {
      this.#fail(faultOf(error as Error, 'origin-failed', 'reply-too-large'))
    }
  }

  async #receiveSlowly(held: Held, done: () => void): Promise<void> {
    const { caller } = this.#options
    this.#receivesSlowly = true
    const due = await release(held, this.#ended.signal)
    if (due instanceof Error) {
      this.#receivesSlowly = false
      this.#fail(faultOf(due, 'origin-failed', 'reply-too-large'))
      return
    }
    const [chunk, slowed] = due
    if (slowed !== null) await writeSlowly(slowed, chunk, caller)
    else if (!this.#over && !caller.write(chunk)) await drained(caller)
    this.#receivesSlowly = false
    this.#timers.moved()
    done()
  }

  /** A WebSocket needs both directions: a caller that ends its side before it is open has left. */
  #callerEnded(): void {
    if (this.#origin === null) this.#callerClosed()
    else if (!this.#over && !this.#sendsSlowly) this.end.push(null)
  }

  #callerClosed(): void {
    if (this.#origin === null) this.#fail(new Refusal('client-closed', 'the caller went away'))
    else if (hasBrokenOff(this.#options.caller) || this.#receivesSlowly) this.#fail(brokenOffBy(this.#options.caller))
    else this.#finish()
  }

  #originClosed(): void {
    const { caller } = this.#options
    // If a bucket slows the rest, the library ends the caller's side after it.
    if (caller.writable && !this.#receivesSlowly) caller.end()
    // Nothing that the caller still sends arrives anywhere: it has heard all, and is given time to close.
    const heardAll = () => this.#timers.ended(() => this.#finish())
    if (caller.writableFinished) heardAll()
    else caller.once('finish', heardAll)
  }

  #conclude(): void {
    this.#over = true
    this.#timers.stop()
    this.#ended.abort()
    this.#fromCaller?.close()
    this.#toCaller?.close()
  }

  #finish(): void {
    if (this.#over) return
    this.#conclude()
    this.#origin?.destroy()
    this.end.destroy()
    this.#options.caller.destroy()
    this.#resolve()
  }

  #fail(error: Error): void {
    if (this.#over) return
    this.#conclude()
    const { caller, request, destination, opening } = this.#options
    this.#outgoing?.destroy()
    this.onGivenUp?.()
    if (this.#origin === null) {
      this.end.destroy()
      const refusal = explainOriginError(error, destination)
      this.#reject(refusal)
      if (caller.writable) opening.refuse({ ...toProblem(refusal, request.id), reason: refusal.code })
      return
    }
    const closing = closingFor(error)
    if (closing === null) this.#cut(error)
    else void this.#close(closing).then(() => this.#cut(error))
  }

  #cut(error: Error): void {
    this.#origin?.destroy()
    this.end.destroy()
    this.#reject(error)
    this.#options.caller.destroy()
  }

  #close(closing: Closing): Promise<void> {
    const ends = { caller: this.#options.caller, origin: this.#origin as Socket, between: this.end }
    const tellsCaller = this.#toCaller?.mayFollow === true && !this.#receivesSlowly
    const tellsOrigin = this.#fromCaller?.mayFollow === true && !this.#sendsSlowly
    return closeBoth({ ...ends, tellsCaller, tellsOrigin }, closing)
  }
}
