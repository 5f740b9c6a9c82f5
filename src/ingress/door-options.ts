/** What the doors of a listener share. */
import type { Handle } from '../pipeline.ts'
import type { Identify } from './identify.ts'
import type { NextId } from './request-id.ts'

export interface DoorOptions {
  readonly handle: Handle
  readonly identify: Identify
  readonly nextId: NextId
  /** A body that the policy looks at is buffered up to this. */
  readonly maxPolicyBodyBytes: number
}
