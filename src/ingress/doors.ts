/** The doors that a listener serves. */
import { createBrokerDoor } from './broker.ts'
import { createConnectDoor } from './connect.ts'
import type { DoorOptions } from './http-arrival.ts'
import type { Doors } from './listener.ts'
import { createProxyDoor } from './proxy.ts'
import { createServicesDoor } from './services.ts'

/** `proxy` is two doors: absolute-form requests, and CONNECT. */
export function createDoors(kinds: readonly ('proxy' | 'services' | 'broker')[], options: DoorOptions): Doors {
  return {
    proxy: kinds.includes('proxy') ? createProxyDoor(options) : null,
    connect: kinds.includes('proxy') ? createConnectDoor(options) : null,
    services: kinds.includes('services') ? createServicesDoor(options) : null,
    broker: kinds.includes('broker') ? createBrokerDoor(options) : null,
  }
}
