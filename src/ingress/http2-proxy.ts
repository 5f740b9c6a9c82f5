/** The forward-proxy door over HTTP/2 without TLS: `:scheme` and `:authority` name where each stream goes, Proxy-Authorization who asks. */
import type { Socket } from 'node:net'
import { type Identified, Refusal } from '../core/index.ts'
import type { ServingOptions } from './arrival-server.ts'
import type { DoorOptions } from './http-arrival.ts'
import { createAuthorities } from './http-request.ts'
import type { StreamSettings } from './http2-arrival.ts'
import { type Http2Connection, type Http2Use, serveHttp2 } from './http2-connection.ts'

export interface Http2ProxyOptions {
  readonly serving: ServingOptions
  readonly headersTimeoutMs: number
}

/** `began`: at the beginning of each stream. */
export type Http2Door = (socket: Socket, began: (use: Http2Use) => void) => Http2Connection

export function createHttp2ProxyDoor(
  { identify, requireShare, selfUrl }: DoorOptions,
  { serving, headersTimeoutMs }: Http2ProxyOptions,
): Http2Door {
  const authorities = createAuthorities()
  return (socket, began) => {
    let proof: string | null = null
    const settings: StreamSettings = {
      door: 'proxy',
      peer: socket.remoteAddress ?? 'local',
      peerPort: socket.remotePort,
      claimed: identify.claimed,
      identify(authorization) {
        const who = identify(authorization, socket)
        if (who !== null) proof = authorization
        return who
      },
      requireShare: () => requireShare(socket),
      selfUrl: selfUrl(socket),
      place: authorities,
      maxHeaderBytes: serving.http.maxHeaderSize ?? 16 * 1024,
    }
    // What ends the connection is recorded under the integration that has asked over it last.
    const owner = { identify: (): Identified => identify(proof, socket) ?? unproven() }
    return serveHttp2(socket, { serving, settings, denial: null, owner, headersTimeoutMs, began })
  }
}

function unproven(): never {
  throw new Refusal('unidentified', 'nothing over this connection has proved who calls')
}
