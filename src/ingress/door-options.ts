/** What the doors of a listener share. */
import type { Duplex } from 'node:stream'
import type { Handle } from '../pipeline.ts'
import type { Identify } from './identify.ts'
import type { NextId } from './request-id.ts'

export interface DoorOptions {
  readonly handle: Handle
  readonly identify: Identify
  readonly nextId: NextId
  /** Throws `Refusal('connections-exceeded')` where the connection that identified its caller found no room. */
  readonly requireShare: (socket: Duplex) => void
}
