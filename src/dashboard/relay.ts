/** Passes a request of the dashboard on to the operator's socket, and the answer back as it comes. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import { request } from '../node-http.ts'

/** What an answer may say to the browser; its own cookie and headers of the connection stay where they belong. */
const passed = ['content-type', 'content-length', 'content-disposition', 'cache-control', 'retry-after', 'x-accel-buffering'] as const

/** For the records: who runs the command, and the gateway that is asked. */
export interface Behind {
  readonly socketPath: string
  readonly operator: string
}

/** `fail`: the gateway does not answer; nothing was answered yet. */
export function relay({ socketPath, operator }: Behind, req: IncomingMessage, res: ServerResponse, fail: (detail: string) => void): void {
  const { method, url: path, headers } = req
  const type = headers['content-type']
  const asked = request({
    ...{ socketPath, method, path, agent: false },
    headers: { 'sallyport-operator': operator, ...(type !== undefined && { 'content-type': type }) },
  })
  asked.on('error', (error: NodeJS.ErrnoException) => {
    if (res.headersSent) res.destroy()
    else fail(isAbsent(error) ? 'the gateway is not running' : `the gateway broke off (${error.code ?? error.message})`)
  })
  asked.on('response', (answer) => {
    const found = passed.flatMap((name) => (answer.headers[name] === undefined ? [] : [[name, answer.headers[name]]]))
    res.writeHead(answer.statusCode ?? 502, Object.fromEntries(found))
    res.flushHeaders()
    pipeline(answer, res, () => asked.destroy())
  })
  res.once('close', () => asked.destroy())
  pipeline(req, asked, () => {})
}

function isAbsent({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ENOENT' || code === 'ECONNREFUSED'
}
