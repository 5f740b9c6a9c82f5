/** A connection that was made for HTTP/2, on which the origin chose HTTP/1.1: the next request in HTTP/1.1 takes it. */
import type { Socket } from 'node:net'

export interface SpareSocket {
  readonly keep: (socket: Socket) => void
  take(): Socket | null
  /** 1 if there is one. */
  idle(): number
  close(): void
}

export function createSpareSocket(keptMs: number): SpareSocket {
  let spare: Socket | null = null
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  function take(): Socket | null {
    clearTimeout(timer)
    const taken = spare
    spare = null
    return taken === null || taken.destroyed ? null : taken
  }
  const drop = () => void take()?.destroy()

  return {
    keep(socket) {
      drop()
      if (isClosed) return void socket.destroy()
      spare = socket
      timer = setTimeout(drop, keptMs)
    },
    take,
    idle: () => (spare === null || spare.destroyed ? 0 : 1),
    close() {
      isClosed = true
      drop()
    },
  }
}
