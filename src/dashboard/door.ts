/** The way into the dashboard, the same wherever it is served: its files, and sessions for those who prove who they are. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { STATUS_CODES } from '../node-http.ts'
import { createOwnPage, type OwnPageOptions } from './own-page.ts'
import { createPages, pagesPath } from './pages.ts'
import { createSessions, keyHeader } from './sessions.ts'

export type Admitted<Holder> =
  /** `expiresAtMs`: when what was proved ends; `null`: never. */
  { readonly holder: Holder; readonly expiresAtMs: number | null } | { readonly status: number; readonly detail: string }

export interface DoorOptions<Holder> extends OwnPageOptions {
  /** Who asks for a session, by the headers and the connection of the request. */
  readonly admit: (req: IncomingMessage) => Promise<Admitted<Holder>>
  /** Where there is no session. */
  readonly howToEnter: string
  /** Someone was turned away. */
  readonly onRefused?: (status: number, req: IncomingMessage) => void
}

export interface Door<Holder> {
  /** Whether a request is for the dashboard itself, or comes from one of its pages. */
  isFor(req: IncomingMessage): boolean
  /** Who asks for something else than the dashboard itself; `null`: it was answered. Rejects with what `admit` rejects with. */
  enter(req: IncomingMessage, res: ServerResponse): Promise<Holder | null>
}

const sessionPath = `${pagesPath}session`

export function createDoor<Holder>(options: DoorOptions<Holder>): Door<Holder> {
  const { scheme, admit, howToEnter, onRefused = () => {} } = options
  const ownPage = createOwnPage(options)
  const sessions = createSessions<Holder>({ isSecure: scheme === 'https' })
  const pages = createPages()

  function refuse(req: IncomingMessage, res: ServerResponse, status: number, detail: string): null {
    onRefused(status, req)
    sendProblem(res, status, detail)
    return null
  }

  async function answerSession(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (req.method === 'DELETE') return void res.writeHead(204, { 'set-cookie': sessions.end(req.headers) }).end()
    if (req.method !== 'POST') return void refuse(req, res, 405, 'a session is begun with POST, and ended with DELETE')
    const admitted = await admit(req)
    if ('status' in admitted) return void refuse(req, res, admitted.status, admitted.detail)
    const { cookie, key } = sessions.begin(admitted.holder, admitted.expiresAtMs)
    send(res, 200, { key }, { 'set-cookie': cookie })
  }

  return {
    isFor: ({ url = '', headers }) => isPage(url) || headers[keyHeader] !== undefined,
    async enter(req, res) {
      const problem = ownPage(req)
      if (problem !== null) return refuse(req, res, 403, problem)
      const { url = '' } = req
      if (url === pagesPath.slice(0, -1) || url === '/') res.writeHead(302, { location: pagesPath }).end()
      else if (url === sessionPath) await answerSession(req, res)
      else if (isPage(url)) {
        if (!(await pages.serve(req, res))) sendProblem(res, 404, 'the dashboard has no such file')
      } else return sessions.find(req.headers) ?? refuse(req, res, 401, howToEnter)
      return null
    },
  }
}

const isPage = (url: string) => url === pagesPath.slice(0, -1) || url.startsWith(pagesPath)

export function sendProblem(res: ServerResponse, status: number, detail: string): void {
  send(res, status, { status, title: STATUS_CODES[status], detail })
}

function send(res: ServerResponse, status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
  if (res.headersSent) return void res.destroy()
  res
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...headers })
    .end(JSON.stringify(value))
}
