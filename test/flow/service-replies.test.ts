/** Replies of named services: whole, of the length that was said, counted as they pass, and without the gateway's credentials however they are spelled. */

import assert from 'node:assert/strict'
import { request as ask } from 'node:http'
import { test } from 'node:test'
import { eachCase, times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { headerOf, startRawOrigin } from '../support/raw-origin.ts'

const password = 'open/sesame+1 "é"'
/** Headers are Latin-1, texts are UTF-8: a service may repeat what it was sent as either. */
const foreign = 'clé-secrète-0123'
const basic = Buffer.from(`gateway:${password}`).toString('base64')

const reply = (head: string, body = '') => `HTTP/1.1 ${head}\r\n\r\n${body}`
const sized = (body: string) => reply(`200 OK\r\nContent-Length: ${Buffer.byteLength(body)}`, body)
const echo = [
  `Basic ${basic}`,
  `gateway:${password}`,
  password,
  JSON.stringify(password),
  JSON.stringify(password).replaceAll('/', '\\/'),
  JSON.stringify(password).replace('é', '\\u00e9'),
  encodeURIComponent(password),
  encodeURIComponent(password).replace(/%../g, (code) => code.toLowerCase()),
  new URLSearchParams([['', password]]).toString().slice(1),
  Buffer.from(password).toString('hex').toUpperCase(),
].join(' | ')

/** By path. */
const answers: Readonly<Record<string, string | Buffer>> = {
  '/echo-latin1': Buffer.from(`${reply(`200 OK\r\nX-Echo: ${foreign}\r\nContent-Length: ${foreign.length}`)}${foreign}`, 'latin1'),
  '/echo-utf8': `${reply(`200 OK\r\nX-Echo: ${foreign}\r\nContent-Length: ${Buffer.byteLength(foreign)}`)}${foreign}`,
  '/head-with-body': sized('hello'),
  '/head-of-much': reply(`200 OK\r\nContent-Length: ${1e12}`),
  '/surplus': `${sized('hello')}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden`,
  '/sized': sized('x'.repeat(300_000)),
  '/echo-sized': sized(echo),
  '/echo-chunked': reply('200 OK\r\nTransfer-Encoding: chunked', `${Buffer.byteLength(echo).toString(16)}\r\n${echo}\r\n0\r\n\r\n`),
  '/heads': reply(`200 OK\r\n${'X-Fill: 0123456789abcdef\r\n'.repeat(1500)}X-Last: here\r\nContent-Length: 0`),
  '/many-heads': reply(`200 OK\r\n${'A: \r\n'.repeat(3000)}X-Last: here\r\nContent-Length: 0`),
  '/too-many-heads': reply(`200 OK\r\n${'X-Fill: 0123456789abcdef\r\n'.repeat(3000)}Content-Length: 0`),
  '/no-status': reply('007 OK\r\nContent-Length: 0'),
}

test('replies of a service', async (t) => {
  const service = await startRawOrigin(t, ({ line }, socket) => {
    const path = line.split(' ')[1] ?? ''
    if (path === '/broken') socket.write(reply('200 OK\r\nContent-Length: 100', 'half'), () => socket.resetAndDestroy())
    else if (path === '/half') socket.end(reply('200 OK\r\nContent-Length: 100', 'half'))
    else socket.write(answers[path] ?? '')
  })
  process.env['TEST_REPLIES_CREDENTIAL'] = `Basic ${basic}`
  process.env['TEST_REPLIES_FOREIGN'] = foreign
  const installation = createInstallation(t, {
    config: `services: [{ name: s, url: "http://127.0.0.1:${service.port}", timeout: 5s, headers: { Authorization: { env: TEST_REPLIES_CREDENTIAL }, X-Key: { env: TEST_REPLIES_FOREIGN } } }]`,
    manifests: { 'weather.yaml': grant({ services: [{ name: 's' }] }) },
  })
  const { proxyPort } = await startHere(t, installation)
  const get = (path: string, method = 'GET', headers: Record<string, string> = {}) =>
    new Promise<{ status: number; headers: Record<string, unknown>; body: string; complete: boolean; id: string }>((resolve, reject) => {
      const req = ask(
        {
          host: '127.0.0.1',
          port: proxyPort,
          path: `/services/s${path}`,
          method,
          agent: false,
          maxHeaderSize: 1 << 20,
          headers: { 'proxy-authorization': proxyHeader('weather'), ...headers },
        },
        (res) => {
          const chunks: Buffer[] = []
          res.on('data', (chunk: Buffer) => chunks.push(chunk))
          res.on('error', () => {})
          res.on('close', () =>
            resolve({
              status: res.statusCode ?? 0,
              headers: res.headers,
              body: Buffer.concat(chunks).toString(),
              complete: res.complete,
              id: String(res.headers['sallyport-request-id']),
            }),
          )
        },
      )
      req.maxHeadersCount = 0
      req.on('error', reject).end()
    })
  const settled = (id: string) =>
    eventually('it is settled', () => installation.records().find((record) => record['type'] === 'settled' && record['id'] === id))

  await t.test('replies to HEAD have no body, whatever the service sends, and no bytes are counted', async () => {
    const { status, headers, body, id } = await get('/head-with-body', 'HEAD')
    assert.deepEqual([status, headers['content-length'], body], [200, '5', ''])
    const { receivedBytes, complete } = await settled(id)
    assert.deepEqual([receivedBytes, complete], [0, true])
  })

  await t.test('replies to HEAD may declare any length', async () => {
    const { status, headers } = await get('/head-of-much', 'HEAD')
    assert.deepEqual([status, headers['content-length']], [200, String(1e12)])
  })

  await t.test('replies come whole, and bytes that the service sends behind them reach nobody', async () => {
    await times(3, async () => {
      const { status, body, complete } = await get('/surplus')
      assert.deepEqual([status, body, complete], [200, 'hello', true])
    })
  })

  await t.test('replies declare their length', async () => {
    const { headers, body, id } = await get('/sized')
    assert.deepEqual([headers['content-length'], body.length], ['300000', 300_000])
    assert.equal((await settled(id))['receivedBytes'], 300_000)
  })

  await eachCase(['/echo-sized', '/echo-chunked'], (path) =>
    t.test(`hold no spelling of the credential: ${path}`, async () => {
      const { body, headers, complete } = await get(path)
      assert.ok(complete)
      eachCase(echo.split(' | '), (spelling) => assert.ok(!body.includes(spelling), spelling))
      assert.equal(body.split(' | ').length, echo.split(' | ').length)
      if (path === '/echo-sized') assert.equal(Number(headers['content-length']), Buffer.byteLength(body))
    }),
  )

  await eachCase(['/echo-latin1', '/echo-utf8'], (path) =>
    t.test(`hold a credential beyond ASCII in no encoding: ${path}`, async () => {
      const { body, headers } = await get(path)
      assert.equal(headers['x-echo'], '[redacted]')
      assert.match(body, /^\[redacted\]\*+$/)
    }),
  )

  await t.test('replies are never partial ones, in which a credential could be cut in two', async () => {
    await get('/sized', 'GET', { range: 'bytes=0-10', 'if-range': '"a"', 'accept-encoding': 'gzip' })
    const headers = service.requests.at(-1)?.headers ?? []
    assert.deepEqual(
      ['range', 'if-range', 'accept-encoding'].map((name) => headerOf(headers, name)),
      [[], [], ['identity']],
    )
  })

  await t.test('replies may have heads of 64 KiB, as through every other door', async () => {
    await eachCase(['/heads', '/many-heads'], async (path) => {
      const { status, headers } = await get(path)
      assert.deepEqual([status, headers['x-last']], [200, 'here'], path)
    })
    assert.equal((await get('/too-many-heads')).status, 502)
  })

  await t.test('replies without a status are refused', async () => {
    assert.equal((await get('/no-status')).status, 502)
  })

  await t.test('replies that break off are cut short, and recorded as incomplete', async () => {
    await eachCase(['/broken', '/half'], async (path) => {
      const answer = await get(path).catch(() => null)
      assert.ok(answer === null || answer.status === 502 || !answer.complete, path)
    })
    assert.ok(installation.records().filter(({ type, complete }) => type === 'settled' && complete === false).length >= 1)
  })

  await t.test('replies of the gateway’s own to HEAD are not counted either', async () => {
    const answer = await exchangeRaw(
      proxyPort,
      `HEAD /v1/self HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
    )
    const id = /sallyport-request-id: (\S+)/i.exec(answer)?.[1] ?? ''
    assert.equal((await settled(id))['receivedBytes'], 0)
  })
})
