/** What a service answered, as a Reply with a pushed body. */
import type { IncomingMessage } from 'node:http'
import { type PushedBody, Refusal, type Reply, withoutHeaders } from '../../core/index.ts'
import { endToEnd } from '../http/reply-headers.ts'

/** Throws `Refusal('reply-too-large')` where the service says that its reply is; the transfer breaks off where it turns out to be. */
export function serviceReply(proxyRes: IncomingMessage, maxBytes: number): Reply {
  if (!bodyless(proxyRes) && Number(proxyRes.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const headers = endToEnd(proxyRes.rawHeaders)
  return {
    status: proxyRes.statusCode ?? 502,
    // RFC 9110 §8.6: a 204 has no length.
    headers: proxyRes.statusCode === 204 ? withoutHeaders(headers, ['content-length']) : headers,
    body: bodyless(proxyRes) ? drained(proxyRes) : pushFrom(proxyRes, maxBytes),
  }
}

/** RFC 9112 §6.3. */
function bodyless({ statusCode, headers }: IncomingMessage): boolean {
  return statusCode === 204 || statusCode === 304 || headers['content-length'] === '0'
}

function drained(proxyRes: IncomingMessage): null {
  proxyRes.resume()
  return null
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('reply-too-large', `the reply is larger than ${maxBytes} bytes`)
}

function pushFrom(source: IncomingMessage, maxBytes: number): PushedBody {
  return (sink) =>
    new Promise((resolve, reject) => {
      let bytes = 0
      source.on('data', (chunk: Buffer) => {
        bytes += chunk.byteLength
        if (bytes > maxBytes) {
          source.destroy(tooLarge(maxBytes))
          return
        }
        const verdict = sink.write(chunk)
        if (verdict === true) return
        if (verdict === false) {
          source.destroy()
          return
        }
        source.pause()
        void verdict.then((goesOn) => (goesOn ? source.resume() : source.destroy()))
      })
      source.once('end', resolve)
      source.once('error', reject)
      source.once('close', () => {
        if (!source.complete) reject(new Refusal('origin-failed', 'the service broke off'))
        else resolve()
      })
    })
}
