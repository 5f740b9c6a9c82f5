/** Requests of HTTP/2, as the frames of one stream. */
import { endHeaders, endStream, fieldBlock, frame, frameTypes } from '../support/raw-http2.ts'
import type { Generated, Place } from './generate.ts'
import { othersOf } from './generate-http1.ts'
import { fieldsOf, hostileShare, type Pick, targetOf } from './pick.ts'
import { bodies, type Fields, hostileBodies, hostileMethods, methods } from './spellings.ts'

const hostileTargets = [
  '',
  '*',
  'https://evil/x',
  'x',
  ' /a',
  '/a b',
  '/a\r\nX-Injected: b',
  '/\0',
  '/a HTTP/1.1\r\nHost: evil\r\n\r\n',
  '//evil/x',
]
const hostileSchemes = ['http', 'https', 'HTTPS', '', 'ftp', 'https ', 'https://x']
const surplus: Fields = [
  [':path', '/evil'],
  [':authority', 'evil'],
  [':protocol', 'websocket'],
  [':status', '200'],
  [':x', ''],
  [':Method', 'GET'],
]
const lateFields: readonly Fields[] = [
  [['x-late', '1']],
  [['x-case', 'late']],
  [[':path', '/late']],
  [['content-length', '9']],
  [['host', 'evil']],
]

/** `needed`: by the door. */
export function overHttp2(pick: Pick, id: string, place: Place, needed: Fields): Generated {
  const { chance, one, either, below } = pick
  const body = either(bodies, hostileBodies)
  const isEmpty = chance(0.4) || body === ''
  const own: Fields = fieldsOf(pick).map(([name, value]) => [chance(0.97) ? name.toLowerCase() : name, value])
  if (chance(0.05)) own.push(['host', one([`${place.host}:${place.port}`, ...othersOf(place)])])
  const isWrong = own.some(([name]) => /^content-length/i.test(name)) || chance(hostileShare / 2)
  if (chance(0.4)) own.push(['content-length', String((isEmpty ? 0 : body.length) + (isWrong ? one([-1, 1, 5]) : 0))])
  const pseudo = pseudoFields(pick, place)
  const cases: Fields = [...needed.map(([name, value]): [string, string] => [name.toLowerCase(), value]), ['x-case', id]]
  const block = fieldBlock(chance(0.02) ? [...cases, ...pseudo, ...own] : [...pseudo, ...cases, ...own])
  const late = isEmpty || chance(0.9) ? [] : one(lateFields)
  const streamed = { block, cut: chance(0.1) ? below(60) : null, body: isEmpty ? '' : body, late, isPadded: chance(0.1) }
  return { id, content: isWrong ? null : streamed.body, bytes: (streamId) => framesOf(streamId, streamed) }
}

function pseudoFields(pick: Pick, place: Place): Fields {
  const { chance, one, either, below } = pick
  const all: Fields = [
    [':method', either(methods, hostileMethods)],
    [':scheme', chance(0.03) ? one(hostileSchemes) : place.scheme],
    [':authority', chance(0.05) ? one(othersOf(place)) : `${place.host}:${place.port}`],
    [':path', chance(0.05) ? one(hostileTargets) : targetOf(pick)],
  ]
  const left = chance(0.03) ? below(4) : -1
  const kept = all.filter((_, index) => index !== left)
  return [...(chance(0.05) ? kept.toReversed() : kept), ...(chance(0.03) ? [one(surplus)] : [])]
}

interface Streamed {
  readonly block: Buffer
  /** Where the head is cut into a HEADERS and a CONTINUATION. */
  readonly cut: number | null
  readonly body: string
  /** Behind the body. */
  readonly late: Fields
  readonly isPadded: boolean
}

/** RFC 9113 §6.1. */
const padded = 8

function framesOf(streamId: number, { block, cut, body, late, isPadded }: Streamed): Buffer {
  const { headers, continuation, data } = frameTypes
  const last = body === '' ? endStream : 0
  const head =
    cut === null
      ? [frame(headers, endHeaders | last, streamId, block)]
      : [frame(headers, last, streamId, block.subarray(0, cut)), frame(continuation, endHeaders, streamId, block.subarray(cut))]
  if (body === '') return Buffer.concat(head)
  const bytes = Buffer.from(body, 'latin1')
  const payload = isPadded ? Buffer.concat([Buffer.from([3]), bytes, Buffer.alloc(3)]) : bytes
  const content = frame(data, (isPadded ? padded : 0) | (late.length === 0 ? endStream : 0), streamId, payload)
  const trailers = late.length === 0 ? [] : [frame(headers, endHeaders | endStream, streamId, fieldBlock(late))]
  return Buffer.concat([...head, content, ...trailers])
}
