/** Who ends a tunnel and a WebSocket, and when: each row of the table in docs/lifecycle.md, in its second and third column. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, proxyHeader, root, startHere } from '../support/installation.ts'
import { everySlotIsFree } from '../support/slots.ts'
import { connect, createServer } from '../support/sockets.ts'
import { endless, opened, upgradeHeaders } from '../support/websocket.ts'

/** One end of what was opened, which leaves its own half open until a test ends it. */
interface Side {
  readonly socket: Socket
  /** All that came, as Latin-1. */
  text(): string
  /** The other has said that nothing more comes, or is gone. */
  over(): boolean
}

function watch(socket: Socket): Side {
  let text = ''
  let over = false
  const end = () => {
    over = true
  }
  socket.on('error', end).on('end', end).on('close', end)
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  return { socket, text: () => text, over: () => over }
}

interface Pair {
  readonly caller: Side
  readonly origin: Side
}

interface Row {
  /** Ends the one side as the row says, and checks what the other sees. */
  readonly act: (pair: Pair) => Promise<void> | void
  readonly settled: { readonly status: number; readonly complete: boolean; readonly problem?: string }
  /** What the origin answers an upgrade with; `null`: nothing. */
  readonly handshake?: string | null
  /** It is the idle timeout that ends it. */
  readonly isIdle?: boolean
}

const says = async (from: Side, to: Side, what: string) => {
  from.socket.write(what)
  await eventually(`"${what}" arrives`, () => to.text().includes(what))
}
const sees = (side: Side) => eventually('it sees the end', side.over)
const bothSee = async ({ caller, origin }: Pair) => {
  await sees(caller)
  await sees(origin)
}
const whole = { status: 200, complete: true }
const broken = { status: 200, complete: false }
const byCaller = { ...broken, problem: 'client-closed' }
const byOrigin = { ...broken, problem: 'origin-failed' }

const tunnels: Readonly<Record<string, Row>> = {
  'caller RST while it waits': {
    async act({ caller, origin }) {
      caller.socket.resetAndDestroy()
      await sees(origin)
    },
    settled: byCaller,
  },
  'caller RST in its upload': {
    async act({ caller, origin }) {
      await says(caller, origin, 'upload')
      caller.socket.resetAndDestroy()
      await sees(origin)
    },
    settled: byCaller,
  },
  'caller FIN in its upload': {
    async act({ caller, origin }) {
      caller.socket.end('upload')
      await sees(origin)
      assert.match(origin.text(), /upload$/)
      assert.ok(!caller.over())
      origin.socket.end()
      await sees(caller)
    },
    settled: whole,
  },
  'caller half-close after its request': {
    async act({ caller, origin }) {
      caller.socket.end('request')
      await sees(origin)
      await says(origin, caller, 'reply')
      origin.socket.end()
      await sees(caller)
    },
    settled: whole,
  },
  'caller stall in its upload': {
    isIdle: true,
    async act(pair) {
      await says(pair.caller, pair.origin, 'upload')
      await bothSee(pair)
    },
    settled: broken,
  },
  'origin RST': {
    async act({ caller, origin }) {
      origin.socket.resetAndDestroy()
      await sees(caller)
    },
    settled: byOrigin,
  },
  'origin FIN in its reply': {
    async act({ caller, origin }) {
      origin.socket.end('part')
      await sees(caller)
      assert.match(caller.text(), /part$/)
      assert.ok(!origin.over())
      caller.socket.end()
      await sees(origin)
    },
    settled: whole,
  },
  'origin half-close after its reply': {
    isIdle: true,
    async act({ caller, origin }) {
      origin.socket.end('reply')
      await sees(caller)
      await says(caller, origin, 'more')
      // Nobody says anything any more.
      await sees(origin)
    },
    settled: broken,
  },
  'caller RST in its reply': {
    async act({ caller, origin }) {
      await says(origin, caller, 'reply')
      caller.socket.resetAndDestroy()
      await sees(origin)
    },
    settled: byCaller,
  },
  'caller stall in its reply': {
    isIdle: true,
    async act({ caller, origin }) {
      await says(origin, caller, 'reply')
      caller.socket.pause()
      // More than the buffers between the two take.
      origin.socket.write('x'.repeat(32_000_000))
      await sees(origin)
      caller.socket.resume()
      await sees(caller)
    },
    settled: broken,
  },
  'origin stall in its reply': {
    isIdle: true,
    async act(pair) {
      await says(pair.origin, pair.caller, 'part')
      await bothSee(pair)
    },
    settled: broken,
  },
  'origin stall': { isIdle: true, act: bothSee, settled: broken },
}

const switching = { status: 101, complete: true }
const cut = { status: 101, complete: false }

/** What ends a WebSocket as it does a tunnel. */
const alike = [
  'caller RST while it waits',
  'caller RST in its upload',
  'caller stall in its upload',
  'origin RST',
  'caller RST in its reply',
  'caller stall in its reply',
  'origin stall in its reply',
  'origin stall',
]

