/** An origin that floods its connection with HTTP/2 frames: the connection ends, its caller is told why, and no other is disturbed. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { createServer, type TLSSocket } from 'node:tls'
import { times } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { ask, openSession } from '../support/http2.ts'
import { endHeaders, floodWith, frame, headerBlock, setting, uint32 } from '../support/http2-frames.ts'
import { type Http2Origin, startHttp2Origin } from '../support/http2-origin.ts'
import { createInstallation, type Installation, startHere } from '../support/installation.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
const open = new Set<TLSSocket>()
const floods: Readonly<Record<string, readonly [next: (round: number) => Buffer, told: RegExp]>> = {
  PING: [() => frame('ping', 0, 0, Buffer.alloc(8)), /localhost sent too many (?:SETTINGS or )?PING frames/],
  SETTINGS: [() => frame('settings', 0, 0, setting(4, 65_535)), /localhost sent too many SETTINGS or PING frames/],
  'WINDOW_UPDATE of one byte': [() => frame('windowUpdate', 0, 0, uint32(1)), /localhost sent too many frames that carry nothing/],
  'frames of an unknown type': [() => frame(0x42, 0, 0, 'x'), /localhost sent too many frames that carry nothing/],
  CONTINUATION: [
    (round) => (round === 0 ? frame('headers', 0, 1, headerBlock([[':status', '200']])) : frame('continuation', 0, 1)),
    /localhost sent too many CONTINUATION frames/,
  ],
  'DATA that is empty': [
    (round) => (round === 0 ? frame('headers', endHeaders, 1, headerBlock([[':status', '200']])) : frame('data', 0, 1)),
    /./,
  ],
}

let installation: Installation
let proxyPort: number
let floodingPort: number
let quiet: Http2Origin
let next: (round: number) => Buffer = () => Buffer.alloc(0)

before(async () => {
  const t = whole as never
  installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt }' })
  const { key, certificate } = await createOriginCertificate(installation.folder, 'localhost')
  quiet = await startHttp2Origin(t, {
    certificate: { key, certificate },
    answer(stream, headers) {
      const isLarge = headers[':path'] === '/large'
      stream.respond({ ':status': 200, ...(isLarge && { 'x-large': randomBytes(3000).toString('hex') }) })
      if (isLarge) for (let piece = 0; piece < 200; piece += 1) stream.write('x')
      stream.end('hi')
    },
  })
  const flooding = createServer({ key, cert: certificate, ALPNProtocols: ['h2'] }, (socket) => {
    open.add(socket.on('error', () => {}).on('close', () => open.delete(socket)))
    socket.write(frame('settings', 0, 0))
    // Its preface comes first, and its request once it has these settings.
    socket.once('data', () => socket.once('data', () => void floodWith(socket, next)))
  })
  await once(flooding.listen(0, '127.0.0.1'), 'listening')
  whole.after(() => {
    for (const socket of open) socket.destroy()
    flooding.close()
  })
  floodingPort = (flooding.address() as AddressInfo).port
  const to = { tls: 'intercept' as const, paths: ['/*'], methods: ['GET'] }
  installation.write('integrations/weather.yaml', grant({ network: [quiet.port, floodingPort].map((port) => toLocalhost(port, to)) }))
  proxyPort = (await startHere(t, installation)).proxyPort
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

test('large heads, and bodies of small pieces, are no flood', async () => {
  const session = await openSession(whole as never, installation, { proxyPort, port: quiet.port })
  await times(100, async () => assert.equal((await ask(session, { ':path': '/large' })).body, `${'x'.repeat(200)}hi`))
  // One that was ended would have been replaced.
  assert.equal(quiet.sessions.length, 1)
})

for (const [what, [frames, told]] of Object.entries(floods))
  test(`a flood of ${what} ends the connection, and is told to its caller and recorded`, async () => {
    next = frames
    const [session, other] = await Promise.all(
      [floodingPort, quiet.port].map((port) => openSession(whole as never, installation, { proxyPort, port })),
    )
    assert.ok(session !== undefined && other !== undefined)
    const failed = ask(session, { ':path': '/a' }).then(
      ({ headers, body }) => (Number(headers[':status']) === 502 ? body : ''),
      // Its head had been passed on by then.
      (error: Error) => error.message,
    )
    assert.equal((await ask(other, { ':path': '/beside' })).body, 'hi')
    assert.match(await failed, told)
    await eventually('the connection has ended', () => open.size === 0)
    const problems = () => installation.records().filter(({ type, problem }) => type === 'settled' && problem === 'origin-failed').length
    await eventually('it is recorded', () => problems() >= Object.keys(floods).indexOf(what) + 1)
    assert.equal((await ask(other, { ':path': '/after' })).body, 'hi')
  })
