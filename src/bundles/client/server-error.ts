/** What went wrong between the gateway and a server, in one line: the URL (no credential, no query) and what to look at. */
import { visibleText } from '../../text/index.ts'

export class ServerError extends Error {
  /** Without user, password, query and fragment. */
  readonly url: string
  /** HTTP status, where it is an answer that was refused. */
  readonly status: number | null

  constructor(url: string, problem: string, { status = null, cause }: { status?: number | null; cause?: unknown } = {}) {
    super(visibleText(`${url}: ${problem}`), { cause })
    this.name = 'ServerError'
    this.url = url
    this.status = status
  }
}

/** A URL as messages show it: its query and user may be credentials. */
export function shownUrl(url: URL): string {
  return `${url.origin}${url.pathname}`
}

/** undici's, Node's and OpenSSL's codes in plain words; `timeoutMs` is what was waited. */
export function explainFailure(error: unknown, timeoutMs: number): string {
  const { code = '', message = '' } = error as { readonly code?: string; readonly message?: string }
  const known = failures[code]
  if (known !== undefined) return known
  if (code.includes('TIMEOUT')) return `did not answer within ${timeoutMs} ms`
  if (/^ERR_SSL_.*ALERT/.test(code)) return `the TLS handshake was refused (${code}); check the client certificate`
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code)) return `its certificate is not trusted (${code}); check "ca" and the host name`
  return `the request failed (${code === '' ? message : code})`
}

const failures: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED)',
  ENOTFOUND: 'the host name has no address (ENOTFOUND)',
  EAI_AGAIN: 'the host name cannot be resolved now (EAI_AGAIN)',
  EHOSTUNREACH: 'there is no route to the host (EHOSTUNREACH)',
  ECONNRESET: 'the connection was reset (ECONNRESET)',
  UND_ERR_SOCKET: 'the connection ended before the reply did',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the reply is shorter or longer than its Content-Length says',
  UND_ERR_HEADERS_OVERFLOW: 'the reply’s headers are too large',
}
