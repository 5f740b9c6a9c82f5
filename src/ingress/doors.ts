/** The doors that a listener serves. */
import type { Handle } from '../pipeline.ts'
import { createBrokerDoor } from './broker.ts'
import { createConnectDoor } from './connect.ts'
import type { Identify } from './identify.ts'
import type { Doors } from './listener.ts'
import { createProxyDoor } from './proxy.ts'
import type { NextId } from './request-id.ts'
import { createServicesDoor } from './services.ts'

export interface DoorOptions {
  readonly handle: Handle
  readonly identify: Identify
  readonly nextId: NextId
  /** A body that the policy looks at is buffered up to this. */
  readonly maxPolicyBodyBytes: number
}

/** `proxy` is two doors: absolute-form requests, and CONNECT. */
export function createDoors(kinds: readonly ('proxy' | 'services' | 'broker')[], options: DoorOptions): Doors {
  return {
    proxy: kinds.includes('proxy') ? createProxyDoor(options) : null,
    connect: kinds.includes('proxy') ? createConnectDoor(options) : null,
    services: kinds.includes('services') ? createServicesDoor(options) : null,
    broker: kinds.includes('broker') ? createBrokerDoor(options) : null,
  }
}
