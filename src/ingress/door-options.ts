/** Settings that the doors of a listener share. */
import type { Duplex } from 'node:stream'
import type { Handle } from '../pipeline.ts'
import type { Identify } from './identify.ts'
import type { NextId } from './request-id.ts'

export interface DoorOptions {
  readonly handle: Handle
  readonly identify: Identify
  readonly nextId: NextId
  /** Throws `Refusal('connections-exceeded')` if the connection found no room when its caller was identified. */
  readonly requireShare: (socket: Duplex) => void
}
