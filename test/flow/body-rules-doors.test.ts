/** A rule about bodies holds, and costs, the same through every door: forward proxy, named service, and inside a tunnel with and without TLS. */

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { connect } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'
import { openInside, openTunnel, readAll } from '../support/tunnel.ts'

const test = await testWith('compiler')

const rules = `package sallyport.rules

  ruled := object.get(input, "http", object.get(input, "service", {}))

  deny contains "it holds a secret" if {
    startswith(ruled.path, "/ruled")
    ruled.body.value.secret
  }

  deny contains sprintf("it is binary: %s", [object.get(ruled.body, "encoding", "not coded")]) if {
    ruled.path == "/ruled/readable"
    ruled.body.type == "binary"
  }

  deny contains "nothing comes here" if ruled.path == "/closed"
`

const mebi = 1024 * 1024
const json = 'Content-Type: application/json\r\n'

interface Door {
  readonly name: string
  /** A connection on which requests of the door can be written. */
  open(): Promise<Socket>
  /** Between method and headers, and the headers that the door needs. */
  head(path: string): string
}

async function arrange(t: TestContext) {
  const begun: string[] = []
  const answer: RequestListener = (req, res) => {
    const hash = createHash('sha256')
    req.once('data', () => begun.push(req.url ?? ''))
    req.on('data', (chunk: Buffer) => hash.update(chunk))
    req.on('end', () => res.end(hash.digest('hex')))
  }
  const installation = createInstallation(t, {})
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const plain = await startOrigin(t, { answer })
  const secure = await startOrigin(t, { answer, certificate })
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}http: { originCa: ./origin-ca.crt }\npolicy: { rules: ./rules }\nservices: [{ name: store, url: "http://127.0.0.1:${plain.port}" }]\n`,
  )
  installation.write(
    'integrations/weather.yaml',
    grant({
      network: [toLocalhost(plain.port), toLocalhost(secure.port, { tls: 'intercept' })],
      services: [{ name: 'store', methods: ['GET', 'POST'] }],
      limits: {
        requests: { rate: '1000/s', burst: 1000 },
        arrivals: { rate: '1000/s', burst: 1000 },
        bytesOut: { rate: '1GiB/s', burst: '1GiB' },
      },
    }),
  )
  mkdirSync(join(installation.folder, 'rules'))
  installation.write('rules/body.rego', rules)
  const { proxyPort } = await startHere(t, installation)
  const direct = async () => connect(proxyPort, '127.0.0.1')
  const token = proxyHeader('weather')
  const doors: readonly Door[] = [
    {
      name: 'the forward proxy',
      open: direct,
      head: (path) => `http://localhost:${plain.port}${path} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${token}\r\n`,
    },
    {
      name: 'a named service',
      open: direct,
      head: (path) => `/services/store${path} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${token}\r\n`,
    },
    {
      name: 'a tunnel with TLS inside',
      open: () => openInside(installation, { proxyPort, port: secure.port }),
      head: (path) => `${path} HTTP/1.1\r\nHost: localhost:${secure.port}\r\n`,
    },
    {
      name: 'a tunnel with plain HTTP inside',
      open: () => openTunnel(proxyPort, `localhost:${plain.port}`),
      head: (path) => `${path} HTTP/1.1\r\nHost: localhost:${plain.port}\r\n`,
    },
  ]
  return { doors, begun, requests: () => plain.requests.length + secure.requests.length }
}

