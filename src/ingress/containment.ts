/** The last resort: what is thrown where nothing waits for it costs the connection on whose behalf it ran, and nobody else anything. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

export interface Containment {
  /** From now on every connection of `server` is contained. Before anything else listens for connections. */
  watch(server: Server): void
  /**
   * Cuts the connection on whose behalf this runs (a timer, a promise, a callback of a socket that it made the gateway open).
   * `false` where it is on none's: then it is a failure of the gateway itself.
   */
  contain(error: unknown): boolean
}

interface Connection {
  readonly socket: Socket
  readonly peer: string
}

/** `onFailure` hears of what was thrown, and of the address at the connection's other end. */
export function createContainment(onFailure: (error: unknown, peer: string) => void): Containment {
  // Per connection, not per request: what is begun in it (parser, timers, promises, sockets) keeps it at no further cost.
  const current = new AsyncLocalStorage<Connection | null>()

  function cut({ socket, peer }: Connection, error: unknown): void {
    try {
      onFailure(error, peer)
    } catch {
      // What tells of it fails too.
    }
    socket.destroy()
  }

  /** Node runs a socket's own callbacks outside of what was begun with it, so what its listeners throw is caught where they are called. */
  function guard(connection: Connection): void {
    const { socket } = connection
    const emit = socket.emit
    const attempt = (callback: (...values: never[]) => unknown, values: readonly unknown[]): boolean => {
      try {
        return Boolean(Reflect.apply(callback, socket, values))
      } catch (error) {
        cut(connection, error)
        return true
      }
    }
    socket.emit = (...event: unknown[]) => {
      if (event[0] !== 'close') return attempt(emit, event)
      // Whoever waits for the end hears of it, whatever became of those before: arrivals settle by it.
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
        // From its birth, whoever else listens: Node takes its own listener off a socket that it hands over.
        socket.on('error', ignore)
        guard(connection)
        current.run(connection, () => accept?.call(server, socket))
      })
    },
    contain(error) {
      const connection = current.getStore() ?? null
      // What was thrown at left Node's notion of the present behind; what comes next is on nobody's behalf.
      current.enterWith(null)
      if (connection === null) return false
      cut(connection, error)
      return true
    },
  }
}

function ignore(): void {}
