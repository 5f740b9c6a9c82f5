/** What a service answered, as a Reply with a pushed body. */
import type { IncomingMessage } from 'node:http'
import { type PushedBody, Refusal, type Reply, withoutHeaders } from '../../core/index.ts'
import { endToEnd } from '../http/reply-headers.ts'

export function serviceReply(proxyRes: IncomingMessage): Reply {
  const headers = endToEnd(proxyRes.rawHeaders)
  return {
    status: proxyRes.statusCode ?? 502,
    // RFC 9110 §8.6: a 204 has no length.
    headers: proxyRes.statusCode === 204 ? withoutHeaders(headers, ['content-length']) : headers,
    body: bodyless(proxyRes) ? drained(proxyRes) : pushFrom(proxyRes),
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

function pushFrom(source: IncomingMessage): PushedBody {
  return (sink) =>
    new Promise((resolve, reject) => {
      source.on('data', (chunk: Buffer) => {
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
