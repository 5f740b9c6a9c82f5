/** What rules may ask of the world where the configuration grants it; each question goes down the one path, as an arrival of its own. */
import type { HeaderList } from './request.ts'

export interface OutsideRequest {
  /** Upper case. */
  readonly method: string
  /** Absolute; judged in its canonical form. */
  readonly url: string
  readonly headers: HeaderList
  readonly body: Buffer | null
  readonly timeoutMs: number
}

export interface OutsideReply {
  readonly status: number
  readonly headers: HeaderList
  readonly body: Buffer
}

/** Both throw an `Error` that says why there is no answer: the path refused, nobody answered in time. `parent`: the id of the request being decided. */
export interface Outside {
  send(request: OutsideRequest, parent: string): Promise<OutsideReply>
  /** Addresses of a name. */
  lookup(name: string, timeoutMs: number, parent: string): Promise<readonly string[]>
}
