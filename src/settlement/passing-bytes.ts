/** The bytes of one arrival, either way: counted as they pass, slowed where a bucket is empty, and none of them once its integration is stopped. */
import {
  type Contained,
  type Meter,
  noLongerAllowed,
  nothingPasses,
  type ProblemCode,
  type Refusal,
  type Slowed,
  stopRefusal,
  TracedPath,
  type Watched,
} from '../core/index.ts'

export interface SettlingEnd {
  readonly complete: boolean
  /** The status that the caller was sent, if it is not the reply's. */
  readonly status?: number
  /** What went wrong after the reply was handed over. */
  readonly problem?: ProblemCode | null
  /** As `Refusal.forOperator`, of that problem. */
  readonly forOperator?: string | null
  readonly receivedBytes?: number
}

export abstract class PassingBytes extends TracedPath implements Meter {
  /** Once it is decided, where what passes is watched. */
  protected watched: Watched | null = null
  protected sentBytes = 0
  protected receivedBytes = 0
  protected isSettled = false
  /** Why its integration was stopped meanwhile; `null`: it was not. */
  protected stopped: Refusal | null = null

  abstract settle(end: SettlingEnd): void

  /** Ends it, whatever it waits for; no further byte passes. Never throws. */
  stop(contained: Contained): void {
    if (this.isSettled || this.stopped !== null) return
    this.stopped = stopRefusal(contained)
    this.arrival.cut(noLongerAllowed(contained.state === 'killed' ? 'killed' : 'suspended'))
  }

  /** What failed because it was stopped says so; a bug and a log that cannot be written stay what they are. */
  protected reasonOf(refusal: Refusal): Refusal {
    return this.stopped === null || refusal.code === 'internal' || refusal.code === 'audit-unavailable' ? refusal : this.stopped
  }

  /** Throws `Refusal` once it was stopped. */
  protected requireGoingOn(): void {
    if (this.stopped !== null) throw this.stopped
  }

  sent(bytes: number): Slowed | null {
    if (this.stopped !== null) return nothingPasses
    this.sentBytes += bytes
    try {
      const slowed = this.lease?.sent(bytes) ?? null
      if (slowed !== null) {
        this.sentBytes -= bytes
        return this.#counted(slowed, (passed) => this.addSent(passed))
      }
      this.passed(bytes)
      if (this.watched !== null) this.watched.sentBytes += bytes
      this.stations.onBytes(bytes)
    } catch (error) {
      this.#break(error)
    }
    return null
  }

  received(bytes: number): Slowed | null {
    if (this.stopped !== null) return nothingPasses
    this.receivedBytes += bytes
    try {
      const slowed = this.lease?.received(bytes) ?? null
      if (slowed !== null) {
        this.receivedBytes -= bytes
        return this.#counted(slowed, (passed) => this.addReceived(passed))
      }
      this.passed(bytes)
      if (this.watched !== null) this.watched.receivedBytes += bytes
      this.stations.onBytes(bytes)
    } catch (error) {
      this.#break(error)
    }
    return null
  }

  protected addSent(bytes: number): void {
    this.passed(bytes)
    this.sentBytes += bytes
    if (this.watched !== null) this.watched.sentBytes += bytes
    this.stations.onBytes(bytes)
  }

  protected addReceived(bytes: number): void {
    this.passed(bytes)
    this.receivedBytes += bytes
    if (this.watched !== null) this.watched.receivedBytes += bytes
    this.stations.onBytes(bytes)
  }

  /** In the midst of the bytes: nothing can be answered any more, and nothing passes uncounted. */
  #counted(slowed: Slowed, add: (bytes: number) => void): Slowed {
    return {
      next: async () => {
        try {
          const bytes = await slowed.next()
          if (this.stopped !== null) return 0
          add(bytes)
          return bytes
        } catch (error) {
          this.#break(error)
          return 0
        }
      },
      end: () => slowed.end(),
    }
  }

  #break(error: unknown): void {
    this.report(error)
    this.settle({ complete: false, problem: 'internal' })
    this.arrival.cut()
  }

  /** Reports a bug; a failure of that must not become another one. */
  protected report(error: unknown): void {
    try {
      this.stations.onBug(error, this.arrival.id, this.entry?.trace ?? null)
    } catch {
      // The report itself failed.
    }
  }
}
