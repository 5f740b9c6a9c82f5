/** The operator's side: its servers, and how they begin and end. */
import { mkdir } from 'node:fs/promises'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import type { Config } from '../config/index.ts'
import { type Authenticate, type Principal, socketPrincipal } from '../operators/index.ts'
import { claimSocketPath, listenOnPort, listenOnSocket } from '../sockets/index.ts'
import { type ApiOptions, createApi } from './api.ts'
import { createGuard } from './guard.ts'
import { createHealthHandler, type HealthOptions } from './health.ts'
import { createLogAccess, type LogAccessOptions } from './log/index.ts'
import { createOperatorServer, type OperatorTls } from './operator-server.ts'
import { createProven } from './proven.ts'
import { createRefusedRequests, type RefusedFacts } from './refused-requests.ts'
import { createTcpDashboard } from './tcp-dashboard.ts'

export interface AdminOptions extends Omit<ApiOptions, 'log'>, HealthOptions {
  readonly config: Config['admin']
  readonly log: Omit<LogAccessOptions, 'maxStreams' | 'explain' | 'onBug'>
  /** Who asks on TCP. */
  readonly authenticate: Authenticate
  /** Someone was turned away, with this status. */
  readonly onRefused: (status: number) => void
  /** Records how many were, of each address. */
  readonly noteRefused: (facts: RefusedFacts) => void
  /** For each server: a caller that reaches the health port could otherwise hold all descriptors. */
  readonly maxConnections: number
}

export interface Admin {
  /** Resolves with the TCP ports it took. Throws an Error that says which address failed and why. */
  listen(): Promise<{ readonly ports: readonly number[] }>
  healthAddress(): { readonly host: string; readonly port: number }
  close(): Promise<void>
}

export function createAdmin(options: AdminOptions): Admin {
  const { config, authenticate, maxConnections, logger } = options
  const onBug = (error: unknown) => logger.error({ err: error }, 'the operator’s API failed on a request')
  // Half of the connections are left for other questions.
  const { explain } = options.authors
  const log = createLogAccess({ ...options.log, explain, maxStreams: Math.max(1, Math.floor(maxConnections / 2)), onBug })
  const proven = createProven()
  const serveApi = createApi({ ...options, log })
  const servers: Server[] = []
  const refused = createRefusedRequests({ note: options.noteRefused })
  const onRefused = (status: number, { socket }: IncomingMessage) => {
    options.onRefused(status)
    refused.count(status, socket.remoteAddress)
  }
  let healthPort = config.health.port

  function api(who: Authenticate | Principal): RequestListener {
    const dashboard = typeof who === 'function' && config.tcp !== null ? createTcpDashboard(config.tcp, who, onRefused) : null
    return createGuard({ authenticate: who, serve: serveApi, dashboard, onProven: proven.add, onRefused, onBug })
  }

  async function serve(
    app: RequestListener,
    what: string,
    listen: (server: Server) => Promise<void>,
    tls: OperatorTls | null = null,
  ): Promise<Server> {
    const server = createOperatorServer(app, { maxConnections, tls, isProven: proven.has })
    await listen(server).catch((error: Error) => {
      throw new Error(`${what} cannot listen: ${error.message}`, { cause: error })
    })
    servers.push(server)
    return server
  }

  return {
    async listen() {
      const { health, socketPath, tcp } = config
      await mkdir(dirname(socketPath), { recursive: true, mode: 0o700 })
      if (!(await claimSocketPath(socketPath)))
        throw new Error(`the operator’s socket ${socketPath} is in use: another gateway runs with this state folder`)
      const healthServer = await serve(createHealthHandler(options), 'the health port', (server) =>
        listenOnPort(server, health.port, health.host),
      )
      healthPort = (healthServer.address() as AddressInfo).port
      await serve(api(socketPrincipal), 'the operator’s socket', (server) => listenOnSocket(server, socketPath, { mode: 0o600, gid: null }))
      if (tcp === null) return { ports: [healthPort] }
      const { tls } = tcp
      const listen = (server: Server) => listenOnPort(server, tcp.port, tcp.host)
      const apiServer = await serve(api(authenticate), 'the operator’s TCP port', listen, tls)
      return { ports: [healthPort, (apiServer.address() as AddressInfo).port] }
    },
    healthAddress: () => ({ host: config.health.host, port: healthPort }),
    async close() {
      log.close()
      options.authors.close()
      for (const server of servers.splice(0)) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
      refused.flush()
      await authenticate.close()
    },
  }
}
