/** The last resort: an error that nothing catches ends the connection on whose behalf the code ran, and no other. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

export interface ErrorBoundary {
  /** Guards every connection of `server` from now on. Call it before anything else listens for connections. */
  watch(server: Server): void
  /**
   * Cuts the connection on whose behalf this runs (a timer, a promise, a callback of a socket that it made the gateway open).
   * `false` if it runs on behalf of none: then the gateway itself has failed.
   */
  cut(error: unknown): boolean
}

interface Connection {
  readonly socket: Socket
  readonly peer: string
}

/** `onFailure` is called with the error, and the address at the connection's other end. */
export function createErrorBoundary(onFailure: (error: unknown, peer: string) => void): ErrorBoundary {
  // Per connection, not per request: what is begun within it (parser, timers, promises, sockets) inherits it at no further cost.
  const current = new AsyncLocalStorage<Connection | null>()

  function end({ socket, peer }: Connection, error: unknown): void {
    try {
      onFailure(error, peer)
    } catch {
      // The report fails too.
    }
    socket.destroy()
  }

  /** Node runs a socket's own callbacks outside the connection's context, so errors of its listeners are caught where they are called. */
  function guard(connection: Connection): void {
    const { socket } = connection
    const emit = socket.emit
    const attempt = (callback: (...values: never[]) => unknown, values: readonly unknown[]): boolean => {
      try {
        return Boolean(Reflect.apply(callback, socket, values))
      } catch (error) {
        end(connection, error)
        return true
      }
    }
    socket.emit = (...event: unknown[]) => {
      if (event[0] !== 'close') return attempt(emit, event)
      // Every listener for the end is called, whatever an earlier one threw: arrivals settle by it.
      for (const listener of socket.rawListeners('close')) attempt(listener as () => unknown, event.slice(1))
      return true
    }
  }

  return {
    watch(server) {
      // Node's own listener makes the parser, whose callbacks belong to the connection that it is made in.
      const [accept] = server.listeners('connection')
      server.removeAllListeners('connection')
      server.on('connection', (socket) => {
        const connection = { socket, peer: socket.remoteAddress ?? 'local' }
        // There from the beginning: Node removes its own listener from a socket that it hands over.
        socket.on('error', ignore)
        guard(connection)
        current.run(connection, () => accept?.call(server, socket))
      })
    },
    cut(error) {
      const connection = current.getStore() ?? null
      // The error left this context set in Node; what runs next is not on behalf of this connection.
      current.enterWith(null)
      if (connection === null) return false
      end(connection, error)
      return true
    },
  }
}

function ignore(): void {}
