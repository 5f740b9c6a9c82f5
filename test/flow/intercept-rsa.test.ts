/** Clients that know no ECDSA are intercepted too, with an RSA leaf that is made when the first of them comes. */

import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { cleanEnv, command } from '../support/command.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, proxyUrl, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { openInside, readAll } from '../support/tunnel.ts'

type Cut = (hello: Buffer) => readonly [Buffer, Buffer]

const intoPieces =
  (at: number): Cut =>
  (hello) => [hello.subarray(0, at), hello.subarray(at)]

/** RFC 8446 §5.1: a message may be cut into records. `at`: behind so many bytes of the message. */
const intoRecords =
  (at: number): Cut =>
  (hello) => {
    const record = (part: Buffer) =>
      Buffer.concat([hello.subarray(0, 3), Buffer.from([part.byteLength >> 8, part.byteLength & 0xff]), part])
    return [record(hello.subarray(5, 5 + at)), record(hello.subarray(5 + at))]
  }

/** Its first message is cut in two. */
function cutting(tunnel: Socket, cut: Cut): Duplex {
  let isFirst = true
  const socket = new Duplex({
    read: () => {},
    write(chunk: Buffer, _encoding, done) {
      if (!isFirst) return void tunnel.write(chunk, done)
      isFirst = false
      const [first, second] = cut(chunk)
      tunnel.write(first)
      setTimeout(() => tunnel.write(second, done), 20)
    },
    destroy(_error, done) {
      tunnel.destroy()
      done(null)
    },
  })
  tunnel.on('data', (chunk) => void socket.push(chunk)).on('end', () => void socket.push(null))
  return socket
}

test('each client is shown the certificate that it can check, and the RSA key is made for the first that needs it', async (t) => {
  const installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt }' })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const { port } = await startOrigin(t, { certificate })
  installation.write('integrations/weather.yaml', grant({ network: [toLocalhost(port, { tls: 'intercept' })] }))
  const { proxyPort } = await startHere(t, installation)
  const leafKey = join(installation.folder, 'state/ca/leaf-rsa.key')
  const kindOf = async (tls: ConnectionOptions, cut?: Cut): Promise<string> => {
    const through = (tunnel: Socket) => (cut === undefined ? tunnel : cutting(tunnel, cut))
    const secure = await openInside(installation, { proxyPort, port, tls, through })
    t.after(() => secure.destroy())
    const shown = secure.getPeerX509Certificate()?.publicKey.asymmetricKeyType ?? 'none'
    if (cut !== undefined) return shown
    const reply = readAll(secure)
    secure.write(`GET / HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`)
    assert.match(await reply, /^HTTP\/1\.1 200 /)
    return shown
  }
  assert.equal(await kindOf({}), 'ec')
  assert.equal(await kindOf({ maxVersion: 'TLSv1.2' }), 'ec')
  assert.equal(await kindOf({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305' }), 'ec')
  assert.ok(!existsSync(leafKey))

  assert.equal(await kindOf({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }), 'rsa')
  assert.equal(await kindOf({ maxVersion: 'TLSv1.2', ciphers: 'AES256-GCM-SHA384' }), 'rsa')
  assert.equal(await kindOf({ minVersion: 'TLSv1.3', sigalgs: 'RSA-PSS+SHA256' }), 'rsa')
  assert.equal(statSync(leafKey).mode & 0o777, 0o600)
  assert.equal(await kindOf({}), 'ec')
  // A first message comes in as many pieces as the network makes of it.
  await eachCase([...[1, 5, 44, 120, 200].map(intoPieces), ...[1, 4, 44, 120].map(intoRecords)], async (cut) => {
    assert.equal(await kindOf({ minVersion: 'TLSv1.3', sigalgs: 'RSA-PSS+SHA256' }, cut), 'rsa')
    assert.equal(await kindOf({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }, cut), 'rsa')
    assert.equal(await kindOf({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }, cut), 'ec')
  })

  const url = `https://localhost:${port}/`
  const curl = await command(
    'curl',
    [
      '-sS',
      '--proxy',
      proxyUrl('weather', proxyPort),
      '--cacert',
      join(installation.folder, 'state/ca/ca.crt'),
      '--tls-max',
      '1.2',
      '--ciphers',
      'aRSA',
      url,
    ],
    { env: cleanEnv() },
  )
  assert.deepEqual([curl.stdout, curl.stderr], ['hello', ''])
})
