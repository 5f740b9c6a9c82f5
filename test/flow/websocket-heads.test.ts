/** What stands around the handshake of a WebSocket, before and behind it, through every door: nothing of it is taken for a request, or for a part of one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { exchangeRaw, proxyHeader } from '../support/installation.ts'
import { connect } from '../support/sockets.ts'
import { callersFrame, frame, upgradeHeaders } from '../support/websocket.ts'
import { startWebSocketDoors, type WebSocketCaller, webSocketDoors } from '../support/websocket-doors.ts'

const http1Doors = webSocketDoors.filter((door) => !door.startsWith('http2'))
const statusOf = (caller: WebSocketCaller) => eventually('it is answered', () => caller.status())
const over = ({ stream }: WebSocketCaller) => eventually('it has ended', () => stream.readableEnded || stream.destroyed)

test('what Connection names besides the upgrade stays behind, and a handshake without its fields is none', async (t) => {
  const { ask, origins } = await startWebSocketDoors(t)
  await eachCase(http1Doors, async (door) => {
    const caller = await ask(door, undefined, { 'X-Secret': 's', Connection: 'upgrade, x-secret', 'X-Other': 'o' })
    assert.equal(await statusOf(caller), 101)
    assert.match(origins.at(-1)?.head ?? '', /^X-Other: o\r\n/im)
    assert.doesNotMatch(origins.at(-1)?.head ?? '', /secret/i)
    caller.reset()
    const count = origins.length
    await eachCase(['Sec-WebSocket-Key', 'Sec-WebSocket-Version', 'Host', 'Content-Length'], async (name) => {
      const broken = await ask(door, undefined, { Connection: `upgrade, ${name}` })
      assert.equal(await statusOf(broken), 400)
      broken.stream.destroy()
    })
    assert.equal(origins.length, count)
  })
})

test('requests behind a handshake reach nobody, whether it is opened, refused or denied', async (t) => {
  const second = Buffer.from('GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const answers = { opened: 101, refused: 502, denied: 403 } as const
  let isOpened = true
  const { gateway, ask, origins, allow } = await startWebSocketDoors(t, {
    answer: (socket, accepting) => void (isOpened ? socket.write(accepting) : socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')),
  })
  const askEach = (how: keyof typeof answers, asked: number) =>
    eachCase(http1Doors, async (door) => {
      const before = origins.length
      const caller = await ask(door, second)
      assert.equal(await statusOf(caller), answers[how])
      await over(caller)
      caller.reset()
      assert.equal(origins.length, before + asked)
      assert.doesNotMatch(String(origins.at(-1)?.heard() ?? ''), /GET/)
    })
  await askEach('opened', 1)
  isOpened = false
  await askEach('refused', 1)
  allow(false)
  assert.equal((await gateway.reload()).ok, true)
  await askEach('denied', 0)
})

test('a handshake behind a request that is not answered yet is refused, and reaches no origin', async (t) => {
  const { proxyPort, origins, plainPort } = await startWebSocketDoors(t, { answer: () => {} })
  const to = `http://localhost:${plainPort}/live`
  const head = `Host: localhost:${plainPort}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n`
  const answered = exchangeRaw(proxyPort, `GET ${to} HTTP/1.1\r\n${head}\r\nGET ${to} HTTP/1.1\r\n${head}${upgradeHeaders}\r\n`)
  const origin = await eventually('the first is asked', () => origins[0])
  origin.stream.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst')
  assert.match(await answered, /^HTTP\/1\.1 200 OK\r\n.*first.*HTTP\/1\.1 400 .*came before the reply to the request in front of it/s)
  assert.equal(origins.length, 1)
})

test('what an origin says before it opens a WebSocket stays behind, and frames in the same bytes arrive, each end’s', async (t) => {
  const { ask, origins } = await startWebSocketDoors(t, {
    answer: (socket, accepting) =>
      void socket.write(
        Buffer.concat([
          Buffer.from(
            `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${accepting.replace('\r\n\r\n', '\r\nX-Own: o\r\nTransfer-Encoding: chunked\r\n\r\n')}`,
          ),
          frame('first'),
        ]),
      ),
  })
  await eachCase(webSocketDoors, async (door) => {
    const caller = await ask(door, callersFrame('early'))
    await eventually(
      'both have heard',
      () => caller.heard().equals(frame('first')) && origins.at(-1)?.heard().equals(callersFrame('early')),
    )
    caller.reset()
  })
})

test('only permessage-deflate is offered to the origin, through each door', async (t) => {
  const { ask, origins } = await startWebSocketDoors(t)
  await eachCase(webSocketDoors, async (door) => {
    const caller = await ask(door, undefined, {
      'sec-websocket-extensions': 'x-webkit-deflate-frame, permessage-deflate; client_max_window_bits, bbf; a="permessage-deflate"',
    })
    await statusOf(caller)
    const offered = /^sec-websocket-extensions: (.*)$/im.exec(origins.at(-1)?.head ?? '')?.[1]
    assert.equal(offered?.trim(), 'permessage-deflate; client_max_window_bits')
    caller.reset()
  })
})

test('a handshake on a connection that has carried a request before opens as on a new one', async (t) => {
  const { proxyPort, plainPort, origins } = await startWebSocketDoors(t, {
    answer: (socket, accepting, head) =>
      void socket.write(/^upgrade:/im.test(head) ? accepting : 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain'),
  })
  const head = `Host: localhost:${plainPort}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n`
  await eachCase([`http://localhost:${plainPort}/live`, '/services/live/live'], async (target) => {
    const socket = connect(proxyPort, '127.0.0.1')
    t.after(() => socket.destroy())
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.write(`GET ${target} HTTP/1.1\r\n${head}\r\n`)
    await eventually('it is answered', () => text.endsWith('plain'))
    socket.write(`GET ${target} HTTP/1.1\r\n${head}${upgradeHeaders}\r\n`)
    await eventually('it is open', () => /plainHTTP\/1\.1 101 .*\r\n\r\n$/s.test(text))
    socket.write(callersFrame('hello'))
    await eventually('a frame arrives', () => origins.at(-1)?.heard().equals(callersFrame('hello')))
    socket.resetAndDestroy()
  })
})