const chunked = (body: Buffer) => Buffer.concat([Buffer.from(`${body.byteLength.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')])
const sha256 = (body: Buffer) => createHash('sha256').update(body).digest('hex')

test('a rule about bodies means the same through every door', async (t) => {
  const { doors, begun, requests } = await arrange(t)
  await eachCase(doors, async ({ name, open, head }) => {
    /** What comes back until the connection closes. */
    const send = async (path: string, body: Buffer, headers = '', framing: 'length' | 'chunked' = 'length') => {
      const socket = await open()
      t.after(() => socket.destroy())
      const whole = readAll(socket)
      const framed = framing === 'length' ? `Content-Length: ${body.byteLength}` : 'Transfer-Encoding: chunked'
      socket.write(`POST ${head(path)}${headers}Connection: close\r\n${framed}\r\n\r\n`)
      socket.write(framing === 'length' ? body : chunked(body))
      return whole
    }

    await t.test(`through ${name}, a body that no rule looks at passes whole, whatever its size and form`, async () => {
      await eachCase(['length', 'chunked'] as const, async (framing) => {
        const body = randomBytes(3 * mebi)
        const reply = await send('/free', body, json, framing)
        assert.match(reply, /^HTTP\/1\.1 200 /)
        assert.ok(reply.includes(sha256(body)))
      })
    })

    await t.test(`through ${name}, its beginning arrives before its end is sent`, async () => {
      const socket = await open()
      t.after(() => socket.destroy())
      const path = `/free/${begun.length}`
      socket.write(`POST ${head(path)}Content-Length: 2000000\r\n\r\n`)
      socket.write(Buffer.alloc(1000))
      await eventually('the beginning arrives', () => begun.includes(path))
    })

    await t.test(`through ${name}, a body that a rule looks at is judged, and arrives as it was sent`, async () => {
      const before = requests()
      await eachCase(['length', 'chunked'] as const, async (framing) =>
        assert.match(await send('/ruled', Buffer.from('{"secret":1}'), json, framing), /^HTTP\/1\.1 403 .*it holds a secret/s),
      )
      assert.equal(requests(), before)
      const body = Buffer.from(`{"open":"${'x'.repeat(300_000)}"}`)
      await eachCase(['length', 'chunked'] as const, async (framing) =>
        assert.ok((await send('/ruled', body, json, framing)).includes(sha256(body))),
      )
    })

    await t.test(`through ${name}, one that is too large to be looked at is 413, and the key is named`, async () => {
      const before = requests()
      const body = Buffer.alloc(mebi + 1, 0x20)
      await eachCase(['length', 'chunked'] as const, async (framing) =>
        assert.match(await send('/ruled', body, json, framing), /^HTTP\/1\.1 413 .*http\.maxPolicyBody/s),
      )
      assert.equal(requests(), before)
    })

    await t.test(`through ${name}, what calls itself JSON and is not one value is 400`, async () => {
      const before = requests()
      await eachCase(['{"secret":1}{}', '{}\n{"secret":1}', '{"secret":', '{"a":1,"A":2}', ''], async (text) =>
        assert.match(await send('/ruled', Buffer.from(text), json, 'chunked'), /^HTTP\/1\.1 400 .*not one JSON value/s, text),
      )
      assert.equal(requests(), before)
    })

    await t.test(`through ${name}, a compressed body is binary to rules, and its coding is named`, async () => {
      const zipped = gzipSync('{"secret":1}')
      const coded = `${json}Content-Encoding: gzip\r\n`
      assert.match(await send('/ruled/readable', zipped, coded), /^HTTP\/1\.1 403 .*it is binary: gzip/s)
      assert.ok((await send('/ruled', zipped, coded)).includes(sha256(zipped)))
    })

    await t.test(
      `through ${name}, a caller that waits for 100 is asked for a body that a rule looks at, and for none of a denied request`,
      async () => {
        const socket = await open()
        t.after(() => socket.destroy())
        const whole = readAll(socket)
        socket.once('data', () => socket.write('{"secret":1}'))
        socket.write(`POST ${head('/ruled')}${json}Expect: 100-continue\r\nConnection: close\r\nContent-Length: 12\r\n\r\n`)
        assert.match(await whole, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 403 .*it holds a secret/s)
        const other = await open()
        t.after(() => other.destroy())
        const denied = readAll(other)
        other.write(`POST ${head('/closed')}Expect: 100-continue\r\nConnection: close\r\nContent-Length: 12\r\n\r\n`)
        assert.match(await denied, /^HTTP\/1\.1 403 .*nothing comes here/s)
      },
    )

    await t.test(`through ${name}, each request of a connection is judged by its own body`, async () => {
      const socket = await open()
      t.after(() => socket.destroy())
      const whole = readAll(socket)
      const post = (body: string, more = '') => `POST ${head('/ruled')}${json}${more}Content-Length: ${body.length}\r\n\r\n${body}`
      socket.write(post('{"open":1}') + post('{"secret":1}') + post('{"open":2}', 'Connection: close\r\n'))
      assert.deepEqual((await whole).match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 403', 'HTTP/1.1 200'])
    })
  })
})
