/** A rule about bodies costs only the requests that it is about: of all others the body is streamed, whatever its size and form. */

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, proxyHeader, startChild } from '../support/installation.ts'
import { bodyOf, startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { connect } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

const rules = rego`
  package sallyport.rules

  deny contains "it holds a secret" if {
    input.http.host == "127.0.0.1"
    input.http.body.value.secret
  }

  deny contains "it is not JSON" if {
    input.http.host == "127.0.0.1"
    input.http.path == "/json"
    input.http.body.type != "json"
  }

  deny contains "it holds a secret" if {
    input.service.path == "/judged"
    input.service.body.value.secret
  }
`

const mebi = 1024 * 1024
/** Less than what the bodies here add up to, more than what the garbage of streaming takes. */
const roomBytes = 64 * mebi

interface Arrived {
  bytes: number
  hash: string
}

async function arrange(t: TestContext) {
  const arrived: Arrived[] = []
  const begun: string[] = []
  const answer: RequestListener = (req, res) => {
    const hash = createHash('sha256')
    let bytes = 0
    req.once('data', () => begun.push(req.url ?? ''))
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength
      hash.update(chunk)
    })
    req.on('end', () => {
      arrived.push({ bytes, hash: hash.digest('hex') })
      res.end('thanks')
    })
  }
  const origin = await startOrigin(t, { answer })
  const installation = createInstallation(t, {
    config: `policy: { rules: ./rules }\nservices: [{ name: store, url: "http://127.0.0.1:${origin.port}" }]\nhttp: { maxRequest: 1GiB }`,
    manifests: {
      'weather.yaml': grant({
        network: [
          {
            hosts: ['localhost', '127.0.0.1'],
            ports: [origin.port],
            tls: 'none',
            addresses: ['127.0.0.0/8', '::1/128'],
            maxRequest: '1GiB',
          },
        ],
        services: [{ name: 'store', methods: ['GET', 'POST'] }],
        limits: {
          requests: { rate: '1000/s', burst: 1000 },
          arrivals: { rate: '1000/s', burst: 1000 },
          bytesOut: { rate: '1GiB/s', burst: '1GiB' },
        },
      }),
    },
  })
  mkdirSync(join(installation.folder, 'rules'))
  installation.write('rules/body.rego', rules)
  const child = await startChild(t, installation)
  const send = (url: string, body: Buffer | Readable | null, headers: Record<string, string> = {}) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const req = httpRequest(
        {
          port: child.proxyPort,
          path: url.startsWith('/') ? url : url.replace('PORT', String(origin.port)),
          method: body === null ? 'GET' : 'POST',
          headers: {
            'proxy-authorization': proxyHeader('weather'),
            host: 'x.example',
            ...(Buffer.isBuffer(body) && { 'content-length': String(body.byteLength) }),
            ...headers,
          },
          agent: false,
        },
        (res: IncomingMessage) => void bodyOf(res).then((text) => resolve({ status: res.statusCode ?? 0, text: text.toString() }), reject),
      )
      req.on('error', reject)
      if (body instanceof Readable) pipeline(body, req).catch(reject)
      else req.end(body ?? undefined)
    })
  const status = () => readFileSync(`/proc/${child.process.pid}/status`, 'latin1')
  const bytesOf = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status())?.[1]) * 1024
  /** The most that the gateway came to hold while `work` ran, beyond what it held before (proc(5): clear_refs). */
  const growthDuring = async (work: () => Promise<void>) => {
    writeFileSync(`/proc/${child.process.pid}/clear_refs`, '5')
    const before = bytesOf('VmRSS')
    await work()
    return bytesOf('VmHWM') - before
  }
  return { origin, installation, arrived, begun, send, growthDuring, proxyPort: child.proxyPort }
}

const json = { 'content-type': 'application/json' }
const elsewhere = 'http://localhost:PORT/upload'
const judged = 'http://127.0.0.1:PORT/upload'

