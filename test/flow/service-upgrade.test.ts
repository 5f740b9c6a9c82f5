/** WebSockets to named services where one end does not play along (security cases 10, 11, 13). */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, type ServiceSource } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { connect, createServer } from '../support/sockets.ts'
import { callersFrame, frame, opened } from '../support/websocket.ts'

const credential = 'service-credential-0123456789'
const opening = opened(`X-Echo: ${credential}\r\n`)

/** A service that answers the head of an upgrade with what `answer` does, and keeps what it was sent. */
async function arrange(t: TestContext, answer: (socket: Socket) => void, url = '', more = '', bounds: Partial<ServiceSource> = {}) {
  process.env['TEST_UPGRADE_CREDENTIAL'] = credential
  const heads: string[] = []
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    t.after(() => void socket.destroy())
    socket.on('error', () => {})
    socket.once('data', (head) => {
      heads.push(head.toString('latin1'))
      answer(socket)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  const { port } = server.address() as AddressInfo
  const installation = createInstallation(t, {
    config: `services: [{ name: chat, url: "${url === '' ? `http://127.0.0.1:${port}` : url}", timeout: 1s, headers: { X-Api-Key: { env: TEST_UPGRADE_CREDENTIAL } } }]\n${more}`,
    manifests: { 'weather.yaml': grant({ services: [{ name: 'chat', websocket: true, ...bounds }] }) },
  })
  const { proxyPort } = await startHere(t, installation)
  const settled = async () => {
    while (!installation.records().some(({ type }) => type === 'settled')) await new Promise((resolve) => setImmediate(resolve))
    return installation.records().find(({ type }) => type === 'settled')
  }
  return { heads, sockets, proxyPort, settled }
}

const upgrade = (connection = 'Upgrade', more = '') =>
  `GET /services/chat/room HTTP/1.1\r\nHost: h\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: ${connection}\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${more}\r\n`

test('a service that refuses is a 502 that says so, without a word of the service’s, and is recorded as one', async (t) => {
  const { proxyPort, settled } = await arrange(t, (socket) =>
    socket.end(`HTTP/1.1 401 No\r\nSallyport-Problem: fake\r\nX-Echo: ${credential}\r\nContent-Length: 29\r\n\r\n${credential}`),
  )
  const answer = await exchangeRaw(proxyPort, upgrade())
  assert.match(answer, /^HTTP\/1\.1 502 .*sallyport-problem: origin-failed\r\n.*chat refused the WebSocket: it answered 401/s)
  assert.ok(!answer.includes(credential) && !answer.includes('fake'))
  const { status, problem } = (await settled()) ?? {}
  assert.deepEqual([status, problem], [502, 'origin-failed'])
})

test('a caller that was refused a WebSocket and does not hang up is hung up on', async (t) => {
  const { proxyPort, settled } = await arrange(
    t,
    (socket) => void socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'),
    '',
    'http: { lingerTimeout: 600ms, idleTimeout: 1h }',
  )
  const caller = connect({ port: proxyPort, host: '127.0.0.1', allowHalfOpen: true })
  caller.write(upgrade())
  const [reply] = await once(caller, 'data')
  assert.match(String(reply), /^HTTP\/1\.1 502 /)
  // Its own side stays open; it sees a reset when it says something.
  caller.on('error', () => {})
  const knock = setInterval(() => caller.write('x'), 20)
  t.after(() => clearInterval(knock))
  await new Promise((resolve) => caller.once('close', resolve))
  assert.equal((await settled())?.['status'], 502)
})

test('a service that never answers is a 504', async (t) => {
  const { proxyPort, settled } = await arrange(t, () => {})
  assert.match(await exchangeRaw(proxyPort, upgrade()), /^HTTP\/1\.1 504 .*"code":"origin-timeout"/s)
  assert.equal((await settled())?.['status'], 504)
})

test('a service at an address that may not be dialled is a 403', async (t) => {
  const { proxyPort, settled } = await arrange(t, () => {}, 'http://[::ffff:127.0.0.1]:1')
  assert.match(await exchangeRaw(proxyPort, upgrade()), /^HTTP\/1\.1 403 .*"code":"address-denied"/s)
  assert.equal((await settled())?.['problem'], 'address-denied')
})

test('what the service says besides the handshake stays behind, and when it breaks off nothing but the end follows', async (t) => {
  const { proxyPort, settled } = await arrange(t, (socket) =>
    socket.write(Buffer.concat([Buffer.from(opening), frame('frame')]), () => socket.resetAndDestroy()),
  )
  const answer = await exchangeRaw(proxyPort, upgrade()).catch((error: Error) => error.message)
  assert.ok(!answer.includes(credential), answer)
  assert.ok(!/ 50\d /.test(answer), answer)
  assert.equal((await settled())?.['status'], 101)
})

test('a caller that goes away takes its connection to the service with it', async (t) => {
  const { proxyPort, sockets, settled } = await arrange(t, (socket) => socket.write(opening))
  const caller = connect(proxyPort, '127.0.0.1')
  caller.write(upgrade())
  await once(caller, 'data')
  const gone = once(sockets[0] as Socket, 'close')
  caller.resetAndDestroy()
  await gone
  assert.equal((await settled())?.['status'], 101)
})

test('the caller’s Connection header cannot strip the gateway’s credential, nor an underscore stand in for it', async (t) => {
  const { proxyPort, heads } = await arrange(t, (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  await exchangeRaw(proxyPort, upgrade('Upgrade, X-Api-Key', 'X_Api_Key: mine\r\n'))
  await exchangeRaw(
    proxyPort,
    `GET /services/chat/x HTTP/1.1\r\nHost: h\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close, X-Api-Key\r\nX_Api_Key: mine\r\nX_Forwarded_For: 1.2.3.4\r\n\r\n`,
  )
  assert.equal(heads.length, 2)
  eachCase(heads, (head) => {
    assert.match(head, new RegExp(`^x-api-key: ${credential}\\r$`, 'im'))
    assert.match(head, /^connection: (?:Upgrade|keep-alive)\r$/im)
    assert.doesNotMatch(head, /mine|1\.2\.3\.4/)
  })
})

for (const framing of ['Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n']) {
  test(`a request for a WebSocket with ${framing.trim()} is refused and does not reach the service`, async (t) => {
    const { proxyPort, heads } = await arrange(t, (socket) => socket.write(opening))
    const answer = await exchangeRaw(proxyPort, `${upgrade('Upgrade', framing)}5\r\nhello\r\n0\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 400 .*a request for a WebSocket has no body/s)
    assert.deepEqual(heads, [])
  })
}

test('an upgrade after a request whose reply is pending is refused after that reply, and does not reach the service', async (t) => {
  const { proxyPort, heads } = await arrange(t, (socket) => {
    setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'), 50)
  })
  const first = `GET /services/chat/first HTTP/1.1\r\nHost: h\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`
  const answer = await exchangeRaw(proxyPort, `${first}${upgrade()}frame`)
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n.*\nhello(?:\r\n0\r\n\r\n)?HTTP\/1\.1 400 malformed-request\r\n/s)
  assert.equal(heads.length, 1)
})

test('of several protocols a WebSocket is the one that is asked for', async (t) => {
  const { proxyPort, heads, sockets } = await arrange(t, (socket) => socket.write(opening))
  const caller = connect(proxyPort, '127.0.0.1')
  caller.write(upgrade().replace('Upgrade: websocket', 'Upgrade: h2c, WebSocket'))
  const [answer] = await once(caller, 'data')
  assert.match(String(answer), /^HTTP\/1\.1 101 /)
  assert.match(heads[0] ?? '', /^upgrade: websocket\r$/im)
  caller.destroy()
  sockets[0]?.destroy()
})

test('frames are counted, those that come with the handshake too, and the handshake itself is not', async (t) => {
  const { proxyPort, settled } = await arrange(t, (socket) => {
    socket.write(Buffer.concat([Buffer.from(opening), frame('12345')]))
    socket.on('data', () => socket.end(frame('678')))
  })
  const caller = connect(proxyPort, '127.0.0.1')
  caller.write(upgrade() + callersFrame('early').toString('latin1'), 'latin1')
  let answer = ''
  caller.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1')
    if (answer.endsWith('12345')) caller.write(callersFrame('later'))
  })
  caller.once('end', () => caller.end())
  await once(caller, 'close')
  assert.match(answer, /^HTTP\/1\.1 101 .*\r\n\r\n..12345(?:..678)+$/s)
  const { sentBytes, receivedBytes, complete } = (await settled()) ?? {}
  assert.deepEqual([sentBytes, receivedBytes, complete], [22, answer.split('\r\n\r\n')[1]?.length, true])
})

test('the 101 is the gateway’s own, with what the service chose', async (t) => {
  const { proxyPort, sockets } = await arrange(t, (socket) =>
    socket.write(
      opening.replace(
        'X-Echo',
        'Sec-WebSocket-Protocol: talk\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9\r\nX-Echo',
      ),
    ),
  )
  const caller = connect(proxyPort, '127.0.0.1')
  caller.write(upgrade('Upgrade', 'Sec-WebSocket-Protocol: chat, talk\r\nSec-WebSocket-Extensions: permessage-deflate\r\n'))
  const [answer] = await once(caller, 'data')
  assert.match(String(answer), /^HTTP\/1\.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n/)
  assert.match(String(answer), /sec-websocket-protocol: talk\r\nsec-websocket-extensions: permessage-deflate; client_max_window_bits=9\r\n/)
  assert.ok(!String(answer).includes(credential))
  caller.destroy()
  sockets[0]?.destroy()
})

/** What a service answers → what the caller is told of it. */
const wrongAnswers = {
  'a subprotocol that was not offered': ['Sec-WebSocket-Protocol: secret', 'chose a subprotocol that was not offered'],
  'an extension that was not offered': ['Sec-WebSocket-Extensions: x-frames', 'chose an extension that was not offered'],
  'a parameter that no standard has': ['Sec-WebSocket-Extensions: permessage-deflate; x=secret', 'chose an extension that was not offered'],
  'the answer to another handshake': ['Sec-WebSocket-Accept: AAAA', 'its Sec-WebSocket-Accept is wrong'],
} as const

for (const [what, [line, told]] of Object.entries(wrongAnswers))
  test(`a service that answers with ${what} is a 502, since the two ends would not mean the same`, async (t) => {
    const { proxyPort, settled } = await arrange(t, (socket) => socket.write(opened(`${line}\r\n`)))
    const answer = await exchangeRaw(
      proxyPort,
      upgrade('Upgrade', 'Sec-WebSocket-Protocol: chat, talk\r\nSec-WebSocket-Extensions: permessage-deflate, x-frames\r\n'),
    )
    assert.match(answer, /^HTTP\/1\.1 502 origin-failed\r\n/)
    assert.ok(answer.includes(told) && !answer.includes('secret'), answer)
    assert.equal((await settled())?.['problem'], 'origin-failed')
  })

test('an extension that could change what a frame is is not offered to the service', async (t) => {
  const { proxyPort, heads } = await arrange(t, (socket) => socket.end('HTTP/1.1 403 No\r\n\r\n'))
  const offers =
    'Sec-WebSocket-Extensions: x-webkit-deflate-frame, permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Extensions: mux\r\n'
  await exchangeRaw(proxyPort, upgrade('Upgrade', offers))
  assert.match(heads[0] ?? '', /^sec-websocket-extensions: permessage-deflate; client_max_window_bits\r$/im)
  assert.doesNotMatch(heads[0] ?? '', /webkit|mux/)
})

test('a service’s messages are bounded by its capability: too large closes with 1009', async (t) => {
  const says = (socket: Socket) => socket.write(Buffer.concat([Buffer.from(opening), frame('x'.repeat(1025))]))
  const { proxyPort, settled } = await arrange(t, says, '', '', { maxMessage: '1KiB' })
  const answer = await exchangeRaw(proxyPort, upgrade())
  const close = frame('\x03\xf1a message is larger than 1024 bytes', { opcode: 8 })
  assert.ok(answer.endsWith(`\r\n\r\n${close.toString('latin1')}`), answer)
  const { problem, complete } = (await settled()) ?? {}
  assert.deepEqual([problem, complete], ['reply-too-large', false])
})

test('a service’s messages are bounded by its capability: too many are delayed', async (t) => {
  const says = (socket: Socket) => socket.end(Buffer.concat([Buffer.from(opening), ...Array(10).fill(frame('x'))]))
  const { proxyPort, settled } = await arrange(t, says, '', '', { messagesPerSecond: 5 })
  const began = performance.now()
  const caller = connect(proxyPort, '127.0.0.1')
  caller.write(upgrade())
  caller.resume()
  await once(caller, 'end')
  assert.ok(performance.now() - began >= 990)
  caller.end()
  assert.equal((await settled())?.['receivedBytes'], 30)
})

test('a switch to another protocol is a 502', async (t) => {
  const { proxyPort } = await arrange(t, (socket) => socket.write(opening.replace('websocket', 'h2c')))
  assert.match(await exchangeRaw(proxyPort, upgrade()), /^HTTP\/1\.1 502 origin-failed\r\n/)
})

test('an idle WebSocket is cut on both sides, and one that carries frames stays open', async (t) => {
  const { proxyPort, sockets, settled } = await arrange(t, (socket) => socket.write(opening), '', 'websockets: { idleTimeout: 1s }')
  const caller = connect(proxyPort, '127.0.0.1')
  caller.write(upgrade())
  await once(caller, 'data')
  const began = performance.now()
  const pings = setInterval(() => (performance.now() - began < 1500 ? sockets[0]?.write(frame('x')) : clearInterval(pings)), 50)
  t.after(() => clearInterval(pings))
  const originClosed = once(sockets[0] as Socket, 'close')
  caller.resume()
  await once(caller, 'close')
  await originClosed
  assert.ok(performance.now() - began >= 1500)
  assert.equal((await settled())?.['complete'], false)
})

test('a caller that only half closes, or leaves before the service has answered, is one that has left', async (t) => {
  const { proxyPort, sockets, settled } = await arrange(t, () => {})
  const caller = connect(proxyPort, '127.0.0.1')
  caller.write(upgrade(), () => caller.end())
  assert.equal((await settled())?.['problem'], 'client-closed')
  await eventually('the service’s connection has closed', () => sockets.every(({ destroyed }) => destroyed))
})
