/** One of the services that OPA's users run: hands out bundles, takes decision logs and status. */
import { createRequire } from 'node:module'
import type { LookupFunction } from 'node:net'
import type { ServerConfig } from '../../config/index.ts'
import { trustedRoots } from '../../sockets/index.ts'
import { createDeadline, readBounded } from './read-bounded.ts'
import { explainFailure, ServerError, shownUrl } from './server-error.ts'

export interface ServerRequest {
  readonly method: 'GET' | 'POST'
  /** Below the server's URL, without a slash before it. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** A longer reply is refused. */
  readonly maxBytes: number
  /** In place of the server's, for long polling. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface ServerReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

export interface Server {
  readonly name: string
  /** What a request's path means, as messages show it. */
  urlOf(path: string): string
  /** Whatever the status. Throws `ServerError`: no whole reply, too long a one, or one that leads to another origin. */
  request(request: ServerRequest): Promise<ServerReply>
  /** Ends what is under way. */
  close(): Promise<void>
}

const maxRedirects = 5
/** A body that trickles in forever would never be noticed: it gets so many times the timeout. */
const bodyTimeouts = 10
const redirects = new Set([301, 302, 303, 307, 308])

/** `lookup`: the system's where absent. */
export function createServerClient(config: ServerConfig, lookup?: LookupFunction): Server {
  const { url: base, bearer, clientCertificate, ca } = config
  // Whole, with `request`: what a gateway without servers does not load.
  const { Pool } = createRequire(import.meta.url)('undici') as typeof import('undici')
  const pool = new Pool(base.origin, {
    connections: 4,
    allowH2: false,
    maxHeaderSize: 64 * 1024,
    connect: {
      timeout: config.timeoutMs,
      ...(lookup !== undefined && { lookup }),
      ca: ca ?? [...trustedRoots()],
      ...(clientCertificate !== null && { cert: clientCertificate.certificate, key: clientCertificate.key }),
    },
  })
  const own = {
    // What is hashed and signed is the bundle; a coding around it would be one more thing to bound.
    'accept-encoding': 'identity',
    ...Object.fromEntries(config.headers.map(({ name, value }) => [name.toLowerCase(), value])),
    ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
  }
  const targetOf = (path: string) => new URL(`${base.href.replace(/\/+$/, '')}/${path.replace(/^\/+/, '')}`)

  async function ask(url: URL, request: ServerRequest): Promise<ServerReply> {
    const { method, body, headers, maxBytes, signal, timeoutMs = config.timeoutMs } = request
    const shown = shownUrl(url)
    const deadline = createDeadline(timeoutMs)
    const stop = signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, signal])
    let waited = `did not answer within ${timeoutMs} ms`
    try {
      const reply = await pool.request({
        method,
        path: `${url.pathname}${url.search}`,
        headers: { ...headers, ...own },
        body: body ?? null,
        headersTimeout: 0,
        bodyTimeout: config.timeoutMs,
        signal: stop,
      })
      const bodyMs = config.timeoutMs * bodyTimeouts
      deadline.set(bodyMs)
      waited = `did not send the whole reply within ${bodyMs} ms`
      return { status: reply.statusCode, headers: reply.headers, body: await readBounded(reply, shown, maxBytes) }
    } catch (error) {
      if (error instanceof ServerError || signal?.aborted === true) throw error
      throw new ServerError(shown, deadline.signal.aborted ? waited : explainFailure(error, config.timeoutMs), { cause: error })
    } finally {
      deadline.clear()
    }
  }

  return {
    name: config.name,
    urlOf: (path) => shownUrl(targetOf(path)),
    async request(request) {
      let url = targetOf(request.path)
      for (let hops = 0; hops <= maxRedirects; hops++) {
        const reply = await ask(url, request)
        if (!redirects.has(reply.status)) return reply
        url = redirected(url, reply, request.method)
      }
      throw new ServerError(shownUrl(url), `redirects more than ${maxRedirects} times`)
    },
    close: () => pool.destroy(),
  }
}

/** The credentials are this origin's: nothing is followed to another. */
function redirected(from: URL, { status, headers }: ServerReply, method: 'GET' | 'POST'): URL {
  const refused = (problem: string) => new ServerError(shownUrl(from), problem, { status })
  const { location } = headers
  if (typeof location !== 'string' || !URL.canParse(location, from.href)) throw refused(`redirects (${status}) to nowhere`)
  const to = new URL(location, from.href)
  if (to.origin !== from.origin) throw refused(`redirects (${status}) to another origin, ${to.origin}, which is not followed`)
  if (method !== 'GET') throw refused(`redirects (${status}) a ${method}, which is not followed; configure ${shownUrl(to)}`)
  return to
}
