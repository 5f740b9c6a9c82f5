/** A refused CONNECT whose caller reads the refusal inside the tunnel, as the reply to its request: most clients show nothing of a refused CONNECT. */
import type { Duplex } from 'node:stream'
import type { Identified, ProblemCode, Refusal, SelfRequest, TunnelRequest } from '../core/index.ts'
import type { Handle, Settling } from '../pipeline.ts'
import { writeInTunnel } from './malformed.ts'
import type { NextId } from './request-id.ts'

/** What is decided about the destination, the quota, or the gateway itself. A flood, or a caller without a connection's share, costs no handshake. */
const readableInside: ReadonlySet<ProblemCode> = new Set([
  'policy-denied',
  'policy-failed',
  'suspended',
  'killed',
  'address-denied',
  'quota-exceeded',
  'concurrency-exceeded',
  'draining',
])

export interface RefusedConnect {
  identify(): Identified | null
  /** Throws `Refusal`. */
  read(who: Identified): TunnelRequest | SelfRequest
}

/** The tunnel inside which its refusal is read; `null` where the CONNECT itself is answered with it. */
export function deniedTunnel(connect: RefusedConnect, { refusal }: Settling): TunnelRequest | null {
  if (refusal === null || !readableInside.has(refusal.code)) return null
  try {
    const who = connect.identify()
    if (who === null || who.integration.denials !== 'inside') return null
    const request = connect.read(who)
    return request.kind === 'tunnel' ? request : null
  } catch {
    // What the CONNECT asks for cannot be read, or it has no share of the connections.
    return null
  }
}

/** Resolves when the caller's connection has closed. `settling`, the refusal of the CONNECT, is delivered to the first request inside; nothing is opened for any. */
export type DenyInside = (socket: Duplex, head: Buffer, tunnel: TunnelRequest, settling: Settling) => Promise<void>

/** What the requests inside are answered. Nothing is opened for any of them. */
export class Denial {
  readonly refusal: Refusal
  readonly #settling: Settling
  #isTaken = false

  constructor(settling: Settling) {
    this.refusal = settling.refusal as Refusal
    this.#settling = settling
  }

  /** For the first request: the CONNECT's own reply, so that one refusal has one record. `null`: it is taken. */
  take(): Settling | null {
    if (this.#isTaken) return null
    this.#isTaken = true
    return this.#settling
  }

  /** For what comes in the clear, which is not parsed. Resolves when the connection has closed. */
  answerUnread(socket: Duplex, connectId: string): Promise<void> {
    return writeInTunnel(this.#settling, socket, connectId)
  }
}

/** A CONNECT: its id, and its denial where it was refused. */
export interface InsideOf {
  readonly id: string
  readonly denial: Denial | null
}

/** An arrival's id, and the path that it takes. */
export interface Passing {
  readonly id: string
  readonly handle: Handle
}

/** The next request inside a tunnel. Those after the first of a denied one are arrivals of their own, and refused where they are read. */
export function nextInside(connect: InsideOf, { handle, nextId }: { readonly handle: Handle; readonly nextId: NextId }): Passing {
  const settling = connect.denial?.take() ?? null
  return settling === null ? { id: nextId(), handle } : { id: connect.id, handle: async () => settling }
}
