/** Bytes both ways between a caller's socket and an origin's, counted, with backpressure; each half ends on its own and has a deadline. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { BrokenOff, type Meter, type ProblemCode, type Slowed, writeSlowly } from '../core/index.ts'

export interface JoinBounds {
  readonly idleTimeoutMs: number
  /** What the record says where nothing moved for so long; `null`: neither side is blamed. */
  readonly idleProblem: ProblemCode | null
  /** It is cut after this time, whatever moves. */
  readonly lastsMs: number | undefined
}

/**
 * Resolves when both sides have sent everything and received everything. Rejects when either broke off, bytes of the other were lost
 * with it, nothing moved for `idleTimeoutMs`, whichever halves are still open, its time is up, or with what `meter` throws.
 */
export function joinSockets(caller: Duplex, head: Buffer, origin: Socket, meter: Meter, bounds: JoinBounds): Promise<void> {
  const { idleTimeoutMs, idleProblem, lastsMs } = bounds
  // The door's own timer does not cover tunnels.
  if ('setTimeout' in caller) (caller as Socket).setTimeout(0)
  return new Promise((resolve, reject) => {
    let halves = 2
    let over = false
    /** Ways that a bucket slows: that nothing moves there is the gateway's doing. */
    let slow = 0
    const fail = (error: Error) => {
      if (over) return
      over = true
      clearTimeout(timer)
      clearTimeout(last)
      caller.destroy()
      origin.destroy()
      reject(error)
    }
    const idle = () => (slow > 0 ? moved() : fail(stillFor(idleTimeoutMs, idleProblem)))
    const timer = setTimeout(idle, idleTimeoutMs)
    const last = lastsMs === undefined ? undefined : setTimeout(() => fail(endOfTime()), lastsMs)
    const moved = () => void (over || timer.refresh())
    const halfDone = () => {
      halves -= 1
      if (halves > 0 || over) return
      over = true
      clearTimeout(timer)
      clearTimeout(last)
      caller.destroy()
      origin.destroy()
      resolve()
    }
    for (const [side, other, problem] of [
      [caller, origin, 'client-closed'],
      [origin, caller, 'origin-failed'],
    ] satisfies readonly (readonly [Duplex, Duplex, ProblemCode])[]) {
      side.on('error', (error) => fail(new BrokenOff(problem, error.message, { cause: error })))
      // Closed by the gateway before everything was sent or received: a peer that leaves ends its side or breaks off with an error. What it had sent still goes to the other side.
      side.once('close', () => {
        if (!side.readableEnded || (!side.writableFinished && other.readableLength > 0)) fail(new Error('a side was closed'))
      })
    }
    // Broken before it began: neither side would ever hear of it.
    if (caller.destroyed || origin.destroyed) return fail(origin.errored ?? new Error('a side was gone before the tunnel began'))
    const way = {
      moved,
      fail,
      done: halfDone,
      slow(is: boolean) {
        slow += is ? 1 : -1
        moved()
      },
    }
    relay(caller, origin, head, { ...way, count: (bytes) => meter.sent(bytes) })
    relay(origin, caller, nothing, { ...way, count: (bytes) => meter.received(bytes) })
  })
}

/** Why a connection is cut in which nothing moved. */
function stillFor(idleTimeoutMs: number, problem: ProblemCode | null): Error {
  const what = `nothing moved for ${idleTimeoutMs} ms`
  return problem === null ? new Error(what) : new BrokenOff(problem, what)
}

/** Why a connection is cut that was open for as long as it may be. */
function endOfTime(): BrokenOff {
  return new BrokenOff('total-timeout', 'it was open for as long as it may be')
}

const nothing = Buffer.alloc(0)

interface Way {
  count(bytes: number): Slowed | null
  moved(): void
  slow(is: boolean): void
  /** One side has ended, and everything that it sent has reached the other. */
  done(): void
  fail(error: Error): void
}

/** `head`: what that side had sent before. */
function relay(from: Duplex, to: Duplex, head: Buffer, { count, moved, slow, done, fail }: Way): void {
  const pass = (chunk: Buffer): void => {
    let slowed: Slowed | null
    try {
      slowed = count(chunk.byteLength)
    } catch (error) {
      fail(error as Error)
      return
    }
    moved()
    if (slowed !== null) void passSlowly(slowed, chunk)
    else if (!to.write(chunk)) {
      from.pause()
      to.once('drain', () => {
        moved()
        from.resume()
      })
    }
  }
  let isSlow = false
  const passSlowly = async (slowed: Slowed, chunk: Buffer) => {
    from.pause()
    isSlow = true
    slow(true)
    const end = () => slowed.end()
    to.once('close', end)
    const isWhole = await writeSlowly(slowed, chunk, to)
    to.off('close', end)
    slow(false)
    isSlow = false
    if (!isWhole) fail(new Error('a side broke off'))
    else if (from.readableEnded) to.end()
    else from.resume()
  }
  if (head.byteLength > 0) pass(head)
  from.on('data', pass)
  to.once('finish', done)
  // It may have ended while the destination was dialled.
  // Slowed bytes are before the end, which Node reports whether the stream is paused or not.
  const end = () => void (isSlow || to.end())
  if (from.readableEnded) end()
  else from.once('end', end)
}
