/** The resource kind `tunnel`: CONNECT, as a blind tunnel to a judged address or as an interception. */
import type { Duplex } from 'node:stream'
import { Claim, type Permit, type Progress, type Reply, type Resource, type TunnelRequest } from '../core/index.ts'
import { connectionOf, type Dialer, joinSockets } from '../egress/index.ts'
import { capped } from './byte-caps.ts'
import { TotalDeadline } from './deadlines.ts'

export interface TunnelResourceOptions {
  readonly dialer: Dialer
  /** A tunnel without a byte in either direction for so long is closed. */
  readonly idleTimeoutMs: number
  /** Of the interception door: terminates TLS on the caller's socket. */
  readonly intercept: (socket: Duplex, head: Buffer, request: TunnelRequest) => Promise<void>
}

export function createTunnelResource({ dialer, idleTimeoutMs, intercept }: TunnelResourceOptions): Resource<TunnelRequest> {
  return {
    kind: 'tunnel',
    claim(request) {
      const { host, port } = request.target
      const origin = `tunnel://${host.includes(':') ? `[${host}]` : host}:${port}`
      return Claim.of(request, perform, { facts: { host, port }, subject: { host, port }, origin })
    },
  }

  async function perform({ request, decision: { obligations } }: Permit<TunnelRequest>, progress: Progress): Promise<Reply> {
    if (obligations.tls === 'intercept') {
      // Nothing is dialled yet: each request inside is judged on its own, and dials for itself.
      return { status: 200, headers: [], takeover: (socket, head) => intercept(socket, head, request), discard: () => {} }
    }
    const { target, integration, hangup } = request
    const { addresses: allowed = [], timeoutMs, timeouts: { connectMs, idleMs, totalMs } = {} } = obligations
    const bound = { ...(timeoutMs !== undefined && { timeoutMs }), ...(connectMs !== undefined && { timeouts: { connectMs } }) }
    const total = totalMs === undefined ? null : new TotalDeadline(totalMs, hangup)
    progress.dialling()
    const origin = await dialer.tcp({ ...target, allowed, owner: integration.name, ...bound }, total ?? hangup).finally(() => total?.end())
    const connection = connectionOf(origin)
    progress.dialled(connection)
    progress.started(connection)
    // An origin that has ended its side may still be sent more.
    origin.allowHalfOpen = true
    return {
      status: 200,
      headers: [],
      takeover: (socket, head, meter) =>
        joinSockets(socket, head, origin, capped(meter, obligations), {
          idleTimeoutMs: idleMs ?? idleTimeoutMs,
          // Which side was to send is not known: it is told apart only where an author asks for it.
          idleProblem: idleMs === undefined ? null : 'origin-idle-timeout',
          lastsMs: total?.leftMs(),
        }),
      discard: () => origin.destroy(),
    }
  }
}
