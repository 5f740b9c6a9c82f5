/** In front of the operator's API: no browser but the dashboard's own pages, no token in a URL, and nobody who proves nothing. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Door } from '../dashboard/index.ts'
import type { Authenticate, Principal } from '../operators/index.ts'
import { sendProblem } from './answers.ts'

export type Serve = (req: IncomingMessage, res: ServerResponse, principal: Principal) => void

export interface GuardOptions {
  /** A principal: whoever connects is that one. */
  readonly authenticate: Authenticate | Principal
  readonly serve: Serve
  /** `null`: the dashboard is not served here. */
  readonly dashboard: Door<Principal> | null
  /** The caller of this connection has proved who it is. */
  readonly onProven: (socket: Socket) => void
  /** Someone was turned away. */
  readonly onRefused: (status: number, req: IncomingMessage) => void
  readonly onBug: (error: unknown) => void
}

export function createGuard({ authenticate, serve, dashboard, onProven, onRefused, onBug }: GuardOptions): RequestListener {
  function refuse(req: IncomingMessage, res: ServerResponse, status: number, detail: string): void {
    onRefused(status, req)
    sendProblem(res, status, detail, {
      ...(status === 401 && { 'www-authenticate': 'Bearer realm="sallyport admin"' }),
      ...(status === 503 && { 'retry-after': '30' }),
    })
  }

  function fail(res: ServerResponse, error: unknown): void {
    onBug(error)
    if (!res.headersSent) sendProblem(res, 500, 'the operator’s log says why')
    else res.destroy()
  }

  function serveProven(req: IncomingMessage, res: ServerResponse, principal: Principal): void {
    onProven(req.socket)
    serve(req, res, principal)
  }

  return (req, res) => {
    if (dashboard?.isFor(req) === true)
      return void dashboard
        .enter(req, res)
        .then((principal) => principal === null || serveProven(req, res, principal))
        .catch((error: unknown) => fail(res, error))
    // A page in a browser can reach loopback; no page has business here (DNS rebinding, CSRF).
    if (req.headers.origin !== undefined) return refuse(req, res, 403, 'browsers have no business here')
    // RFC 6750 §5.3.
    if (/[?&](?:access_)?token=/i.test(req.url ?? ''))
      return refuse(req, res, 400, 'a token in a URL is in logs by now: replace it, and send the new one as Authorization: Bearer')
    if (typeof authenticate !== 'function') return serve(req, res, authenticate)
    const { authorization } = req.headers
    authenticate({ authorization, certificate: certificateOf(req) })
      .then((found) => {
        if ('status' in found) return refuse(req, res, found.status, found.detail)
        serveProven(req, res, found)
      })
      .catch((error: unknown) => fail(res, error))
  }
}

/** Of the connection, where its CA has issued it. */
export function certificateOf(req: IncomingMessage) {
  const socket = req.socket as Partial<TLSSocket>
  if (socket.authorized !== true) return null
  const found = socket.getPeerCertificate?.()
  // `{}` where it sent none.
  return found?.subject === undefined ? null : found
}
