/** Asks a running gateway over its operator's socket. */
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { CommandError, exitCodes } from './exit.ts'

export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** The JSON answer, whatever its status. Throws `CommandError` (69) where no gateway runs, or none answers whole within `timeoutMs` without a byte. */
export function askGateway(socketPath: string, method: 'GET' | 'POST', path: string, timeoutMs = 30_000): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) =>
      reject(new CommandError(`no answer on ${socketPath}: ${explain(error, timeoutMs)}`, exitCodes.unavailable))
    const asked = request({ socketPath, method, path, agent: false, timeout: timeoutMs }, (res) => {
      text(res)
        .then((body) => resolve({ status: res.statusCode ?? 0, body: JSON.parse(body) as unknown }))
        .catch(fail)
    })
    asked.on('error', fail)
    asked.on('timeout', () => {
      // Said before the answer breaks off by it.
      fail(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' }))
      asked.destroy()
    })
    asked.end()
  })
}

function explain(error: NodeJS.ErrnoException, timeoutMs: number): string {
  switch (error.code) {
    case 'EACCES':
      return 'you may not open it (it belongs to the user that runs the gateway)'
    case 'ETIMEDOUT':
      return `the gateway said nothing for ${timeoutMs} ms; what it was asked to do may still happen`
    case 'ENOENT':
    case 'ECONNREFUSED':
      return 'the gateway is not running; start it with "sallyport run"'
    default:
      return `the gateway broke off (${error.code ?? error.message}); what it was asked to do may have happened`
  }
}
