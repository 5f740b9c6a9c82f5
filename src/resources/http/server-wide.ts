/** `OPTIONS *`: a question about a server as a whole, which undici cannot send (RFC 9112 §3.2.4). */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type Answer, endOf, type Hangup, type HttpRequest, type Progress, Refusal } from '../../core/index.ts'
import { connectionOf, explainOriginError, firstByteLate, limitInformational } from '../../egress/index.ts'
import { request as sendRequest } from '../../node-http.ts'
import { withoutHeaders } from '../../text/index.ts'
import { replyTooLarge } from './push-stream.ts'
import { endToEnd } from './reply-headers.ts'

export interface ServerWideOptions {
  readonly request: HttpRequest
  readonly hangup: Hangup
  readonly progress: Progress
  /** A new connection to the judged origin. */
  readonly dial: () => Promise<Socket>
  /** From the dial to the end of the reply. */
  readonly timeoutMs: number
  /** Once it has its connection. */
  readonly firstByteMs: number | undefined
  readonly maxReplyBytes: number
}

/** Uses a connection of its own; resolves with the whole reply. Throws `Refusal`: origin-*, reply-too-large, client-closed. */
export function askServer({ request, hangup, progress, dial, timeoutMs, firstByteMs, maxReplyBytes }: ServerWideOptions): Promise<Answer> {
  const { host, method } = request.target
  return new Promise<Answer>((resolve, reject) => {
    let firstByte: NodeJS.Timeout | undefined
    const asked = sendRequest({
      method,
      path: '*',
      headers: request.headers as string[],
      createConnection: (_options, done) => {
        progress.dialling()
        dial().then(
          (socket) => {
            const connection = connectionOf(socket)
            progress.dialled(connection)
            progress.started(connection)
            if (firstByteMs !== undefined && !asked.destroyed)
              firstByte = setTimeout(() => fail(firstByteLate(host, firstByteMs)), firstByteMs)
            done(null, socket)
          },
          (error: Error) => done(error, undefined as never),
        )
        return undefined
      },
    })
    const over = () => {
      clearTimeout(timer)
      clearTimeout(firstByte)
      queueMicrotask(() => forget())
    }
    const fail = (error: Error) => {
      reject(explainOriginError(error, host))
      asked.destroy()
      // Without a connection Node says nothing of its end.
      over()
    }
    const timer = setTimeout(() => fail(new Refusal('origin-timeout', `${host} did not answer within ${timeoutMs} ms`)), timeoutMs)
    const forget = hangup.onGone(() => fail(endOf(hangup)))
    asked.on('error', fail)
    asked.once('close', () => {
      over()
      // Does nothing if the promise is settled already.
      fail(new Error('closed before a whole answer'))
    })
    limitInformational(asked, host, fail)
    asked.once('response', (reply) => {
      progress.answered()
      clearTimeout(firstByte)
      collect(reply, maxReplyBytes).then(resolve, fail)
    })
    asked.end()
  })
}

async function collect(reply: IncomingMessage, maxBytes: number): Promise<Answer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw replyTooLarge(maxBytes)
    chunks.push(chunk)
  }
  // The length of the body that arrived, whatever the origin declared.
  const headers = [...withoutHeaders(endToEnd(reply.rawHeaders) as string[], ['content-length']), 'content-length', String(bytes)]
  return { status: reply.statusCode ?? 502, headers, body: bytes === 0 ? null : Buffer.concat(chunks) }
}
