/** POST of JSON to a receiver: taken with 2xx, and everything else is tried again. */
import { createServerClient, retryAfterMs } from '../../bundles/index.ts'
import type { ServerConfig } from '../../config/index.ts'
import { createOperatorLookup } from '../../egress/index.ts'
import { visibleText } from '../../text/index.ts'
import { type Answer, NotTaken } from '../receiver.ts'

export interface Post {
  /** Rejects with `NotTaken`; redirects are not followed. */
  send(body: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer>
  close(): Promise<void>
}

export interface PostOptions extends Omit<ServerConfig, 'url'> {
  readonly url: string
  /** The path is a credential, which no message shows. */
  readonly hidesPath?: boolean
}

const maxReplyBytes = 64 * 1024
const shownCharacters = 500
/** RFC 9110 §15.5: it is this content that the receiver does not take. */
const refusals = new Set([400, 413, 415, 422])

export function createPost({ url: given, hidesPath = false, ...server }: PostOptions): Post {
  const url = new URL(given)
  const client = createServerClient({ ...server, url: new URL(url.origin) }, createOperatorLookup())
  const credentials = [server.bearer ?? '', ...server.headers.map(({ value }) => value)].filter((credential) => credential !== '')
  /** A receiver may answer with what it was sent. */
  function shown(text: string): string {
    const masked = credentials.reduce((rest, credential) => rest.replaceAll(credential, '[redacted]'), text)
    return hidesPath && url.pathname.length > 1 ? masked.replaceAll(url.pathname, '/…') : masked
  }

  return {
    async send(body, headers, signal) {
      const request = { method: 'POST', path: url.pathname, maxBytes: maxReplyBytes, signal, body: Buffer.from(body) } as const
      const reply = await client
        .request({ ...request, headers: { 'content-type': 'application/json', ...headers } })
        .catch((error: Error) => {
          throw new NotTaken(shown(error.message), {})
        })
      const answer = { status: reply.status, text: visibleText(shown(reply.body.toString('utf8')).slice(0, shownCharacters)) }
      if (reply.status >= 200 && reply.status < 300) return answer
      const said = answer.text === '' ? '' : `: ${answer.text.slice(0, shownCharacters / 2)}`
      throw new NotTaken(`${shown(client.urlOf(url.pathname))} answers with ${reply.status}${said}`, {
        afterMs: retryAfterMs(reply.headers['retry-after']),
        isContent: refusals.has(reply.status),
        answer,
      })
    },
    close: () => client.close(),
  }
}
