/** The doors that a listener serves. */
import { createBrokerDoor } from './broker.ts'
import { createConnectDoor } from './connect.ts'
import type { DoorOptions } from './http-arrival.ts'
import { createHttp2ProxyDoor, type Http2ProxyOptions } from './http2-proxy.ts'
import type { Doors } from './listener.ts'
import { createProxyDoor } from './proxy.ts'
import { createServicesDoor } from './services.ts'

/** `proxy` is three doors: absolute-form requests, CONNECT, and, unless `http2` is `null`, HTTP/2 without TLS. */
export function createDoors(
  kinds: readonly ('proxy' | 'services' | 'broker')[],
  options: DoorOptions,
  http2: Http2ProxyOptions | null,
): Doors {
  return {
    http2: kinds.includes('proxy') && http2 !== null ? createHttp2ProxyDoor(options, http2) : null,
    proxy: kinds.includes('proxy') ? createProxyDoor(options) : null,
    connect: kinds.includes('proxy') ? createConnectDoor(options) : null,
    services: kinds.includes('services') ? createServicesDoor(options) : null,
    broker: kinds.includes('broker') ? createBrokerDoor(options) : null,
  }
}