const websockets: Readonly<Record<string, Row>> = {
  ...Object.fromEntries(
    alike.map((what) => [what, { ...(tunnels[what] as Row), settled: { ...(tunnels[what] as Row).settled, status: 101 } }]),
  ),
  'caller FIN in its upload': {
    async act({ caller, origin }) {
      caller.socket.end('upload')
      await sees(origin)
      assert.match(origin.text(), /upload$/)
      origin.socket.end()
    },
    settled: switching,
  },
  // The service says nothing to it, and keeps its own half.
  'caller half-close after its request': {
    isIdle: true,
    async act({ caller, origin }) {
      caller.socket.end()
      await sees(origin)
      await sees(caller)
    },
    settled: cut,
  },
  'origin FIN in its reply': {
    async act({ caller, origin }) {
      origin.socket.end('part')
      await sees(caller)
      assert.match(caller.text(), /part$/)
      caller.socket.end()
    },
    settled: switching,
  },
  'origin half-close after its reply': {
    async act({ caller, origin }) {
      origin.socket.end()
      await sees(caller)
      caller.socket.end()
      await sees(origin)
    },
    settled: switching,
  },
  'origin early reply': {
    handshake: 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n',
    async act({ caller }) {
      await eventually('the refusal arrives', () => caller.text().startsWith('HTTP/1.1 502 '))
      await sees(caller)
    },
    settled: { status: 502, complete: true, problem: 'origin-failed' },
  },
}

const opening = opened() + endless.origin.toString('latin1')

async function arrange(t: TestContext, { idleTimeout = '1h', timeout = '1h' } = {}) {
  const origins: Side[] = []
  const state = { handshake: opening as string | null }
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const side = watch(socket)
    origins.push(side)
    t.after(() => socket.destroy())
    const look = () => {
      if (!side.text().startsWith('GET ')) return
      socket.off('data', look)
      if (state.handshake !== null) socket.write(state.handshake, 'latin1')
    }
    socket.on('data', look)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const installation = createInstallation(t, {
    config: `http: { idleTimeout: ${idleTimeout}, lingerTimeout: 600ms }\nwebsockets: { maxMessage: 8192GiB, idleTimeout: ${idleTimeout} }\nservices: [{ name: chat, url: "http://127.0.0.1:${port}", timeout: ${timeout} }]`,
    manifests: {
      'weather.yaml': grant({
        services: [{ name: 'chat', websocket: true }],
        network: [{ hosts: ['127.0.0.1'], ports: [port], tls: 'tunnel', addresses: ['127.0.0.0/8'] }],
      }),
    },
  })
  const { proxyPort } = await startHere(t, installation)
  const heads = {
    connect: `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`,
    services: `GET /services/chat/room HTTP/1.1\r\nHost: h\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n${upgradeHeaders}\r\n`,
  }
  async function open(door: keyof typeof heads, isOpened: boolean): Promise<Pair> {
    const count = origins.length
    const caller = watch(connect({ port: proxyPort, host: '127.0.0.1', allowHalfOpen: true }))
    t.after(() => caller.socket.destroy())
    caller.socket.write(heads[door])
    const origin = await eventually('the origin is reached', () => origins[count])
    if (isOpened) await eventually('it is open', () => caller.text().includes('\r\n\r\n'))
    // From here on, whatever either end says is the payload of a frame.
    if (isOpened && door === 'services') caller.socket.write(endless.caller)
    return { caller, origin }
  }
  const ofType = (type: string) => installation.records().filter((record) => record['type'] === type)
  const freeSlots = () => everySlotIsFree(installation)
  return { state, open, ofType, freeSlots }
}

for (const [door, rows] of [
  ['connect', tunnels],
  ['services', websockets],
] as const)
  test(`whichever side ends ${door === 'connect' ? 'a tunnel' : 'a WebSocket'}, the other side is told as the table says, and it is settled once`, async (t) => {
    const byIdle = Map.groupBy(Object.entries(rows), ([, { isIdle = false }]) => isIdle)
    // What a busy machine takes its time with must not be taken for idle.
    await Promise.all([endEach(t, door, byIdle.get(false) ?? [], '1h'), endEach(t, door, byIdle.get(true) ?? [], '500ms')])
  })

async function endEach(t: TestContext, door: 'connect' | 'services', rows: readonly [string, Row][], idleTimeout: string): Promise<void> {
  const { state, open, ofType, freeSlots } = await arrange(t, { idleTimeout })
  let count = 0
  for (const [what, { act, settled, handshake = opening }] of rows) {
    state.handshake = handshake
    const pair = await open(door, handshake === opening)
    await act(pair)
    count += 1
    await eventually(`${what} is settled`, () => ofType('settled').length >= count)
    const end = ofType('settled')[count - 1] ?? {}
    assert.deepEqual(
      [end['status'], end['complete'], end['problem'] ?? null],
      [settled.status, settled.complete, settled.problem ?? null],
      `${door}: ${what}`,
    )
    pair.caller.socket.destroy()
    pair.origin.socket.destroy()
  }
  await eventually('every slot is free', freeSlots)
  assert.equal(ofType('settled').length, count)
}

test('a WebSocket that its service never opens is a 504', async (t) => {
  const { state, open, ofType } = await arrange(t, { timeout: '500ms' })
  state.handshake = null
  const { caller } = await open('services', false)
  await eventually('the refusal arrives', () => caller.text().startsWith('HTTP/1.1 504 '))
  await eventually('it is settled', () => ofType('settled')[0]?.['status'] === 504)
})

test('docs/lifecycle.md has a row for each, and none besides', () => {
  const page = readFileSync(join(root, 'docs/lifecycle.md'), 'utf8')
  const documented = [...page.matchAll(/^\| ((?:caller|origin) [^|]+) \|/gm)].map(([, what]) => what)
  assert.deepEqual(documented.toSorted(), Object.keys(websockets).toSorted())
  // A tunnel has no replies that could come early.
  assert.deepEqual(documented.filter((what) => what !== 'origin early reply').toSorted(), Object.keys(tunnels).toSorted())
})
