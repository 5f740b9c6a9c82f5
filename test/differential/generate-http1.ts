/** Requests of HTTP/1.1, in absolute form for the proxy's door and in origin form inside an interception. */
import type { Door, Generated, Place } from './generate.ts'
import { fieldsOf, hostileShare, type Pick, targetOf } from './pick.ts'
import { bodies, type Fields, hostileBodies, hostileMethods, methods } from './spellings.ts'

const hostileVersions = ['HTTP/1.0', 'HTTP/1.1 ', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/01.1', '', 'HTTP/1.1\t']

/** `needed`: by the door. */
export function overHttp1(pick: Pick, id: string, door: Door, place: Place, needed: Fields): Generated {
  const { chance, one, either } = pick
  const authority = `${place.host}:${place.port}`
  const others = othersOf(place)
  const claimed = either([authority], others)
  const { fields: framing, bytes, content } = framed(pick)
  const twice: readonly Fields[] = [
    [],
    [
      ['Host', claimed],
      ['Host', authority],
    ],
    [
      ['Host', claimed],
      ['host', 'evil.example'],
    ],
  ]
  const hosts: Fields = chance(0.03) ? one(twice) : [['Host', claimed]]
  const own = fieldsOf(pick)
  const lines = [...hosts, ['X-Case', id] as const, ...own, ...framing].map(([name, value]) => lineOf(pick, name, value)).join('')
  const head = needed.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const blank = either([' '], ['  ', '\t', ' \t', '\x0b', '\xa0'])
  const line = [either(methods, hostileMethods), formOf(pick, door, place, others), either(['HTTP/1.1'], hostileVersions)].join(blank)
  const whole = Buffer.from(`${line}${chance(0.02) ? '\n' : '\r\n'}${head}${lines}\r\n${bytes}`, 'latin1')
  // A length of the hostile fields makes a framing of its own.
  const isClear = !own.some(([name]) => /^(?:content.length|transfer.encoding)/i.test(name))
  return { id, bytes: () => whole, content: isClear ? content : null }
}

/** Spellings of an authority, most of which mean another one. */
export function othersOf({ host, port }: Place): readonly string[] {
  const whole = `${host}:${port}`
  const upper = `${host.toUpperCase()}:${port}`
  return [
    host,
    upper,
    `${host}.:${port}`,
    `evil.example:${port}`,
    `u@${whole}`,
    `${whole}, evil`,
    `[${host}]:${port}`,
    `${host}:0${port}`,
    `${whole}/x`,
    '',
  ]
}

function formOf(pick: Pick, door: Door, { host, port, scheme }: Place, others: readonly string[]): string {
  const { chance, one } = pick
  const target = targetOf(pick)
  const whole = `${host}:${port}`
  if (!chance(hostileShare)) return door === 'proxy' ? `${scheme}://${whole}${target}` : target
  const schemes = [scheme.toUpperCase(), scheme === 'http' ? 'https' : 'http', 'ws', 'file', '']
  return one([
    target,
    `${one(schemes)}://${whole}${target}`,
    `${scheme}://${one(others)}${target}`,
    `${scheme}:/${whole}${target}`,
    `//${whole}${target}`,
    '*',
    whole,
  ])
}

function lineOf({ chance, one, either }: Pick, name: string, value: string): string {
  const before = chance(0.005) ? one([' ', '\t']) : ''
  return `${name}${before}:${either([' '], ['', '  ', '\t'])}${value}${chance(0.02) ? ' ' : ''}${chance(0.005) ? '\n' : '\r\n'}`
}

interface Framed {
  readonly fields: Fields
  readonly bytes: string
  readonly content: string | null
}

function framed(pick: Pick): Framed {
  const { chance, one, either } = pick
  const body = either(bodies, hostileBodies)
  // Bytes behind a request without a body are the next one.
  if (chance(0.4)) return { fields: [], bytes: chance(0.05) ? body : '', content: '' }
  if (chance(0.5)) return chunked(pick, body)
  const isWrong = chance(hostileShare)
  const length = String(isWrong ? Math.max(0, body.length + one([-1, 1, -3, 5])) : body.length)
  const again: Fields = chance(0.03) ? [['Content-Length', one([length, '7'])]] : []
  return { fields: [['Content-Length', length], ...again], bytes: body, content: isWrong || again.length > 0 ? null : body }
}

const hostileEnds = ['0\r\n', '0\n\n', '00\r\n\r\n', '0;a\r\n\r\n', '-0\r\n\r\n', '0\r\nX-Late', '\r\n\r\n']
const lateFields = [
  'X-Late: 1\r\n',
  'Content-Length: 9\r\nHost: evil\r\n',
  'X-Case: late\r\n',
  'x: \0\r\n',
  'Transfer-Encoding: chunked\r\n',
  ': a\r\n',
]

function chunked({ chance, one, below }: Pick, body: string): Framed {
  const isWrong = chance(hostileShare)
  let bytes = ''
  for (let at = 0; at < body.length; ) {
    const size = Math.min(body.length - at, 1 + below(200))
    const hex = size.toString(16)
    const written =
      isWrong && chance(0.5) ? one([`0${hex}`, `${hex} `, `+${hex}`, `0x${hex}`, (size + 1).toString(16), hex.toUpperCase()]) : hex
    const extension = chance(0.1) ? one([';a', ';a="b"', ';\n', '; a = "\r\n"', ';a=\0']) : ''
    bytes += `${written}${extension}\r\n${body.slice(at, at + size)}${isWrong && chance(0.2) ? '\n' : '\r\n'}`
    at += size
  }
  const end = isWrong ? one(hostileEnds) : `0\r\n${chance(0.3) ? one(lateFields) : ''}\r\n`
  const length: Fields = [['Content-Length', String(body.length)]]
  const again: Fields = chance(0.03) ? one([length, [['Transfer-Encoding', 'chunked']]]) : []
  return { fields: [['Transfer-Encoding', 'chunked'], ...again], bytes: bytes + end, content: isWrong || again.length > 0 ? null : body }
}
