/** Who ends an exchange, and when: each row of the table in docs/lifecycle.md, through every door that carries requests. */

import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ProblemCode, problems } from '../../src/core/index.ts'
import { startOrigins } from '../fuzz/origins.ts'
import { eachCase } from '../support/cases.ts'
import { startDoors } from '../support/doors.ts'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, type Installation, proxyHeader, root, startHere } from '../support/installation.ts'
import { connect } from '../support/sockets.ts'

const unfinished = 'Content-Length: 1000000\r\n\r\nhello'

interface Row {
  readonly path: string
  /** What stands behind the head. */
  readonly rest: string
  readonly method?: string
  readonly caller?: (socket: Socket) => void
  /** It does, unless this says otherwise. */
  readonly reads?: boolean
  /** Of the record `settled`. */
  readonly settled: { readonly status: number; readonly complete: boolean; readonly problem?: string | null }
}

const rows: Readonly<Record<string, Row>> = {
  'caller RST while it waits': { path: '/never', rest: '\r\n', caller: reset, settled: { status: 499, complete: false } },
  'caller RST in its upload': {
    path: '/never',
    method: 'POST',
    rest: unfinished,
    caller: reset,
    settled: { status: 499, complete: false },
  },
  'caller FIN in its upload': {
    path: '/never',
    method: 'POST',
    rest: unfinished,
    caller: (socket) => void socket.end(),
    settled: { status: 499, complete: false },
  },
  'caller stall in its upload': { path: '/never', method: 'POST', rest: unfinished, settled: { status: 499, complete: false } },
  'caller RST in its reply': {
    path: '/stalls',
    rest: '\r\n',
    caller: (socket) => void (socket.bytesRead > 0 ? reset(socket) : socket.once('data', () => reset(socket))),
    settled: { status: 200, complete: false, problem: 'client-closed' },
  },
  'caller stall in its reply': {
    path: '/large',
    rest: '\r\n',
    reads: false,
    settled: { status: 200, complete: false, problem: 'client-closed' },
  },
  'origin RST': { path: '/reset', rest: '\r\n', settled: { status: 502, complete: true, problem: 'origin-failed' } },
  'origin FIN in its reply': { path: '/short', rest: '\r\n', settled: { status: 200, complete: false, problem: 'origin-failed' } },
  'origin half-close after its reply': { path: '/closes', rest: '\r\n', settled: { status: 200, complete: true, problem: null } },
  'origin early reply': { path: '/early', method: 'POST', rest: unfinished, settled: { status: 401, complete: true, problem: null } },
  'origin stall in its reply': { path: '/stalls', rest: '\r\n', settled: { status: 200, complete: false, problem: 'origin-idle-timeout' } },
  'origin stall': { path: '/never', rest: '\r\n', settled: { status: 504, complete: true, problem: 'origin-timeout' } },
}

test('whichever side ends an exchange, it is settled as the table says, through every door', async (t) => {
  const byStall = Map.groupBy(Object.entries(rows), ([what]) => /^\w+(?= stall\b)/.exec(what)?.[0] ?? 'none')
  // What a busy machine takes its time with must not be taken for a stall, nor the stall of one side for the other's.
  await Promise.all([
    takeEach(t, byStall.get('none') ?? [], { idleTimeout: '1h', originTimeout: '1h' }),
    takeEach(t, byStall.get('caller') ?? [], { idleTimeout: '1s', originTimeout: '1h' }),
    takeEach(t, byStall.get('origin') ?? [], { idleTimeout: '1s', originTimeout: '1s' }),
  ])
})

interface Timeouts {
  readonly idleTimeout: string
  readonly originTimeout: string
}

