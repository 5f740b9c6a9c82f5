/** Floods of HTTP/2 frames, and bombs: each ends its own connection, is recorded as what it was, and disturbs no other. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import type { ClientHttp2Session } from 'node:http2'
import { after, before, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { eachCase, times } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { ask, openSession } from '../support/http2.ts'
import {
  ack,
  beginHttp2,
  endHeaders,
  endStream,
  type Frame,
  frame,
  frameTypes,
  headerBlock,
  type RawHttp2,
  setting,
  text,
  uint32,
} from '../support/http2-frames.ts'
import { createInstallation, type Installation, startHere } from '../support/installation.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { openInside } from '../support/tunnel.ts'
import { usedBytes } from '../support/used-bytes.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
const held = new Set<ServerResponse>()
const opened = new Set<TLSSocket>()

interface Arranged {
  readonly installation: Installation
  readonly origin: Origin
  readonly proxyPort: number
}

let patient: Arranged
/** Ends what does not move after two seconds; a busy machine makes that of much that does. */
let impatient: Arranged
let beside: ClientHttp2Session

async function arrange(idleTimeout: string): Promise<Arranged> {
  const t = whole as never
  const installation = createInstallation(t, { config: `http: { originCa: ./origin-ca.crt, idleTimeout: ${idleTimeout} }` })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const origin = await startOrigin(t, {
    certificate,
    answer: (req, res) => {
      if (req.url === '/large') res.end(Buffer.alloc(2 * 1024 * 1024))
      else if (req.url === '/echo') req.pipe(res)
      else if (req.url === '/held') held.add(res.on('close', () => held.delete(res)))
      else res.end('hi')
    },
  })
  const capability = toLocalhost(origin.port, { tls: 'intercept', paths: ['/*'], methods: ['GET', 'POST'] })
  installation.write('integrations/weather.yaml', grant({ network: [capability] }))
  return { installation, origin, proxyPort: (await startHere(t, installation)).proxyPort }
}

before(async () => {
  patient = await arrange('10m')
  impatient = await arrange('2s')
  beside = await openSession(whole, patient.installation, { proxyPort: patient.proxyPort, port: patient.origin.port })
})

