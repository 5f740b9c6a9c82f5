/** Answers in an origin's place: OPTIONS and TRACE whose Max-Forwards is used up (RFC 9110 §7.6.2). */
import type { Answer } from '../../core/index.ts'

export interface LastHop {
  readonly method: string
  readonly path: string
  readonly query: string
}

/** TRACE answers with the request as it would be forwarded, without headers: they may hold credentials (RFC 9110 §9.3.8). */
export function answerAsLastHop({ method, path, query }: LastHop): Answer {
  if (method !== 'TRACE') return { status: 200, headers: ['content-length', '0'], body: null }
  const body = Buffer.from(`TRACE ${path}${query === '' ? '' : `?${query}`} HTTP/1.1\r\nMax-Forwards: 0\r\n\r\n`, 'latin1')
  return { status: 200, headers: ['content-type', 'message/http'], body }
}
