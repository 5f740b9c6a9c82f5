/** Frames of HTTP/2 that no client should send: valid ones, valid ones at the wrong time, broken ones, and bytes. */
import { endHeaders, endStream, fieldBlock, frame, frameTypes, opening, preface } from '../support/raw-http2.ts'
import type { Random } from './generate.ts'

const paths = [
  '/v1/a',
  '/v1/reset',
  '/v1/away',
  '/v1/never',
  '/v1/large',
  '/v1/cut',
  '/v1/trailers',
  '/denied',
  '/v1/../denied',
  '/v1/%2e%2e/denied',
  '*',
  '',
]
const methods = ['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'get', '']
const oddFields = [
  ...[
    ['te', 'trailers'],
    ['te', 'gzip'],
    ['connection', 'close'],
    ['content-length', '5'],
    ['content-length', '-1'],
    ['expect', '100-continue'],
  ],
  ...[
    ['cookie', 'a=1'],
    ['X-Upper', 'a'],
    ['x-nul', '\0'],
    ['x-line', 'a\r\nb: c'],
    ['host', 'other.example'],
    [':path', '/denied'],
    [':late', ''],
  ],
  ...[
    ['content-type', 'application/grpc'],
    ['grpc-timeout', '1m'],
    ['x-long', 'l'.repeat(3000)],
    ['transfer-encoding', 'chunked'],
    ['priority', 'u=9'],
  ],
] as [string, string][]
/** RFC 9113 §6.5.2, with what they may be and what they may not. */
const settings: readonly (readonly [number, readonly number[]])[] = [
  [1, [0, 4096, 65_536, 0xffffffff]],
  [2, [0, 1, 2]],
  [3, [0, 1, 100, 0xffffffff]],
  [4, [0, 1, 65_535, 0x7fffffff, 0x80000000]],
  [5, [0, 16_384, 16_777_215, 16_777_216]],
  [6, [0, 10, 0xffffffff]],
  [8, [0, 1, 2]],
  [0xff, [1]],
]
/** Pieces of HPACK (RFC 7541): an index of nothing, a table that grows, Huffman's padding, integers without an end. */
const hpack = [
  'ff00',
  'be',
  '80',
  '82868441',
  '3fe11f',
  '3fffffffffff7f',
  '00ff',
  '0081ff0081ff',
  '40017f',
  'c0c1c2c3',
  '10000000',
  '7fffffffffffffff',
  '20',
  '008000',
]
const words = [0, 1, 2, 8, 0x7fffffff, 0x80000000, 0xffffffff]

export interface Frames {
  /** Of one connection, in order, each to be written by itself. */
  readonly chunks: readonly Buffer[]
  readonly count: number
}

export function createFrames(random: Random, authorities: readonly string[]): (authority: number, count: number) => Frames {
  const below = (count: number) => Math.floor(random() * count)
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T
  const chance = (of: number) => random() < of
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => below(256)))
  const word = () => {
    const four = Buffer.alloc(4)
    four.writeUInt32BE(chance(0.7) ? one(words) : below(2 ** 32))
    return four
  }

  function head(authority: string): Buffer {
    const pseudo: [string, string][] = [
      [':method', chance(0.8) ? one(['GET', 'POST']) : one(methods)],
      [':scheme', chance(0.97) ? 'https' : one(['http', ''])],
      [':authority', chance(0.97) ? authority : one(['other.example', ''])],
      [':path', one(paths)],
    ]
    const kept = chance(0.03) ? pseudo.filter(() => chance(0.7)) : pseudo
    return fieldBlock([...kept, ...Array.from({ length: below(4) }, () => one(oddFields))])
  }

  /** `streamId`: the next one that a client may open. */
  function ordinary(authority: string, streamId: number): Buffer {
    const block = head(authority)
    const ends = chance(0.6) ? endStream : 0
    const cut = chance(0.1) ? below(block.byteLength) : null
    const { headers, continuation, data } = frameTypes
    const all =
      cut === null
        ? [frame(headers, endHeaders | ends, streamId, block)]
        : [frame(headers, ends, streamId, block.subarray(0, cut)), frame(continuation, endHeaders, streamId, block.subarray(cut))]
    if (ends === 0 && chance(0.8))
      all.push(frame(data, chance(0.7) ? endStream : 0, streamId, Buffer.alloc(below(chance(0.05) ? 6000 : 60), 'x')))
    if (chance(0.1)) all.push(frame(frameTypes.rstStream, 0, streamId, word()))
    return Buffer.concat(all)
  }

  function odd(streamId: number): Buffer {
    const stream = one([0, 1, 2, streamId, streamId - 2, streamId + 2, 0x7fffffff])
    const { data, headers, priority, rstStream, settings: set, pushPromise, ping, goaway, windowUpdate, continuation } = frameTypes
    const setting = () => {
      const [id, values] = one(settings)
      const six = Buffer.alloc(6)
      six.writeUInt16BE(id)
      six.writeUInt32BE(one(values), 2)
      return six
    }
    switch (one(Object.values(frameTypes))) {
      case data:
        return frame(data, below(16), stream, bytes(below(40)))
      case headers:
        return frame(headers, below(256), stream, chance(0.5) ? Buffer.from(one(hpack), 'hex') : bytes(below(40)))
      case priority:
        return frame(priority, 0, stream, chance(0.8) ? Buffer.concat([word(), bytes(1)]) : bytes(below(8)))
      case rstStream:
        return frame(rstStream, 0, stream, chance(0.9) ? word() : bytes(below(6)))
      case set:
        return frame(
          set,
          below(2),
          chance(0.9) ? 0 : stream,
          chance(0.9) ? Buffer.concat(Array.from({ length: below(4) }, setting)) : bytes(below(9)),
        )
      case pushPromise:
        return frame(pushPromise, endHeaders, stream, Buffer.concat([word(), Buffer.from(one(hpack), 'hex')]))
      case ping:
        return frame(ping, below(2), chance(0.9) ? 0 : stream, bytes(chance(0.9) ? 8 : below(12)))
      case goaway:
        return frame(goaway, 0, chance(0.9) ? 0 : stream, Buffer.concat([word(), word(), bytes(below(8))]))
      case windowUpdate:
        return frame(windowUpdate, 0, stream, chance(0.9) ? word() : bytes(below(6)))
      case continuation:
        return frame(continuation, below(8), stream, Buffer.from(one(hpack), 'hex'))
    }
  }

  /** As if the line were bad. */
  function broken(given: Buffer): Buffer {
    const copy = Buffer.from(given)
    for (let left = 1 + below(3); left > 0; left -= 1) copy[below(copy.byteLength)] = below(256)
    return chance(0.2) ? copy.subarray(0, below(copy.byteLength)) : copy
  }

  return (authority, count) => {
    const chunks: Buffer[] = [chance(0.97) ? opening : chance(0.5) ? broken(opening) : preface]
    // Most connections are ended by their first error: how hostile one is decides how far it comes.
    const hostility = one([0.02, 0.1, 0.5])
    for (let i = 0; i < count; i += 1) {
      const streamId = 2 * i + 1
      const next = chance(1 - hostility) ? ordinary(authorities[authority] as string, streamId) : odd(streamId)
      chunks.push(chance(hostility / 4) ? broken(next) : next)
    }
    return { chunks, count }
  }
}
