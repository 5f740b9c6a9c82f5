/** What rules may ask of the world where the configuration grants it; each question goes down the one path, as an arrival of its own. */
import type { Hangup } from './caller.ts'
import type { Integration } from './integration.ts'
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

/** The request being decided. */
export interface Asker {
  readonly id: string
  readonly integration: Integration
  /** Its caller's: what is asked for a caller that has left is asked for nobody. */
  readonly hangup: Hangup
}

/** Both throw an `Error` that says why there is no answer: the path refused, nobody answered in time, the asker's caller has left. Each asker has limits of its own, as the grantee's manifest sets them. */
export interface Outside {
  send(request: OutsideRequest, asker: Asker): Promise<OutsideReply>
  /** Addresses of a name. */
  lookup(name: string, timeoutMs: number, asker: Asker): Promise<readonly string[]>
}
