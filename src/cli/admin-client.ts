/** Asks a running gateway over its operator's socket. */
import { text } from 'node:stream/consumers'
import type { Config } from '../config/index.ts'
import { isFolderInUse } from '../files/index.ts'
import { request } from '../node-http.ts'
import { CommandError, exitCodes } from './exit.ts'

export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** Nothing is at the socket. */
class NotListening extends CommandError {}

/** Longer than the compiler and the tests of rules may take. */
const slowMs = 200_000

/**
 * The answer of an installation's gateway. `isSlow`: rules may have to be compiled before it. Throws `CommandError`: 69 where no
 * gateway answers (one that compiles or drains is not said to be stopped), 1 where it failed.
 */
export async function ask(
  { admin, state }: Pick<Config, 'admin' | 'state'>,
  method: 'GET' | 'POST',
  path: string,
  { isSlow = false }: { readonly isSlow?: boolean } = {},
): Promise<unknown> {
  const { status, body } = await askGateway(admin.socketPath, method, path, isSlow ? slowMs : undefined).catch((error: Error) => {
    if (!(error instanceof NotListening) || !isFolderInUse(state.folder)) throw error
    const problem = 'the gateway runs, and does not answer yet (its rules are being compiled), or any more (it drains); try again'
    throw new CommandError(`no answer on ${admin.socketPath}: ${problem}`, exitCodes.unavailable)
  })
  // 422: what was asked for was refused, and the answer says why.
  if (status === 200 || status === 422) return body
  const { title = '', detail = '' } = (body ?? {}) as { readonly title?: string; readonly detail?: string }
  throw new CommandError(`the gateway answered ${status}: ${detail || title}`)
}

/** The JSON answer, of any status. Throws `CommandError` (69) where no gateway runs, or its answer stops for `timeoutMs`. */
export function askGateway(socketPath: string, method: 'GET' | 'POST', path: string, timeoutMs = 30_000): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const Failure = ['ENOENT', 'ECONNREFUSED'].includes(error.code ?? '') ? NotListening : CommandError
      reject(new Failure(`no answer on ${socketPath}: ${explain(error, timeoutMs)}`, exitCodes.unavailable))
    }
    const headers = { 'sallyport-operator': operator() }
    const asked = request({ socketPath, method, path, headers, agent: false, timeout: timeoutMs }, (res) => {
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

/** For the record of what is asked for: the gateway cannot see who opens its socket. */
export function operator(): string {
  const { SUDO_USER } = process.env
  const user = `uid ${process.getuid?.() ?? 'unknown'}`
  return SUDO_USER === undefined || !/^[\w.-]{1,64}$/.test(SUDO_USER) ? user : `${user}, by sudo of ${SUDO_USER}`
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
