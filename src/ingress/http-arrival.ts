/** An HTTP request as an arrival, for every door over Node's HTTP server. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  type AccessRequest,
  type Arrival,
  type Asked,
  type BrokenOff,
  type DoorName,
  endConnection,
  type Hangup,
  type Identified,
  type TraceContext,
} from '../core/index.ts'
import type { Handle } from '../pipeline.ts'
import { askedBy } from './asked.ts'
import type { DenyInside } from './denied-tunnel.ts'
import { soleHeader } from './headers.ts'
import type { Identify } from './identify.ts'
import type { NextId } from './request-id.ts'
import { expectsContinue, requireKnownUpgrade, requireSupported } from './supported-heads.ts'
import { traceContextOf } from './trace-context.ts'

/** Makes the AccessRequest; throws `Refusal` on what is malformed. */
export type Read = (arrival: HttpArrival, who: Identified) => AccessRequest

/** What the doors of a listener have in common. */
export interface DoorOptions {
  readonly handle: Handle
  readonly identify: Identify
  readonly nextId: NextId
  /** Throws `Refusal('connections-exceeded')` if the connection found no room when its caller was identified. */
  readonly requireShare: (socket: Duplex) => void
  readonly denyInside: DenyInside
  /** As `Arrival.selfUrl`, of a connection. */
  readonly selfUrl: (socket: Duplex) => string | null
}

/** Settings of one door of a listener. */
export interface DoorSettings {
  readonly door: DoorName
  readonly identify: Identify
  readonly read: Read
  /** Headers that may carry the proxy token, lower case; Proxy-Authorization where absent. */
  readonly credentialHeaders?: readonly string[]
  /** As in `DoorOptions`; inside an interception there is nothing to require. */
  readonly requireShare?: (socket: Duplex) => void
  readonly selfUrl?: (socket: Duplex) => string | null
  /** Of requests inside an interception: the CONNECT's id. */
  readonly parent?: string
}

// A class: prototype methods cost no closure per request.
export class HttpArrival implements Arrival, Hangup {
  readonly id: string
  readonly at: number
  /** Both are kept from the beginning: a destroyed request has lost its connection, and its record may still have to be written. */
  readonly socket: Duplex
  readonly peer: string
  readonly peerPort: number | undefined
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly #settings: DoorSettings
  #listeners: (() => void)[] | null = null

  constructor(id: string, settings: DoorSettings, req: IncomingMessage, res: ServerResponse) {
    this.id = id
    this.at = Date.now()
    this.socket = req.socket
    this.peer = req.socket.remoteAddress ?? 'local'
    this.peerPort = req.socket.remotePort
    this.req = req
    this.res = res
    this.#settings = settings
    if (settings.parent !== undefined) this.parent = settings.parent
  }

  declare readonly parent?: string

  get door(): DoorName {
    return this.#settings.door
  }

  get traceContext(): TraceContext | null {
    return traceContextOf(this.req.rawHeaders)
  }

  asked(): Asked | null {
    const { method = '', url = '', rawHeaders, headers } = this.req
    const { identify, credentialHeaders = proxyAuthorization } = this.#settings
    const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && credentialHeaders.some((known) => known === name.toLowerCase()))
    return { ...askedBy(method, url, headers.host ?? null), claimed: identify.claimed?.(rawHeaders[at + 1] ?? null) ?? null }
  }

  get selfUrl(): string | null {
    return this.#settings.selfUrl?.(this.socket) ?? null
  }

  get hangup(): Hangup {
    return this
  }

  identify(): Identified | null {
    const { identify, credentialHeaders = proxyAuthorization } = this.#settings
    for (const name of credentialHeaders) {
      const value = soleHeader(this.req.rawHeaders, name)
      if (value !== null) return identify(value, this.socket)
    }
    return identify(null, this.socket)
  }

  cut(why?: BrokenOff): void {
    this.res.destroy()
    if (why === undefined) this.socket.destroy()
    else endConnection(this.socket, why)
  }

  read(who: Identified): AccessRequest {
    this.#settings.requireShare?.(this.socket)
    requireSupported(this.req)
    expectsContinue(this.req)
    requireKnownUpgrade(this.req)
    return this.#settings.read(this, who)
  }

  get gone(): boolean {
    return this.res.destroyed || this.res.closed
  }

  onGone(callback: () => void): () => void {
    if (this.gone) {
      callback()
      return nothing
    }
    if (this.#listeners === null) {
      this.#listeners = []
      this.res.on('close', () => this.#tellGone())
    }
    const listeners = this.#listeners
    listeners.push(callback)
    return () => {
      const index = listeners.indexOf(callback)
      if (index >= 0) listeners.splice(index, 1)
    }
  }

  /** A callback that throws keeps none of the others from being called. */
  #tellGone(): void {
    for (const listener of this.#listeners ?? []) {
      try {
        listener()
      } catch (error) {
        process.nextTick(rethrow, error)
      }
    }
  }
}

/** Where the gateway is asked by its own name: clients with a base URL send their token as Authorization. One for the service stays possible beside Proxy-Authorization. */
export const eitherAuthorization = ['proxy-authorization', 'authorization'] as const

const proxyAuthorization = ['proxy-authorization'] as const

function nothing(): void {}

/** Outside of the loop over callbacks, where the error boundary catches it. */
function rethrow(error: unknown): never {
  throw error
}