after(async () => {
  for (const socket of opened) socket.destroy()
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

async function open(settings?: Buffer, { installation, proxyPort, origin } = patient): Promise<RawHttp2> {
  const socket = await openInside(installation, { proxyPort, port: origin.port, tls: { ALPNProtocols: ['h2'] } })
  opened.add(socket)
  socket.once('close', () => opened.delete(socket))
  return beginHttp2(socket, settings)
}

const head = (path: string, method = 'GET', { origin } = patient) =>
  headerBlock([
    [':method', method],
    [':scheme', 'https'],
    [':authority', `localhost:${origin.port}`],
    [':path', path],
  ])
const get = (path: string, stream: number, at = patient) => frame('headers', endStream | endHeaders, stream, head(path, 'GET', at))
const post = (stream: number, path = '/held', at = patient) => frame('headers', endHeaders, stream, head(path, 'POST', at))
/** The caller's stream of a round (RFC 9113 §5.1.1). */
const nth = (round: number) => 2 * round + 1
const oneByte = frame('windowUpdate', 0, 0, uint32(1))
/** An entry of the dynamic table (RFC 7541 §6.2.1), and a head that names it again and again. */
const bomb = Buffer.concat([Buffer.from([0x40]), text('x'), text('a'.repeat(4000))])
const references = Buffer.alloc(16_000, 0xbe)

interface Flood {
  readonly next: (round: number) => Buffer
  readonly detail: RegExp
}

const useless = /too many frames that carry nothing/
const floods: Readonly<Record<string, Flood>> = {
  'resets of its streams (CVE-2023-44487)': {
    next: (round) => Buffer.concat([get('/held', nth(round)), frame('rstStream', 0, nth(round), uint32(8))]),
    detail: /more than 100 streams were reset before their replies/,
  },
  'CONTINUATION (CVE-2024-27316)': {
    next: (round) => (round === 0 ? frame('headers', endStream, 1, head('/')) : frame('continuation', 0, 1, headerBlock([['x', 'a']]))),
    detail: /CONTINUATION/,
  },
  'CONTINUATION that is empty': {
    next: (round) => (round === 0 ? frame('headers', endStream, 1, head('/')) : frame('continuation', 0, 1)),
    detail: /CONTINUATION/,
  },
  'SETTINGS (CVE-2019-9515)': { next: () => frame('settings', 0, 0, setting(4, 65_535)), detail: /SETTINGS/ },
  'SETTINGS that is empty': { next: () => frame('settings', 0, 0), detail: /SETTINGS/ },
  'PING (CVE-2019-9512)': { next: () => frame('ping', 0, 0, Buffer.alloc(8)), detail: /PING/ },
  'DATA that is empty (CVE-2019-9518)': { next: (round) => (round === 0 ? post(1) : frame('data', 0, 1)), detail: /empty DATA/ },
  'DATA of padding': { next: (round) => (round === 0 ? post(1) : frame('data', 8, 1, Buffer.from([0]))), detail: useless },
  'PRIORITY (CVE-2019-9513)': { next: (round) => frame('priority', 0, nth(round), Buffer.from([0, 0, 0, 0, 16])), detail: useless },
  'WINDOW_UPDATE of one byte': { next: () => oneByte, detail: useless },
  'frames of an unknown type': { next: () => frame(0x42, 0, 0, 'x'), detail: useless },
  'heads that are invalid': { next: (round) => get('no-slash', nth(round)), detail: /invalid frames/ },
  'streams beyond the number that may be open': { next: (round) => get('/held', nth(round)), detail: /refused streams/ },
  'heads that unfold to 64 MB each (RFC 7541 §7.3)': {
    next: (round) => frame('headers', endStream | endHeaders, nth(round), Buffer.concat([head('/'), round === 0 ? bomb : references])),
    detail: /frames that carry nothing|heads that are invalid or too large/,
  },
  'window updates of a byte, for a reply that then comes byte by byte (CVE-2019-9511)': {
    next: (round) => (round === 0 ? get('/large', 1) : Buffer.concat([frame('windowUpdate', 0, 1, uint32(1)), oneByte])),
    detail: useless,
  },
}

const found = (code: string) => patient.installation.records().filter((record) => record['type'] === 'refused' && record['code'] === code)
const tunnels = () => patient.installation.records().filter(({ type, door }) => type === 'decided' && door === 'connect')

for (const [what, { next, detail }] of Object.entries(floods))
  test(`a flood of ${what} ends its connection, is recorded with its integration, and disturbs no other`, async () => {
    const before = found('http2-flood').length
    // A window of one byte: the gateway has something to send at each update.
    const connection = await open(setting(4, 1))
    const tunnel = tunnels().at(-1)?.['id']
    const during = ask(beside, { ':path': '/beside' })
    await connection.flood(next)
    assert.equal((await during).body, 'hi')
    await eventually('it is recorded', () => found('http2-flood').length > before)
    const recorded = found('http2-flood').slice(before)
    assert.equal(recorded.length, 1)
    assert.match(String(recorded[0]?.['detail']), detail)
    assert.deepEqual([recorded[0]?.['integration'], recorded[0]?.['parent']], ['weather', tunnel])
    await eventually('its requests have ended', () => held.size === 0)
    assert.equal((await ask(beside, { ':path': '/beside' })).body, 'hi')
  })

const broken: Readonly<Record<string, readonly [frames: () => readonly Buffer[], detail: RegExp]>> = {
  'a window beyond 2^31-1': [() => [frame('windowUpdate', 0, 0, uint32(0x7f_ff_ff_ff))], /Flow control error/],
  'a window of a stream beyond 2^31-1': [
    () => [post(1), frame('windowUpdate', 0, 1, uint32(0x7f_ff_ff_ff))],
    /Protocol error|Flow control/,
  ],
  'a window update of nothing, so that the gateway resets the stream (CVE-2025-8671)': [
    () => [post(1), frame('windowUpdate', 0, 1, uint32(0))],
    /Protocol error/,
  ],
  'DATA beyond the length of its stream (CVE-2025-8671)': [
    () => {
      const block = Buffer.concat([head('/held', 'POST'), headerBlock([['content-length', '1']])])
      return [frame('headers', endHeaders, 1, block), frame('data', 0, 1, 'xx')]
    },
    /Protocol error/,
  ],
  'DATA behind the end of its stream (CVE-2025-8671)': [() => [get('/held', 1), frame('data', 0, 1, 'x')], /Protocol error/],
  'an acknowledgement of a PING that was not sent': [() => [frame('ping', ack, 0, Buffer.alloc(8))], /Protocol error/],
  'a reset of a stream that was not begun': [() => [frame('rstStream', 0, 1, uint32(8))], /Protocol error/],
  'a pushed request': [() => [frame('pushPromise', endHeaders, 1, uint32(2))], /Protocol error/],
}
for (const [what, [frames, detail]] of Object.entries(broken))
  test(`${what} ends the connection and is recorded`, async () => {
    const before = found('malformed-request').length
    const connection = await open()
    connection.send(...frames())
    await connection.closed
    await eventually('it is recorded', () =>
      found('malformed-request')
        .slice(before)
        .some((record) => detail.test(String(record['detail']))),
    )
    await eventually('its requests have ended', () => held.size === 0)
    assert.equal((await ask(beside, { ':path': '/beside' })).body, 'hi')
  })

test('twenty thousand messages of a byte each way, with a ping for each ten, are no flood', async () => {
  const connection = await open(setting(4, 0x7f_ff_ff_ff))
  connection.send(frame('windowUpdate', 0, 0, uint32(0x7f_00_00_00)), post(1, '/echo'))
  const byte = frame('data', 0, 1, 'x')
  const ten = Buffer.concat([...Array.from({ length: 10 }, () => byte), frame('ping', 0, 0, Buffer.alloc(8))])
  times(2_000, () => connection.send(ten))
  connection.send(frame('data', endStream, 1))
  const isData = ({ type, stream }: Frame) => type === frameTypes.data && stream === 1
  await eventually('its echo has ended', () => connection.frames.findLast(isData)?.flags === endStream)
  const bytes = connection.frames.filter(isData).reduce((sum, { payload }) => sum + payload.byteLength, 0)
  assert.equal(bytes, 20_000)
  connection.destroy()
})

test('uploads that are refused while they are sent are no flood', async () => {
  const connection = await open(undefined, impatient)
  const chunk = frame('data', 0, 1, Buffer.alloc(16_000))
  const inFlight = (round: number) => [1, 2, 3, 4].map(() => Buffer.concat([chunk.subarray(0, 5), uint32(nth(round)), chunk.subarray(9)]))
  times(30, (round) => connection.send(post(nth(round), '/../refused', impatient)))
  const refused = () => connection.frames.filter(({ type }) => type === frameTypes.headers).length
  await eventually('all of them are', () => refused() === 30)
  times(30, (round) => connection.send(...inFlight(round)))
  await connection.closed
  const goaway = connection.frames.find(({ type }) => type === frameTypes.goaway)
  assert.equal(goaway?.payload.readUInt32BE(4), 0)
})

test('streams whose caller takes nothing are ended after the idle timeout, whatever pings it sends (CVE-2019-9517)', async () => {
  const connection = await open(setting(4, 0), impatient)
  const settled = () =>
    impatient.installation.records().filter(({ type, problem }) => type === 'settled' && problem === 'client-closed').length
  const before = settled()
  times(50, (round) => connection.send(get('/large', nth(round), impatient)))
  const pings = setInterval(() => connection.send(frame('ping', 0, 0, Buffer.alloc(8))), 200)
  await eventually('they have ended', () => settled() >= before + 50)
  // It asks nothing any more.
  await connection.closed
  clearInterval(pings)
})

test('what floods and bombs hold is free again once their connections have ended', async () => {
  const round = () =>
    eachCase(Object.values(floods), async ({ next }) => {
      await (await open(setting(4, 1))).flood(next)
    })
  await round()
  const used = await usedBytes()
  await times(3, round)
  const grown = (await usedBytes()) - used
  assert.ok(grown < 8 * 1024 * 1024, `${grown} bytes more`)
})
