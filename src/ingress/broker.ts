/** The broker door: the gateway's own API for integrations, versioned under /v1. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { Express, Request, Response } from 'express'
import { type AccessRequest, type EntityTags, type FileAction, type FileConditions, type Identified, Refusal } from '../core/index.ts'
import { queryOf } from '../text/index.ts'
import { serve } from './deliver.ts'
import { type DoorOptions, eitherAuthorization, HttpArrival, type Read } from './http-arrival.ts'
import type { RequestDoor } from './proxy.ts'
import { createRequestBody } from './request-body.ts'
import { selfPath } from './self-url.ts'
import { requireNoWebSocket } from './supported-heads.ts'

/** Express is loaded (4 MiB, 50 ms) when the first integration asks something here. */
export function createBrokerDoor(options: DoorOptions): RequestDoor {
  let app: Express | null = null
  return (req: IncomingMessage, res: ServerResponse) => {
    app ??= createBrokerApp(options)
    app(req, res)
  }
}

function createBrokerApp({ handle, identify, nextId, requireShare, selfUrl }: DoorOptions): Express {
  const express = createRequire(import.meta.url)('express') as () => Express
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('case sensitive routing', true)
  app.set('strict routing', true)
  const route = (read: Read) => (req: Request, res: Response) =>
    serve(
      handle,
      new HttpArrival(
        nextId(),
        { door: 'broker', identify, requireShare, selfUrl, credentialHeaders: eitherAuthorization, read },
        req,
        res,
      ),
    )

  app.get(selfPath, route(readSelf))
  app.all(selfPath, route(refuseMethod('GET')))
  app.all('/v1/files/*path', route(readFileRequest))
  app.use(route(refuseUnknown))
  // Express's own answer to a path that it cannot decode; recorded like any arrival.
  app.use((_error: Error, req: Request, res: Response, _next: unknown) => route(refuseMalformed)(req, res))
  return app
}

function readSelf(arrival: HttpArrival, who: Identified): AccessRequest {
  return { ...common(arrival, who), kind: 'self', action: 'read', target: {} }
}

const prefix = '/v1/files/'

function readFileRequest(arrival: HttpArrival, who: Identified): AccessRequest {
  const { req, res } = arrival
  const target = (req.url ?? '').slice(prefix.length)
  const mark = target.indexOf('?')
  const [rawPath, query] = mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)]
  const [root = '', ...segments] = rawPath.split('/').map(decodeSegment)
  if (segments.at(-1) === '') segments.pop()
  if (root === '' || segments.includes('')) throw new Refusal('malformed-request', 'expected /v1/files/<name>/<path>')
  const body = createRequestBody(req, res)
  const operations = queryOf(query)['op'] ?? []
  if (operations.length > 1) throw new Refusal('malformed-request', 'op is given twice')
  const action = fileActionOf(req.method ?? '', operations[0] ?? null)
  // RFC 9110 §14.5: a partial PUT must not be taken for a whole one.
  if (action === 'write' && req.headers['content-range'] !== undefined)
    throw new Refusal('malformed-request', 'a file is written whole: PUT knows no Content-Range')
  return {
    ...common(arrival, who),
    kind: 'file',
    action,
    target: { root, path: segments.join('/') },
    conditions: readConditions(req.headers),
    head: req.method === 'HEAD',
    body,
  }
}

/** One segment of a file's path. Throws `Refusal` if it could lead elsewhere, or be read as another name (GHSA-67hm-27mx-9cg7). */
function decodeSegment(raw: string): string {
  let segment: string
  try {
    segment = decodeURIComponent(raw)
  } catch {
    throw new Refusal('malformed-request', 'the path is not percent-encoded UTF-8')
  }
  if (segment === '.' || segment === '..' || /[/\\\p{Cc}]/u.test(segment))
    throw new Refusal('malformed-request', 'a segment of the path is ".", "..", or has a slash, backslash or control character')
  if (segment !== segment.normalize('NFC') || !segment.isWellFormed())
    throw new Refusal('malformed-request', 'the path is not in Unicode normalisation form C')
  if (Buffer.byteLength(segment) > 255) throw new Refusal('malformed-request', 'a segment of the path is longer than 255 bytes')
  return segment
}

function fileActionOf(method: string, operation: string | null): FileAction {
  if (method === 'PUT') return 'write'
  if (method === 'HEAD') return 'stat'
  if (method !== 'GET') throw new Refusal('method-not-allowed', 'files know GET, HEAD and PUT', { headers: ['allow', 'GET, HEAD, PUT'] })
  if (operation === null || operation === 'read') return 'read'
  if (operation === 'stat' || operation === 'list') return operation
  throw new Refusal('malformed-request', 'op is read, stat or list')
}

function common(arrival: HttpArrival, { integration, identity }: Identified) {
  requireNoWebSocket(arrival.req)
  return { id: arrival.id, door: arrival.door, at: arrival.at, integration, identity, hangup: arrival } as const
}

function refuseMethod(allow: string): Read {
  return () => {
    throw new Refusal('method-not-allowed', `this knows ${allow}`, { headers: ['allow', allow] })
  }
}

const refuseUnknown: Read = () => {
  throw new Refusal('not-found', 'the broker knows /v1/self and /v1/files/<name>/<path>')
}

const refuseMalformed: Read = () => {
  throw new Refusal('malformed-request', 'the path cannot be decoded')
}

/** Throws `Refusal('malformed-request')` on an invalid list of entity tags; an invalid date is ignored, as §13.1.3 says. */
export function readConditions(headers: IncomingHttpHeaders): FileConditions {
  return {
    ifMatch: tagsOf('If-Match', headers['if-match']),
    ifNoneMatch: tagsOf('If-None-Match', headers['if-none-match']),
    ifModifiedSince: timeOf(headers['if-modified-since']),
    ifUnmodifiedSince: timeOf(headers['if-unmodified-since']),
  }
}

/** §8.8.3; Node joins several fields of a name with commas. */
const entityTag = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/

function tagsOf(name: string, value: string | undefined): EntityTags | null {
  if (value === undefined) return null
  if (value.trim() === '*') return '*'
  // A comma may stand within a tag.
  const tags = (value.match(/(?:[^",]|"[^"]*")+/g) ?? []).map((tag) => tag.trim()).filter((tag) => tag !== '')
  if (tags.length === 0 || !tags.every((tag) => entityTag.test(tag)))
    throw new Refusal('malformed-request', `${name} is * or a list of entity tags, each in quotes`)
  return tags
}

const day = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
/** §5.6.7: the form in use, and two that are obsolete. */
const dates = [
  new RegExp(`^${day}, \\d{2} [A-Z][a-z]{2} \\d{4} \\d{2}:\\d{2}:\\d{2} GMT$`),
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  new RegExp(`^${day} [A-Z][a-z]{2} [ \\d]\\d \\d{2}:\\d{2}:\\d{2} \\d{4}$`),
]

function timeOf(value: string | undefined): number | null {
  if (value === undefined || !dates.some((form) => form.test(value))) return null
  const time = Date.parse(value.endsWith('GMT') ? value : `${value} GMT`)
  return Number.isNaN(time) ? null : time
}
