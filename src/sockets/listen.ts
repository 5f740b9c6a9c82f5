/** Where servers listen: on a port, or on a Unix socket that no other process answers on and that only some users may open from the start; and how many connections they keep. */
import { chmod, lchown, lstat, rm } from 'node:fs/promises'
import { connect, type Server, type Socket } from 'node:net'

/** `false` where a living process answers at `path`; a socket that a dead one left behind is removed. Throws if something other than a socket is there. */
export async function claimSocketPath(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null)
  if (found !== null && !found.isSocket()) throw new Error(`cannot listen on ${path}: something is there that is not a socket`)
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
  if (!answered) await rm(path, { force: true })
  return !answered
}

/** Throws the Error of `listen`. */
export function listenOnPort(server: Server, port: number, host: string): Promise<void> {
  return listening(server, () => server.listen(port, host))
}

interface SocketAccess {
  readonly mode: number
  /** `null`: the group is the process's. */
  readonly gid: number | null
}

/**
 * Listens at `path`. A user without access cannot connect at any moment: a chmod after the bind would leave a gap.
 * Throws the Error of `listen` or `chown`.
 */
export async function listenOnSocket(server: Server, path: string, { mode, gid }: SocketAccess): Promise<void> {
  await listening(server, () => {
    // Until the socket belongs to `gid`, the process's own group must not have access.
    const mask = process.umask(0o777 & ~(gid === null ? mode : 0o600))
    try {
      server.listen(path)
    } finally {
      process.umask(mask)
    }
  })
  if (gid === null) return
  try {
    await lchown(path, -1, gid)
    await chmod(path, mode)
  } catch (cause) {
    server.close()
    throw new Error(`its socket cannot be given to group ${gid}: run the gateway as a member of it, or as root`, { cause })
  }
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // Never removed: a connection that cannot be accepted (EMFILE) must not end the process.
    server.on('error', reject)
    server.once('listening', resolve)
    listen()
  })
}

/** Where there are too many, the oldest gives way: of those that `isProven` does not hold of, where there are any. */
export function boundConnections(server: Server, max: number, isProven: (socket: Socket) => boolean = () => false): void {
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    const oldest = open.size < max ? undefined : ([...open].find((other) => !isProven(other)) ?? [...open][0])
    if (oldest !== undefined) {
      open.delete(oldest)
      oldest.destroy()
    }
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
}
