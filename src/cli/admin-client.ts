/** Asks a running gateway over its operator's socket. */
import { request } from 'node:http'
import { CommandError, exitCodes } from './exit.ts'

/** The JSON answer, whatever its status. Throws `CommandError` (69) where no gateway runs. */
export function askGateway(socketPath: string, method: 'GET' | 'POST', path: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, timeout: 30_000 }, (res) => {
      const chunks: Buffer[] = []
      // It ends in the middle of its answer: whether it has done what it was asked is not known.
      res.on('error', (error) => reject(new CommandError(`the answer on ${socketPath} broke off: ${error.message}`, exitCodes.unavailable)))
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () => {
        try {
          resolve({ status: res.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) })
        } catch (error) {
          reject(error)
        }
      })
    })
    asked.on('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EACCES'
          ? 'you may not open it (it belongs to the user that runs the gateway)'
          : 'the gateway is not running; start it with "sallyport run"'
      reject(new CommandError(`no answer on ${socketPath}: ${why}`, exitCodes.unavailable))
    })
    asked.on('timeout', () => asked.destroy(new Error('timeout')))
    asked.end()
  })
}
