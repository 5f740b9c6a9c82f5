/** Header fields as Node's HTTP/2 takes and gives them. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import type { HeaderList, HttpTarget } from '../../core/index.ts'
import { fieldObject } from '../../text/index.ts'

/** RFC 9113 §8.3.1. `headers`: including Host, which is the judged authority. */
export function requestFields({ method, scheme }: HttpTarget, path: string, headers: HeaderList): OutgoingHttpHeaders {
  const { host = '', ...fields } = fieldObject(headers)
  // The gateway passes trailers on, which servers of gRPC ask for.
  return { ':method': method, ':scheme': scheme, ':authority': host as string, ':path': path, ...fields, te: 'trailers' }
}

/** Without pseudo-header fields. */
export function flat(given: IncomingHttpHeaders): string[] {
  return Object.entries(given).flatMap(([name, value]) => {
    if (name.startsWith(':') || value === undefined) return []
    return Array.isArray(value) ? value.flatMap((item) => [name, item]) : [name, String(value)]
  })
}
