/** A request that came over HTTP/2 is sent over HTTP/2, on a connection that is kept for it, where its origin speaks that. */
import { type Answer, Refusal } from '../../core/index.ts'
import { exchangeOver, type Http2ExchangeOptions, NotProcessed } from './http2-exchange.ts'
import type { Http2Sessions, OriginSession } from './http2-sessions.ts'
import { askedTwice } from './repeat.ts'

/** `null`: the origin speaks HTTP/1.1, and nothing was sent. Throws `Refusal`: origin-*, payload-too-large, reply-too-large, client-closed. */
export async function askOverHttp2(sessions: () => Http2Sessions, options: Http2ExchangeOptions): Promise<Answer | null> {
  const first = await connected(sessions(), options)
  if (first === null) return null
  try {
    return await exchangeOver(first, options)
  } catch (error) {
    if (!(error instanceof NotProcessed)) throw error
    options.progress.retrying({ problem: error.refusal.code, status: null, sentBytes: options.body?.whole?.byteLength ?? 0 })
  }
  const second = await connected(sessions(), options)
  if (second === null) return null
  try {
    return await exchangeOver(second, options)
  } catch (error) {
    if (error instanceof NotProcessed) throw askedTwice(error.refusal)
    throw error instanceof Refusal ? askedTwice(error) : error
  }
}

/** The dial itself goes on: others may wait for it. */
function connected(sessions: Http2Sessions, { hangup, progress, head, target }: Http2ExchangeOptions): Promise<OriginSession | null> {
  return new Promise((resolve, reject) => {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      reject(new Refusal('origin-timeout', `no connection to ${target.host} within ${head.timeoutMs} ms`))
    }, head.leftMs())
    sessions
      .take(hangup, progress)
      .then((session) => (isLate ? session?.release() : resolve(session)), reject)
      .finally(() => clearTimeout(timer))
  })
}
