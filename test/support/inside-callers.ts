/** One request inside an interception, in either version of HTTP, with whatever bytes it has. */
import type { Installation } from './installation.ts'
import { endHeaders, endStream, fieldBlock, frame, frameTypes, opening, watchSession } from './raw-http2.ts'
import { type Inside, openInside, readAll } from './tunnel.ts'

export interface Asked {
  readonly method?: string
  /** Path and query, as they are. */
  readonly target?: string
  /** Host, or `:authority`; absent: that of the CONNECT. */
  readonly authority?: string
  readonly fields?: readonly (readonly [string, string])[]
  /** With its length, unless the fields have one. */
  readonly body?: string
  /** It asks for a WebSocket, by an upgrade or by an extended CONNECT (RFC 8441 §4); for what is refused. */
  readonly websocket?: boolean
}

/** Resolves with what the origin or the gateway said; `''` where a stream was reset without a word. */
export type Ask = (installation: Installation, to: Inside, asked: Asked) => Promise<string>

async function overHttp1(installation: Installation, to: Inside, asked: Asked): Promise<string> {
  const { method, target, authority, fields, body, websocket } = complete(to, asked)
  const socket = await openInside(installation, { ...to, tls: { ...to.tls, ALPNProtocols: ['http/1.1'] } })
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const answer = readAll(socket)
  socket.write(
    Buffer.from(
      `${method} ${target} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close${websocket ? ', Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13' : ''}\r\n${lines}\r\n${body}`,
      'latin1',
    ),
  )
  return answer
}

async function overHttp2(installation: Installation, to: Inside, asked: Asked): Promise<string> {
  const { method, target, authority, fields, body, websocket } = complete(to, asked)
  const socket = await openInside(installation, { ...to, tls: { ...to.tls, ALPNProtocols: ['h2'] } })
  const session = watchSession(socket)
  const pseudo = [
    [':method', websocket ? 'CONNECT' : method],
    [':scheme', 'https'],
    [':authority', authority],
    [':path', target],
    ...(websocket
      ? ([
          [':protocol', 'websocket'],
          ['sec-websocket-version', '13'],
        ] as const)
      : []),
  ] as const
  const block = fieldBlock([...pseudo, ...fields.map(([name, value]) => [name.toLowerCase(), value] as const)])
  const { headers, data } = frameTypes
  const head = frame(headers, endHeaders | (body === '' && !websocket ? endStream : 0), 1, block)
  const content = body === '' ? [] : [frame(data, endStream, 1, Buffer.from(body, 'latin1'))]
  socket.write(Buffer.concat([opening, head, ...content]))
  await session.ended(1)
  socket.destroy()
  return session.contentOf(1)
}

function complete({ host = 'localhost', port }: Inside, asked: Asked): Required<Asked> {
  const { method = 'GET', target = '/', authority = `${host}:${port}`, fields = [], body = '', websocket = false } = asked
  const isFramed = body === '' || fields.some(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name))
  return { method, target, authority, body, websocket, fields: isFramed ? fields : [...fields, ['Content-Length', String(body.length)]] }
}

export const insideCallers: Readonly<Record<'HTTP/1.1' | 'HTTP/2', Ask>> = { 'HTTP/1.1': overHttp1, 'HTTP/2': overHttp2 }

/** What became of it: the code of a refusal, `served` where the origin said hello, or `reset`. */
export function verdictOf(answer: string): string {
  return /"code":"([^"]+)"/.exec(answer)?.[1] ?? (answer.endsWith('hello') ? 'served' : answer === '' ? 'reset' : answer)
}
