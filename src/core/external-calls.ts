/** External calls: what rules may ask, where the configuration grants it. Each call takes the one path, as an arrival of its own. */
import type { Hangup } from './caller.ts'
import type { Integration } from './integration.ts'
import type { HeaderList } from './request.ts'

export interface ExternalRequest {
  /** Upper case. */
  readonly method: string
  /** Absolute; its canonical form is what is judged. */
  readonly url: string
  readonly headers: HeaderList
  readonly body: Buffer | null
  readonly timeoutMs: number
}

export interface ExternalReply {
  readonly status: number
  readonly headers: HeaderList
  readonly body: Buffer
}

/** The request being decided. */
export interface DecidedRequest {
  readonly id: string
  readonly integration: Integration
  /** Its caller's: when that caller leaves, the call is given up. */
  readonly hangup: Hangup
}

/**
 * Both throw an `Error` that says why there is no answer: the call was refused, no answer came in time, or the caller of the
 * request being decided left. The limits of the grantee's manifest hold for each integration whose requests are decided, separately.
 */
export interface ExternalCalls {
  send(request: ExternalRequest, decided: DecidedRequest): Promise<ExternalReply>
  /** Addresses of a name. */
  lookup(name: string, timeoutMs: number, decided: DecidedRequest): Promise<readonly string[]>
}
