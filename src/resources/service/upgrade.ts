/** One WebSocket upgrade to a service: it opens, or the caller gets a refusal. Once open, neither end outlives the other. */
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  BrokenOff,
  type Meter,
  type Progress,
  Refusal,
  type ServiceRequest,
  type Slowed,
  type Timeouts,
  writeSlowly,
} from '../../core/index.ts'
import { endOfTime, stillFor } from '../../egress/index.ts'
import { explainOriginError, firstByteLate, limitInformational } from '../http/index.ts'
import type { Call } from './call.ts'
import { answerOf, openingOf } from './handshake.ts'
import { LibraryEnd } from './library-end.ts'

export interface UpgradeOptions {
  /** The service's name, for messages. */
  readonly service: string
  readonly request: ServiceRequest
  /** Path and query, as they are sent. */
  readonly path: string
  readonly caller: Duplex
  /** Bytes that the caller sent after its request. */
  readonly head: Buffer
  /** Until the service has answered. */
  readonly timeoutMs: number
  readonly timeouts: Timeouts
  /** If neither end sends a byte for so long, both are cut. */
  readonly idleTimeoutMs: number
  readonly meter: Meter
  readonly progress: Progress
}

/** How much of a caller's early frames is held before the WebSocket is open. */
const maxEarlyBytes = 64 * 1024

export class ServiceUpgrade implements Call {
  readonly integration: string
  readonly method: string
  readonly path: string
  /** It takes its connection over, and cannot be repeated if it meets a kept one that the service has closed. */
  readonly isAlone = true
  /** Given to the library in place of the caller's socket. */
  readonly end: LibraryEnd
  /**
   * Resolves when an open WebSocket has closed. Rejects with a `Refusal` if it never opened and the caller was answered with it, and
   * with another Error if it broke off, or if the meter threw one.
   */
  readonly ended: Promise<void>
  onGivenUp: Call['onGivenUp'] = null
  readonly progress: Progress
  readonly timeouts: Timeouts
  readonly #options: UpgradeOptions
  #timer: NodeJS.Timeout
  #firstByteTimer: NodeJS.Timeout | undefined
  readonly #totalTimer: NodeJS.Timeout | undefined
  #resolve: () => void = () => {}
  #reject: (error: Error) => void = () => {}
  #outgoing: ClientRequest | null = null
  #origin: Socket | null = null
  #early: Buffer[] = []
  #earlyBytes = 0
  /** A bucket slows the caller's bytes. */
  #sendsSlowly = false
  /** A bucket slows the service's bytes. */
  #receivesSlowly = false
  #over = false

