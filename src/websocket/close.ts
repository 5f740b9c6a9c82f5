/** Ends of a WebSocket that the gateway causes: each has a code that both ends are told in a Close frame (RFC 6455 §5.5.1, §7.4.1). */
import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { BeyondCap, BrokenOff, closeWaitMs, type ProblemCode } from '../core/index.ts'

/** What is wrong with the frames of an end, by its Close code. */
export class FrameFault extends Error {
  readonly closeCode: number

  constructor(closeCode: 1001 | 1002 | 1008 | 1009 | 1011, message: string, options?: ErrorOptions) {
    super(message, options)
    this.closeCode = closeCode
  }
}

export function protocolError(what: string): FrameFault {
  return new FrameFault(1002, what)
}

/** Who broke the rules of frames, by the problem that is recorded. */
export function faultOf(error: Error, broken: ProblemCode, tooLarge: ProblemCode): Error {
  if (!(error instanceof FrameFault)) return error
  const problems: Readonly<Record<number, ProblemCode>> = { 1008: 'policy-denied', 1009: tooLarge, 1011: 'policy-failed' }
  return new BrokenOff(problems[error.closeCode] ?? broken, error.message, { cause: error })
}

/** Of what the gateway ends without a fault of either end. */
const closeCodes: Readonly<Partial<Record<ProblemCode, number>>> = {
  draining: 1001,
  'policy-denied': 1008,
  suspended: 1008,
  killed: 1008,
  'connections-exceeded': 1013,
}

export interface Closing {
  readonly code: number
  /** Of the gateway's own. */
  readonly reason: string
  /** From now on no byte of either end passes, what an end has not taken yet included. */
  readonly isCut: boolean
}

/** `null`: an end broke off, and the other sees that as it is. */
export function closingFor(error: Error): Closing | null {
  const reason = error.message
  if (error instanceof BeyondCap) return { code: 1009, reason, isCut: false }
  const fault = error.cause instanceof FrameFault ? error.cause : error
  if (fault instanceof FrameFault) return { code: fault.closeCode, reason, isCut: false }
  const code = error instanceof BrokenOff ? closeCodes[error.problem] : undefined
  return code === undefined ? null : { code, reason, isCut: code === 1008 }
}

/** A stream of HTTP/2 ends before it says that it was reset. */
type Caller = Duplex & { readonly aborted?: boolean }

export function hasBrokenOff({ readableEnded, aborted }: Caller): boolean {
  return !readableEnded || aborted === true
}

/** A caller that breaks off leaves an error on its socket, or has reset its stream of HTTP/2; otherwise the gateway closed the connection. */
export function brokenOffBy({ errored, aborted }: Caller): Error {
  if (errored === null && aborted !== true) return new Error('the caller was cut')
  return new BrokenOff('client-closed', 'the caller broke off', errored === null ? {} : { cause: errored })
}

export interface Ends {
  readonly caller: Duplex
  readonly origin: Duplex
  /** What joins the two; in it bytes of the caller wait until the destination reads. */
  readonly between: Duplex
  /** Whether a frame may follow what that end was sent: its last one is whole. */
  readonly tellsCaller: boolean
  readonly tellsOrigin: boolean
}

/** Resolves when the caller has closed and the destination was sent its frame, or both have had their time. */
export async function closeBoth({ caller, origin, between, tellsCaller, tellsOrigin }: Ends, closing: Closing): Promise<void> {
  const { code, reason, isCut } = closing
  between.unpipe()
  origin.unpipe(between)
  if (isCut) {
    if (!tellsCaller || caller.writableLength > 0) caller.destroy()
    if (!tellsOrigin || origin.writableLength > 0 || between.readableLength > 0) origin.destroy()
  }
  // Without what has passed already, the Close frame could stand inside another one.
  for (let chunk = between.read(); chunk !== null && origin.writable; chunk = between.read()) origin.write(chunk)
  if (tellsCaller && caller.writable) caller.end(closeFrame(code, reason, false))
  if (tellsOrigin && origin.writable) origin.end(closeFrame(code, reason, true))
  // Unread bytes would turn an end into a reset, by which the frame is lost.
  caller.resume()
  origin.resume()
  await Promise.all([within(caller, 'close'), origin.writableEnded && within(origin, 'finish')])
}

function within(stream: Duplex, event: 'close' | 'finish'): Promise<void> | null {
  if (stream.destroyed || (event === 'finish' && stream.writableFinished)) return null
  return new Promise((resolve) => {
    const settle = () => {
      clearTimeout(timer)
      stream.off(event, settle).off('close', settle)
      resolve()
    }
    const timer = setTimeout(settle, closeWaitMs)
    stream.once(event, settle).once('close', settle)
  })
}

/** `isMasked`: towards the destination. Unmasked bytes of the gateway's own need no secrecy, yet §5.3 asks for a mask that cannot be foretold. */
function closeFrame(code: number, reason: string, isMasked: boolean): Buffer {
  const payload = Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason, 'utf8').subarray(0, 120)])
  if (!isMasked) return Buffer.concat([Buffer.from([0x88, payload.byteLength]), payload])
  const mask = randomBytes(4)
  for (let i = 0; i < payload.byteLength; i += 1) payload[i] = (payload[i] as number) ^ (mask[i % 4] as number)
  return Buffer.concat([Buffer.from([0x88, 0x80 | payload.byteLength]), mask, payload])
}
