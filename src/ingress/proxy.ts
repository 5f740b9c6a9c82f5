/** The forward-proxy door: absolute-form HTTP/1.1. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { serve } from './deliver.ts'
import type { DoorOptions } from './http-arrival.ts'
import { type DoorSettings, HttpArrival } from './http-arrival.ts'
import { createAuthorities, readAbsoluteForm } from './http-request.ts'
import { createUpgradeDoor, type UpgradeDoor } from './upgrades.ts'

export type RequestDoor = (req: IncomingMessage, res: ServerResponse) => void

/** A door that carries WebSockets as well. */
export interface UpgradableDoor {
  readonly request: RequestDoor
  readonly upgrade: UpgradeDoor
}

export function createProxyDoor({ handle, identify, nextId, requireShare, selfUrl }: DoorOptions): UpgradableDoor {
  const authorities = createAuthorities()
  const settings: DoorSettings = {
    door: 'proxy',
    identify,
    requireShare,
    selfUrl,
    read: (arrival, who) => readAbsoluteForm(authorities, arrival, who),
  }
  return {
    request: (req, res) => serve(handle, new HttpArrival(nextId(), settings, req, res)),
    upgrade: createUpgradeDoor({ handle, nextId }, () => settings),
  }
}
