/** What an admitted request holds of its integration's account until it is settled. */
import type { Integration, Lease, Outcome, Reply, Slowed, Tokens } from '../core/index.ts'
import type { Account, BytesBucket, Slice } from './account.ts'
import type { Attempt, Breakers } from './breakers.ts'

/** Calls back once, after `ms`; the returned function cancels that. */
export type After = (ms: number, callback: () => void) => () => void

export interface LeaseOptions {
  readonly breakers: Breakers
  /** Milliseconds, monotonic. */
  readonly now: () => number
  readonly after: After
}

export class HeldLease implements Lease, Attempt {
  breaker: Attempt['breaker'] = null
  pass: Attempt['pass'] = null
  breakerState: Attempt['breakerState'] = null
  readonly #integration: Integration
  readonly #origin: string | null
  readonly #account: Account
  readonly #options: LeaseOptions
  /** Bytes that were declared and paid for at admission, and have not passed yet. */
  #prepaidBytes: number
  /** `null` until a chunk is slowed. */
  #slow: Set<Flow> | null = null
  #outTokens: number
  #inTokens = 0
  #settled = false
  #hasLeft = false

  /** `origin`: of the claim that was admitted; `null` has no breaker. */
  constructor(integration: Integration, origin: string | null, account: Account, prepaidBytes: number, options: LeaseOptions) {
    this.#integration = integration
    this.#origin = origin
    this.#account = account
    this.#prepaidBytes = prepaidBytes
    this.#outTokens = prepaidBytes
    this.#options = options
  }

  run(effect: () => Promise<Reply> | Reply): Promise<Reply> | Reply {
    const origin = this.#origin
    return origin === null ? effect() : this.#options.breakers.run(this, this.#integration, origin, effect)
  }

  sent(bytes: number): Slowed | null {
    const prepaid = Math.min(this.#prepaidBytes, bytes)
    if (bytes > prepaid && !this.#account.pass('bytesOut', bytes - prepaid, this.#options.now())) return this.#slowed('bytesOut', bytes)
    this.#prepaidBytes -= prepaid
    this.#outTokens += bytes - prepaid
    return null
  }

  received(bytes: number): Slowed | null {
    if (bytes <= 0) return null
    if (!this.#account.pass('bytesIn', bytes, this.#options.now())) return this.#slowed('bytesIn', bytes)
    this.#inTokens += bytes
    return null
  }

  get tokens(): Tokens {
    return { requests: 1, bytesOut: this.#outTokens - this.#prepaidBytes, bytesIn: this.#inTokens }
  }

  overdraw(bytes: number): void {
    this.#account.charge('bytesIn', bytes, this.#options.now())
  }

  leave(): void {
    if (!this.#hasLeft) this.#account.leave()
    this.#hasLeft = true
  }

  settle(outcome: Outcome): void {
    if (this.#settled) return
    this.#settled = true
    const { breakers, now } = this.#options
    breakers.settled(this, outcome)
    for (const flow of this.#slow ?? []) flow.end()
    // Bytes that were declared and never sent are given back.
    if (this.#prepaidBytes > 0) this.#account.charge('bytesOut', -this.#prepaidBytes, now())
    this.#prepaidBytes = 0
    this.leave()
  }

  #slowed(bucket: BytesBucket, bytes: number): Slowed {
    this.#slow ??= new Set()
    const slow = this.#slow
    const takePrepaid = (most: number) => {
      const prepaid = bucket === 'bytesOut' ? Math.min(this.#prepaidBytes, most) : 0
      this.#prepaidBytes -= prepaid
      return prepaid
    }
    const onTaken = (tokens: number) => {
      if (bucket === 'bytesOut') this.#outTokens += tokens
      else this.#inTokens += tokens
    }
    const onEnd = () => void slow.delete(flow)
    const flow = new Flow(bucket, bytes, { ...this.#options, account: this.#account, takePrepaid, onTaken, onEnd })
    if (this.#settled) flow.end()
    else slow.add(flow)
    return flow
  }
}

interface FlowOptions extends LeaseOptions {
  readonly account: Account
  /** How many of at most so many bytes are paid for already. */
  readonly takePrepaid: (most: number) => number
  /** For what has passed. */
  readonly onTaken: (tokens: number) => void
  readonly onEnd: () => void
}

/** One chunk that passes in slices. Nothing is taken from the bucket before `next` is called. */
class Flow implements Slowed {
  readonly #bucket: BytesBucket
  readonly #options: FlowOptions
  #leftBytes: number
  /** Ends a pause. */
  #wake: ((passes: boolean) => void) | null = null
  #over = false

  constructor(bucket: BytesBucket, bytes: number, options: FlowOptions) {
    this.#bucket = bucket
    this.#leftBytes = bytes
    this.#options = options
  }

  async next(): Promise<number> {
    if (this.#over) return 0
    const { account, now, takePrepaid } = this.#options
    const prepaid = takePrepaid(this.#leftBytes)
    if (prepaid > 0) return this.#pass(prepaid)
    const slice = account.takeSlice(this.#bucket, this.#leftBytes, now())
    const passes = slice.waitMs <= 0 || (await this.#pause(slice))
    account.passed(this.#bucket, slice, now(), !passes)
    if (passes) this.#options.onTaken(slice.bytes)
    return passes ? this.#pass(slice.bytes) : 0
  }

  end(): void {
    if (this.#over) return
    this.#over = true
    this.#options.onEnd()
    this.#wake?.(false)
  }

  #pass(bytes: number): number {
    this.#leftBytes -= bytes
    if (this.#leftBytes === 0) this.end()
    return bytes
  }

  #pause({ waitMs }: Slice): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#options.after(waitMs, () => this.#wake?.(true))
      this.#wake = (passes) => {
        this.#wake = null
        cancel()
        resolve(passes)
      }
    })
  }
}
