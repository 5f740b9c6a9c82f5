/** The forward-proxy door: absolute-form HTTP/1.1. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handle } from '../pipeline.ts'
import { serve } from './deliver.ts'
import { type DoorSettings, HttpArrival } from './http-arrival.ts'
import { createAuthorities, readAbsoluteForm } from './http-request.ts'
import type { Identify } from './identify.ts'
import type { NextId } from './request-id.ts'

export interface ProxyDoorOptions {
  readonly handle: Handle
  readonly identify: Identify
  readonly nextId: NextId
  /** A body that the policy looks at is buffered up to this. */
  readonly maxPolicyBodyBytes: number
}

export type RequestDoor = (req: IncomingMessage, res: ServerResponse) => void

export function createProxyDoor({ handle, identify, nextId, maxPolicyBodyBytes }: ProxyDoorOptions): RequestDoor {
  const authorities = createAuthorities()
  const settings: DoorSettings = {
    door: 'proxy',
    identify,
    read: (arrival, who, needs) => readAbsoluteForm(authorities, arrival, who, needs, maxPolicyBodyBytes),
  }
  return (req, res) => {
    serve(handle, new HttpArrival(nextId(), settings, req, res))
  }
}
