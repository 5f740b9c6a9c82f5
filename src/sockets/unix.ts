/** Unix sockets that servers listen on: whose the path is, and who may open it from the first moment on. */
import { lstat, rm } from 'node:fs/promises'
import { connect, type Server } from 'node:net'

/** `false` where a living process answers at `path`; a socket that a dead one left behind is removed. Throws where something else is there. */
export async function claimSocketPath(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null)
  if (found !== null && !found.isSocket()) throw new Error(`cannot listen on ${path}: something is there that is no socket`)
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

/** Begins to listen; the socket has `mode` when it appears, since a chmod after the bind would leave a gap. */
export function listenOnSocket(server: Server, path: string, mode: 0o600 | 0o660): void {
  const mask = process.umask(0o777 & ~mode)
  try {
    server.listen(path)
  } finally {
    process.umask(mask)
  }
}
