/** What a WebSocket is opened with. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Answer, HttpRequest, Meter, Opening, Progress, ServiceRequest, Timeouts } from '../core/index.ts'
import type { WebSocketBounds } from './bounds.ts'
import type { InspectMessage } from './inspection.ts'

/** How a WebSocket reaches its caller. */
export interface CallersEnd {
  readonly caller: Duplex
  /** Bytes that the caller sent after its request. */
  readonly head: Buffer
  readonly opening: Opening
  readonly meter: Meter
  readonly progress: Progress
}

export interface UpgradeOptions extends CallersEnd {
  /** The destination's name, for messages. */
  readonly destination: string
  readonly request: ServiceRequest | HttpRequest
  /** Path and query, as they are sent. */
  readonly path: string
  /** Until the destination has answered. */
  readonly timeoutMs: number
  readonly timeouts: Timeouts
  readonly bounds: WebSocketBounds
  /** Of an answer that opens no WebSocket, what of it the caller is told; `null`: that it is the gateway's refusal. */
  readonly declined?: (answer: IncomingMessage) => Answer | null
  /** Where something looks at what is said. */
  readonly inspect?: InspectMessage
}