async function takeEach(t: TestContext, some: readonly [string, Row][], { idleTimeout, originTimeout }: Timeouts): Promise<void> {
  const { installation, doors } = await startDoors(t, {
    async startOrigins(certificate) {
      const origins = await startOrigins(certificate)
      t.after(() => origins.close())
      return origins
    },
    http: `, idleTimeout: ${idleTimeout}, originTimeout: ${originTimeout}, lingerTimeout: 600ms`,
    service: `, timeout: ${originTimeout}`,
    allowHalfOpen: true,
  })
  await Promise.all(
    Object.entries(doors).map(async ([door, { open, target, head }]) => {
      for (const [what, { path, rest, method = 'GET', ...row }] of some)
        await take(installation, door, what, open, `${method} ${target}${path} HTTP/1.1\r\n${head}${rest}`, row)
    }),
  )
}

/** What a caller does, as it does it to the broker, which answers itself: no origin ends anything there. */
const brokerRows: Readonly<Record<string, Row>> = {
  ...Object.fromEntries(
    Object.entries(rows)
      .filter(([what]) => /^caller .* in its upload$/.test(what))
      .map(([what, row]) => [what, { ...row, path: '/new', method: 'PUT' }]),
  ),
  'caller RST in its reply': { ...(rows['caller RST in its reply'] as Row), path: '/large' },
  'caller stall in its reply': rows['caller stall in its reply'] as Row,
}

test('whichever side ends an exchange with the broker, it is settled as the table says, and nothing half written is left', async (t) => {
  const installation = createInstallation(t, {
    config: 'http: { idleTimeout: 1s, lingerTimeout: 600ms }\nlisteners: [{ name: all, address: "127.0.0.1:0", doors: [broker] }]',
    manifests: { 'weather.yaml': grant({ files: [{ name: 'data', root: '../data', actions: ['read', 'write'] }] }) },
  })
  const data = join(installation.folder, 'data')
  mkdirSync(data)
  writeFileSync(join(data, 'large'), Buffer.alloc(50_000_000))
  const { proxyPort } = await startHere(t, installation)
  const open = async () => connect({ port: proxyPort, host: '127.0.0.1', allowHalfOpen: true })
  const head = `Host: gateway\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n`
  await eachCase(Object.entries(brokerRows), ([what, { path, rest, method = 'GET', ...row }]) =>
    take(installation, 'broker', what, open, `${method} /v1/files/data${path} HTTP/1.1\r\n${head}${rest}`, row),
  )
  assert.deepEqual(readdirSync(data), ['large'])
})

/** Has the one exchange, and looks at how it was settled. */
async function take(
  installation: Installation,
  door: string,
  what: string,
  open: () => Promise<Socket>,
  request: string,
  { caller, reads = true, settled }: Omit<Row, 'path' | 'rest' | 'method'>,
): Promise<void> {
  const decisions = () => installation.records().filter((record) => record['type'] === 'decided' && record['door'] === door)
  const before = decisions().length
  const socket = await open()
  socket.on('error', () => {})
  if (reads) socket.resume()
  socket.write(request)
  const decided = await eventually(`${door}: ${what} is decided`, () => decisions()[before])
  caller?.(socket)
  const end = await eventually(`${door}: ${what} is settled`, () =>
    installation.records().find(({ type, id }) => type === 'settled' && id === decided['id']),
  )
  socket.destroy()
  const { status, complete, problem } = settled
  assert.deepEqual([end['status'], end['complete']], [status, complete], `${door}: ${what}`)
  if (problem !== undefined) assert.equal(end['problem'] ?? null, problem, `${door}: ${what}`)
  assert.equal(end['side'], problems[end['problem'] as ProblemCode]?.side, `${door}: ${what}`)
}

test('docs/lifecycle.md has a row for each, and none besides', () => {
  const page = readFileSync(join(root, 'docs/lifecycle.md'), 'utf8')
  const documented = [...page.matchAll(/^\| ((?:caller|origin) [^|]+) \|/gm)].map(([, what]) => what)
  // That one is in half-closed.test.ts, with what a reply looks like.
  assert.deepEqual(documented.toSorted(), [...Object.keys(rows), 'caller half-close after its request'].toSorted())
})

/** A reset is sent by the connection below a TLS one. */
function reset(socket: Socket): void {
  ;((socket as unknown as { _parent?: Socket })._parent ?? socket).resetAndDestroy()
}