function* pieces(count: number, piece: Buffer): Generator<Buffer> {
  for (let index = 0; index < count; index += 1) yield piece
}

test('a rule about bodies costs only the requests that it is about', async (t) => {
  const { arrived, begun, send, growthDuring, proxyPort, origin, installation } = await arrange(t)

  await t.test('a long body for a host that the rule is not about reaches it whole', async () => {
    const body = randomBytes(5 * mebi)
    assert.equal((await send(elsewhere, body)).status, 200)
    assert.deepEqual(arrived.at(-1), { bytes: body.byteLength, hash: createHash('sha256').update(body).digest('hex') })
  })

  await t.test('a body that no rule is about is streamed: its beginning arrives before its end is sent', async () => {
    const socket = connect(proxyPort, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.write(
      `POST http://localhost:${origin.port}/begun HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nContent-Length: 2000000\r\n\r\n`,
    )
    socket.write(Buffer.alloc(1000))
    await eventually('the beginning arrives', () => begun.includes('/begun'))
  })

  await t.test('a hundred megabytes pass in constant memory, with and without a stated length', async () => {
    await send(elsewhere, Readable.from(pieces(20, randomBytes(mebi))))
    const piece = randomBytes(mebi)
    const grown = await growthDuring(async () => {
      const answer = await send(elsewhere, Readable.from(pieces(100, piece)), { 'transfer-encoding': 'chunked', ...json })
      const other = await send(elsewhere, Readable.from(pieces(100, piece)), { 'content-length': String(100 * mebi), ...json })
      assert.deepEqual([answer.status, other.status], [200, 200])
    })
    assert.deepEqual([arrived.at(-1)?.bytes, arrived.at(-2)?.bytes], [100 * mebi, 100 * mebi])
    t.diagnostic(`${(grown / mebi).toFixed(0)} MiB more at the peak`)
    assert.ok(grown < roomBytes, `${grown} bytes more`)
  })

  await t.test('a body that no rule could read passes where no rule looks at it', async () => {
    await eachCase(
      [
        ['{"a":', json],
        ['{"a":1,"A":2}', json],
        ['x', { 'content-type': 'text/plain; charset=utf-8; charset=utf-16' }],
      ] as const,
      async ([body, headers]) => {
        assert.equal((await send(elsewhere, Buffer.from(body), headers)).status, 200)
        const refused = await send(judged, Buffer.from(body), headers)
        assert.equal(refused.status, 400, refused.text)
      },
    )
  })

  await t.test('the ruled host’s bodies are judged, and those that are allowed arrive as they were sent', async () => {
    const denied = await send(judged, Buffer.from('{"secret":1}'), json)
    assert.equal(denied.status, 403)
    assert.match(denied.text, /it holds a secret/)
    const body = Buffer.from(`{"open":"${'x'.repeat(500_000)}"}`)
    assert.equal((await send(judged, body, json)).status, 200)
    assert.deepEqual(arrived.at(-1), { bytes: body.byteLength, hash: createHash('sha256').update(body).digest('hex') })
    assert.equal((await send(judged, Readable.from([body.subarray(0, 5), body.subarray(5)]), json)).status, 200)
    assert.equal(arrived.at(-1)?.bytes, body.byteLength)
  })

  await t.test('a body that is larger than rules may wait for is refused by the name of the key, in any framing', async () => {
    const before = arrived.length
    const body = Buffer.alloc(mebi + 1, 0x20)
    const answer = await send(judged, body, json)
    assert.equal(answer.status, 413)
    assert.match(answer.text, /payload-too-large.*http\.maxPolicyBody|http\.maxPolicyBody.*payload-too-large/s)
    const other = await send(judged, Readable.from([body]), json).catch(() => null)
    assert.ok(other === null || (other.status === 413 && other.text.includes('http.maxPolicyBody')))
    assert.equal(arrived.length, before)
  })

  await t.test('compressed JSON and lines of JSON that say so are binary to rules, and denied by those that want JSON', async () => {
    const zipped = gzipSync('{"a":1}')
    const headers = { ...json, 'content-encoding': 'gzip' }
    assert.equal((await send(judged, zipped, headers)).status, 200)
    const lines = Buffer.from('{"a":1}\n{"b":2}\n')
    const typed = { 'content-type': 'application/x-ndjson' }
    assert.equal((await send(judged, lines, typed)).status, 200)
    assert.match((await send('http://127.0.0.1:PORT/json', lines, typed)).text, /it is not JSON/)
    assert.match((await send('http://127.0.0.1:PORT/json', zipped, headers)).text, /it is not JSON/)
    assert.equal((await send('http://127.0.0.1:PORT/json', Buffer.from('{"a":1}'), json)).status, 200)
  })

  await t.test('what calls itself JSON and is several values is refused where a rule looks at it: origins read the first', async () => {
    const before = arrived.length
    await eachCase(['{"secret":1}\n{}\n', '{"secret":1}{}', '{}\n{"secret":1}'], async (text) => {
      const refused = await send(judged, Buffer.from(text), json)
      assert.deepEqual([refused.status, /not one JSON value.*application\/x-ndjson/.test(refused.text)], [400, true], refused.text)
    })
    assert.equal(arrived.length, before)
    assert.equal((await send(elsewhere, Buffer.from('{"secret":1}\n{}\n'), json)).status, 200)
  })

  await t.test('a request without a body waits for none', async () => {
    assert.equal((await send(judged, null)).status, 200)
    assert.equal((await send(elsewhere, null)).status, 200)
  })

  await t.test('the bodies for services are read by the same measure', async () => {
    const service = { 'sallyport-authorization': proxyHeader('weather') }
    const body = randomBytes(5 * mebi)
    assert.equal((await send('/services/store/free', body, service)).status, 200)
    assert.equal(arrived.at(-1)?.hash, createHash('sha256').update(body).digest('hex'))
    const denied = await send('/services/store/judged', Buffer.from('{"secret":1}'), { ...json, ...service })
    assert.deepEqual([denied.status, denied.text.includes('it holds a secret')], [403, true])
    assert.equal((await send('/services/store/judged', Buffer.from('{"open":1}'), { ...json, ...service })).status, 200)
    assert.equal(arrived.at(-1)?.bytes, 10)
    assert.equal((await send('/services/store/judged', Buffer.alloc(mebi + 1), { ...json, ...service })).status, 413)
  })

  await t.test('inside an intercepted tunnel bodies are judged in the same way', async () => {
    const inside = async (host: string, body: Buffer) => {
      const socket = connect(proxyPort, '127.0.0.1')
      t.after(() => socket.destroy())
      const authority = `${host}:${origin.port}`
      socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`)
      assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /)
      socket.write(
        `POST /inside HTTP/1.1\r\nHost: ${authority}\r\nContent-Type: application/json\r\nContent-Length: ${body.byteLength}\r\n\r\n`,
      )
      socket.write(body)
      return String((await once(socket, 'data'))[0]).slice(0, 12)
    }
    assert.equal(await inside('localhost', Buffer.alloc(5 * mebi)), 'HTTP/1.1 200')
    assert.equal(arrived.at(-1)?.bytes, 5 * mebi)
    assert.equal(await inside('127.0.0.1', Buffer.from('{"secret":1}')), 'HTTP/1.1 403')
    assert.equal(await inside('127.0.0.1', Buffer.from('{"open":1}')), 'HTTP/1.1 200')
  })

  await t.test('each of these requests was decided or refused once', () => {
    const records = installation.records()
    const ids = records.filter(({ type }) => type === 'decided' || type === 'refused').map(({ id }) => id)
    assert.equal(new Set(ids).size, ids.length)
    assert.ok(ids.length >= 20)
  })
})