  constructor(options: UpgradeOptions) {
    const { request, path, timeoutMs, timeouts, caller, head } = options
    this.#options = options
    this.timeouts = timeouts
    this.progress = options.progress
    this.integration = request.integration.name
    this.method = request.target.method
    this.path = path
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.end = new LibraryEnd({
      onPull: () => void (this.#origin !== null && !this.#sendsSlowly && caller.resume()),
      onFrames: (chunk, done) => this.#received(chunk, done),
      onEnd: () => void (this.#origin !== null && caller.writable && caller.end()),
    })
    this.end.once('close', () => {
      // If both ends have ended, the last bytes are on their way to the caller, whose connection then closes.
      if (!this.end.readableEnded || !this.end.writableFinished) this.#fail(new Error('the library gave up'))
    })
    // The door's own timer must not cut a connection that was taken over.
    if ('setTimeout' in caller) (caller as Socket).setTimeout(0)
    const late = () => this.#fail(new Refusal('origin-timeout', `${options.service} did not upgrade within ${timeoutMs} ms`))
    this.#timer = setTimeout(late, timeoutMs)
    const { totalMs } = timeouts
    if (totalMs !== undefined) this.#totalTimer = setTimeout(() => this.#fail(this.#endOfTime()), totalMs)
    if (head.byteLength > 0) this.#sent(head)
    caller.on('data', (chunk: Buffer) => this.#sent(chunk))
    caller.once('end', () => this.#callerEnded())
    caller.once('close', () => this.#callerClosed())
    // It may have ended before these listeners were added.
    if (caller.destroyed || caller.readableEnded) this.#callerEnded()
  }

  follow(outgoing: ClientRequest): void {
    if (this.#over || this.#outgoing !== null) {
      outgoing.destroy()
      return
    }
    this.#outgoing = outgoing
    outgoing.on('error', (error) => this.#fail(error))
    const { service, timeouts } = this.#options
    const slow = () => this.#fail(firstByteLate(service, timeouts.firstByteMs))
    outgoing.once('socket', () => {
      if (!this.#over && timeouts.firstByteMs !== undefined) this.#firstByteTimer = setTimeout(slow, timeouts.firstByteMs)
    })
    outgoing.once('response', ({ statusCode }) =>
      this.#fail(new Refusal('origin-failed', `${this.#options.service} refused the WebSocket: it answered ${statusCode}`)),
    )
    limitInformational(outgoing, this.#options.service, (refusal) => this.#fail(refusal))
    outgoing.once('upgrade', (answer: IncomingMessage, origin: Socket) => this.#open(answer, origin))
    outgoing.once('close', () => void (this.#origin === null && this.#fail(new Error('closed without an answer'))))
  }

  #open(answer: IncomingMessage, origin: Socket): void {
    origin.on('error', (error) => this.#fail(new BrokenOff('origin-failed', error.message, { cause: error })))
    if (this.#over) {
      origin.destroy()
      return
    }
    const { caller, request, service, timeouts } = this.#options
    const { idleMs = this.#options.idleTimeoutMs } = timeouts
    if (answer.statusCode !== 101 || answer.headers.upgrade?.toLowerCase() !== 'websocket') {
      origin.destroy()
      this.#fail(new Refusal('origin-failed', `${service} switched to another protocol than WebSocket`))
      return
    }
    this.#origin = origin
    this.progress.answered()
    origin.once('close', () => this.#originClosed(origin))
    this.#stopTimers()
    const idle = () => {
      // While a bucket slows it, the gateway itself keeps bytes from passing.
      if (this.#sendsSlowly || this.#receivesSlowly) this.#timer.refresh()
      else this.#fail(stillFor(idleMs, timeouts.idleMs === undefined ? null : 'origin-idle-timeout'))
    }
    this.#timer = setTimeout(idle, idleMs)
    caller.write(openingOf(answer, request))
    // Early bytes are charged when they are sent on.
    if (this.#early.length > 0) this.#sent(Buffer.concat(this.#early))
    this.#early = []
  }

  /** Bytes of the caller, for the service once it has accepted. */
  #sent(chunk: Buffer): void {
    if (this.#over) return
    const { caller, meter } = this.#options
    if (this.#origin === null) {
      this.#early.push(chunk)
      this.#earlyBytes += chunk.byteLength
      if (this.#earlyBytes >= maxEarlyBytes) caller.pause()
      return
    }
    this.#timer.refresh()
    try {
      const slowed = meter.sent(chunk.byteLength)
      if (slowed !== null) void this.#sendSlowly(slowed, chunk)
      else if (!this.end.push(chunk)) caller.pause()
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  async #sendSlowly(slowed: Slowed, chunk: Buffer): Promise<void> {
    const { caller } = this.#options
    this.#sendsSlowly = true
    caller.pause()
    let mayGoOn = true
    for (let from = 0; from < chunk.byteLength; ) {
      const bytes = await slowed.next()
      if (bytes === 0 || this.#over) return
      mayGoOn = this.end.push(chunk.subarray(from, from + bytes))
      from += bytes
    }
    this.#sendsSlowly = false
    this.#timer.refresh()
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
    this.#timer.refresh()
    try {
      const slowed = meter.received(chunk.byteLength)
      if (slowed !== null) void this.#receiveSlowly(slowed, chunk, done)
      else if (caller.write(chunk)) done()
      else caller.once('drain', done)
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  async #receiveSlowly(slowed: Slowed, chunk: Buffer, done: () => void): Promise<void> {
    this.#receivesSlowly = true
    await writeSlowly(slowed, chunk, this.#options.caller)
    this.#receivesSlowly = false
    if (!this.#over) this.#timer.refresh()
    done()
  }

  /** A WebSocket needs both directions: a caller that ends its side before it is open has left. */
  #callerEnded(): void {
    if (this.#origin === null) this.#callerClosed()
    else if (!this.#over && !this.#sendsSlowly) this.end.push(null)
  }

  #callerClosed(): void {
    if (this.#origin === null) this.#fail(new Refusal('client-closed', 'the caller went away'))
    else if (!this.#options.caller.readableEnded || this.#receivesSlowly) this.#fail(brokenOffBy(this.#options.caller))
    else this.#finish()
  }

  #originClosed(origin: Socket): void {
    const { caller } = this.#options
    // If the service has ended its side, the caller's side is ended as well, and the caller's own end closes the rest.
    if (!origin.readableEnded) this.#fail(new Error('the service broke off'))
    // If a bucket slows the rest, the library ends the caller's side after it.
    else if (caller.writable && !this.#receivesSlowly) caller.end()
  }

  /** The caller is answered as long as it is not open. */
  #endOfTime(): Error {
    const error = endOfTime()
    return this.#origin === null ? new Refusal(error.problem, error.message) : error
  }

  #stopTimers(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#firstByteTimer)
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#stopTimers()
    clearTimeout(this.#totalTimer)
    this.#origin?.destroy()
    this.end.destroy()
    this.#resolve()
  }

  #fail(error: Error): void {
    if (this.#over) return
    this.#over = true
    this.#stopTimers()
    clearTimeout(this.#totalTimer)
    const { caller, service, request } = this.#options
    this.#outgoing?.destroy()
    this.onGivenUp?.()
    this.#origin?.destroy()
    this.end.destroy()
    if (this.#origin !== null) {
      this.#reject(error)
      caller.destroy()
      return
    }
    const refusal = explainOriginError(error, service)
    this.#reject(refusal)
    if (caller.writable) caller.end(answerOf(refusal, request.id))
  }
}

/** A caller that breaks off leaves an error on its socket; without one, the gateway closed the connection. */
function brokenOffBy({ errored }: Duplex): Error {
  return errored === null ? new Error('the caller was cut') : new BrokenOff('client-closed', 'the caller broke off', { cause: errored })
}
