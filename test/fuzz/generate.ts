/** Requests that nobody should send, over every door: by a seed, so that each can be made again. */

export type Random = () => number

/** Mulberry32: 0 to 1, the same for the same seed. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface Sent {
  readonly door: Door
  readonly bytes: Buffer
  /** The caller ends after so many bytes; `null`: it says all. */
  readonly cutAt: number | null
  readonly end: 'fin' | 'reset' | 'wait'
}

const doors = ['proxy', 'ruled', 'connect', 'intercept', 'services', 'upgrade', 'broker', 'nonsense'] as const
export type Door = (typeof doors)[number]

export interface Places {
  readonly auth: string
  readonly originPort: number
  readonly tlsPort: number
  /** Bodies around these are sent. */
  readonly limits: readonly number[]
}

/** What Node or the proxy library treats specially, with values that they do and do not expect. */
const special: Readonly<Record<string, readonly string[]>> = {
  Expect: ['100-continue', '100-Continue', 'magic', '', '100-continue, x'],
  Connection: ['close', 'keep-alive', 'Upgrade', 'close, keep-alive', 'Content-Length', 'host', 'x-a, te', 'Upgrade, HTTP2-Settings', ''],
  'Content-Length': ['0', '5', '-1', '+5', '5, 5', '05', '99999999999999999999', 'five', ''],
  'Transfer-Encoding': ['chunked', 'Chunked', 'gzip, chunked', 'chunked, chunked', 'identity', 'xchunked', ''],
  Host: ['elsewhere.example', '', 'a b', '[::1', 'localhost:99999', 'localhost'],
  Upgrade: ['websocket', 'h2c', 'WebSocket, h2c', 'websocket/13', ''],
  TE: ['trailers', 'gzip;q=1, trailers', ''],
  Trailer: ['Content-Length', 'X-A', 'Transfer-Encoding'],
  'Proxy-Connection': ['keep-alive', 'close'],
  'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ==', 'x'],
  'Sec-WebSocket-Version': ['13', '8'],
  Range: ['bytes=0-1', 'bytes=-'],
  'Content-Encoding': ['gzip', 'identity'],
  'Content-Type': ['application/json', 'text/plain', 'application/x-www-form-urlencoded'],
  'Max-Forwards': ['0', '1', 'x'],
}
const paths = [
  '/',
  '/early',
  '/reset',
  '/garbage',
  '/informed',
  '/behind',
  '/short',
  '/never',
  '/v1/a?b=c',
  '/denied',
  '/denied?a',
  '/%2e%2e/x',
  '/a%2Fb',
  '//',
  '/\xff',
  '*',
]
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'get', 'CONNECT', 'M-SEARCH', '']

export function createGenerate({ auth, originPort, tlsPort, limits }: Places, random: Random): () => Sent {
  const below = (count: number) => Math.floor(random() * count)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T
  const chance = (of: number) => random() < of
  const sizes = limits.flatMap((limit) => [limit - 1, limit, limit + 1]).concat(0, 1, 5)
  const host = `localhost:${originPort}`

  function headers(): string {
    let text = ''
    for (let left = below(5); left > 0; left -= 1) {
      const name = pick(Object.keys(special))
      const spelled = chance(0.2) ? name.toLowerCase() : chance(0.1) ? name.replaceAll('-', '_') : name
      text += `${spelled}${chance(0.02) ? ' ' : ''}: ${pick(special[name] as readonly string[])}\r\n`
    }
    return text
  }

  function body(): { readonly framing: string; readonly bytes: string } {
    const text = chance(0.5) ? 'x'.repeat(pick(sizes)) : `{"no":${chance(0.5)},"pad":"${'y'.repeat(pick(sizes))}"}`
    const kind = below(6)
    if (kind === 0) return { framing: '', bytes: '' }
    if (kind === 1) return { framing: `Content-Length: ${text.length}\r\n`, bytes: text }
    if (kind === 2) return { framing: `Content-Length: ${text.length + pick([-1, 1, 100])}\r\n`, bytes: text }
    let chunks = ''
    for (let at = 0; at < text.length; ) {
      const size = Math.min(text.length - at, 1 + below(700))
      chunks += `${size.toString(16)}${chance(0.1) ? ';a="b"' : ''}\r\n${text.slice(at, at + size)}\r\n`
      at += size
    }
    const last = chance(0.1) ? '0\r\nX-Trailer: a\r\n\r\n' : chance(0.1) ? 'zz\r\n' : '0\r\n\r\n'
    return { framing: 'Transfer-Encoding: chunked\r\n', bytes: chunks + last }
  }

  function request(target: string, ownHost: string, credentials: string): string {
    const { framing, bytes } = body()
    const line = `${chance(0.9) ? pick(methods.slice(0, 7)) : pick(methods)} ${target} HTTP/${chance(0.95) ? '1.1' : pick(['1.0', '2.0', '0.9', '1.2', ''])}`
    return `${line}\r\n${chance(0.95) ? `Host: ${ownHost}\r\n` : ''}${credentials}${headers()}${framing}\r\n${bytes}`
  }

  function through(door: Door): string {
    const path = pick(paths)
    const credentials = chance(0.95) ? auth : ''
    switch (door) {
      case 'proxy':
        return request(`http://${host}${path}`, host, credentials)
      case 'ruled':
        return request(`http://ruled.localhost:${originPort}${path}`, `ruled.localhost:${originPort}`, credentials)
      case 'connect':
        return `CONNECT ${chance(0.9) ? `127.0.0.1:${originPort}` : pick(['elsewhere.example:443', 'localhost', ':1', '[::1]:0'])} HTTP/1.1\r\n${credentials}${headers()}\r\n${request(path.replace('/denied', '/'), host, '')}`
      case 'intercept':
        return request(path, `localhost:${tlsPort}`, '')
      case 'services':
        return request(`/services/${chance(0.9) ? 'named' : pick(['', 'other', '%2e', 'a/b'])}${path}`, 'gateway', credentials)
      case 'upgrade':
        return `GET /services/named${path} HTTP/1.1\r\nHost: gateway\r\n${credentials}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers()}\r\n${chance(0.3) ? '\x81\x05hello' : ''}`
      case 'broker':
        return request(
          `/v1/${pick(['self', 'files/data/a', 'files/data/', 'files/none/x', 'files/data/%2e%2e/x', 'files', ''])}`,
          'gateway',
          credentials,
        )
      case 'nonsense':
        return Array.from({ length: below(60) }, () => String.fromCharCode(below(256))).join('')
    }
  }

  return () => {
    const door = pick(doors)
    let text = through(door)
    while (chance(0.15)) text += through(door)
    const bytes = Buffer.from(text, 'latin1')
    const cutAt = chance(0.3) ? below(bytes.byteLength + 1) : null
    return { door, bytes, cutAt, end: pick(['fin', 'reset', 'wait']) }
  }
}
