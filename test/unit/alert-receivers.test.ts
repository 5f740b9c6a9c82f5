/** How alerts arrive at webhooks: signed, escaped, and until they are taken. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import type { Found } from '../../src/alerts/index.ts'
import { raise } from '../../src/alerts/life-cycle.ts'
import type { Notice, NoticeEvent } from '../../src/alerts/receiver.ts'
import { NotTaken } from '../../src/alerts/receiver.ts'
import { receiverOf, startReceiver } from '../support/alert-receivers.ts'
import { alertsOver, found, openStore } from '../support/alerts.ts'
import { eachCase } from '../support/cases.ts'
import { createClientCertificate, createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'

const { signal } = new AbortController()

function noticeOf(given: Partial<Found> = {}, event: NoticeEvent = 'raised'): Notice {
  const { alert } = raise(found(given), 'k7m2q9')
  return { seq: 1, receiver: 'ops', event, alert, previousSeverity: null, at: alert.firstAt }
}

function closing<T extends { readonly transport: { close(): Promise<void> } }>(t: TestContext, receiver: T): T {
  t.after(() => receiver.transport.close())
  return receiver
}

const problemOf = (sending: Promise<unknown>) =>
  sending.then(
    () => null,
    (error: unknown) => (error instanceof NotTaken ? error : null),
  )

describe('a webhook', () => {
  test('gets an alert as JSON with its owner, under an id that a repetition has again, signed over id, time and body', async (t) => {
    const server = await startReceiver(t)
    const { transport } = closing(
      t,
      receiverOf({ type: 'webhook', url: `${server.url}/hooks/a`, secret: 's3cret', token: 'tk', headers: { 'x-team': 'ops' } }),
    )
    await transport.send(noticeOf(), signal)
    await transport.send(noticeOf(), signal)
    const [first, again] = server.taken
    const { type, timestamp, gateway, data } = JSON.parse(first?.text ?? '')
    assert.deepEqual([first?.url, type, timestamp, gateway], ['/hooks/a', 'alert.raised', '2026-11-28T09:00:00.000Z', 'gw-1'])
    assert.deepEqual(
      [data.id, data.state, data.owner, data.integration, data.destination, data.severity, data.count, data.firstAt],
      ['k7m2q9', 'open', 'team-billing@example.com', 'invoices', 'files.example.net:443', 'medium', 1, '2026-11-28T09:00:00.000Z'],
    )
    const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature, authorization } = first?.headers ?? {}
    const expected = createHmac('sha256', 's3cret').update(`${id}.${time}.${first?.text}`).digest('base64')
    assert.deepEqual(
      [signature, authorization, first?.headers['x-team'], again?.headers['webhook-id']],
      [`v1,${expected}`, 'Bearer tk', 'ops', id],
    )
  })

  test('says what it answered with, asks for a pause, and which answers are about the message itself', async (t) => {
    const server = await startReceiver(t)
    const { transport } = closing(t, receiverOf({ type: 'webhook', url: server.url }))
    server.answers.push((res) => void res.writeHead(429, { 'retry-after': '7' }).end('slow\u001b[31m down'))
    const slow = await problemOf(transport.send(noticeOf(), signal))
    assert.deepEqual([slow?.afterMs, slow?.isContent, slow?.answer?.status, slow?.answer?.text], [7000, false, 429, 'slow\\u001b[31m down'])
    server.answers.push((res) => void res.writeHead(422).end())
    assert.equal((await problemOf(transport.send(noticeOf(), signal)))?.isContent, true)
  })

  test('that answers with what it was sent is shown without the credentials', async (t) => {
    const server = await startReceiver(t)
    const headers = { 'x-api-key': 'a-key-of-the-receiver' }
    const { transport } = closing(t, receiverOf({ type: 'webhook', url: server.url, token: 'a-token-of-the-receiver', headers }))
    const echo = `${'.'.repeat(490)}a-token-of-the-receiver a-key-of-the-receiver`
    server.answers.push(
      (res) => void res.writeHead(401).end(echo.slice(400)),
      (res) => void res.end(echo),
    )
    const refused = await problemOf(transport.send(noticeOf(), signal))
    assert.match(refused?.message ?? '', /answers with 401: \.+\[redacted\] \[redacted\]$/)
    assert.doesNotMatch((await transport.send(noticeOf(), signal)).text, /a-token/)
  })

  test('is not followed where it redirects, and an answer without end is not read to its end', async (t) => {
    const server = await startReceiver(t)
    const { transport } = closing(t, receiverOf({ type: 'webhook', url: server.url }))
    server.answers.push((res) => void res.writeHead(307, { location: `${server.url}/elsewhere` }).end())
    assert.match((await problemOf(transport.send(noticeOf(), signal)))?.message ?? '', /redirects \(307\) a POST, which is not followed/)
    server.answers.push((res) => void res.writeHead(200).end(Buffer.alloc(1024 * 1024)))
    assert.match((await problemOf(transport.send(noticeOf(), signal)))?.message ?? '', /longer than 65536 bytes/)
    assert.equal(server.attempts.length, 2)
  })

  test('is asked over TLS with a CA and a certificate of its own, and not trusted without that CA', async (t) => {
    const certificate = await createOriginCertificate(createFolder(t), '127.0.0.1')
    const { certificate: own, key } = await createClientCertificate('gateway')
    const server = await startReceiver(t, { certificate, clientCa: own })
    const trusting = closing(
      t,
      receiverOf({ type: 'webhook', url: server.url, ca: certificate.ca, clientCertificate: { certificate: own, key } }),
    )
    assert.equal((await trusting.transport.send(noticeOf(), signal)).status, 200)
    const nameless = closing(t, receiverOf({ type: 'webhook', url: server.url, ca: certificate.ca }))
    assert.notEqual(await problemOf(nameless.transport.send(noticeOf(), signal)), null)
    const doubting = closing(t, receiverOf({ type: 'webhook', url: server.url }))
    assert.match((await problemOf(doubting.transport.send(noticeOf(), signal)))?.message ?? '', /its certificate is not trusted/)
  })

  test('that hangs or answers slowly is given up after its timeout, and asked again', async (t) => {
    const server = await startReceiver(t)
    server.answers.push(
      () => {},
      (res) => void res.writeHead(200, { 'content-length': 10 }).write('slow'),
    )
    const receiver = receiverOf({ type: 'webhook', url: server.url, timeout: 50 })
    const alerts = alertsOver(t, openStore().store, [{ receiver }])
    alerts.take(found())
    await eventually('it is taken', () => server.taken.length === 1)
    assert.equal(server.attempts.length, 3)
  })

  test('that fails and asks for a pause gets each message in the end, once more rather than never', async (t) => {
    const server = await startReceiver(t)
    server.answers.push(
      (res) => void res.writeHead(503).end(),
      (res) => res.destroy(),
      (res) => void res.writeHead(429, { 'retry-after': '0' }).end(),
    )
    const receiver = receiverOf({ type: 'webhook', url: server.url })
    const alerts = alertsOver(t, openStore().store, [{ receiver }])
    const { id = '' } = alerts.take(found())?.alert ?? {}
    alerts.acknowledge(id, 'ana', 'known')
    await eventually('both are taken', () => server.taken.length === 2)
    assert.deepEqual(
      server.taken.map(({ text }) => JSON.parse(text)).map(({ type, data }) => [type, data.acknowledgedBy, data.reason]),
      [
        ['alert.raised', null, null],
        ['alert.acknowledged', 'ana', 'known'],
      ],
    )
    assert.equal(new Set(server.attempts.slice(0, 4).map(({ headers }) => headers['webhook-id'])).size, 1)
  })

  test('hears what was given up', async (t) => {
    const server = await startReceiver(t)
    const { transport } = closing(t, receiverOf({ type: 'webhook', url: server.url }))
    await transport.sendDropped({ count: 3, from: 1000, to: 2000, alerts: ['a', 'b'] }, signal)
    const { type, data } = JSON.parse(server.taken[0]?.text ?? '')
    assert.deepEqual(
      [type, data],
      ['alerts.dropped', { count: 3, from: '1970-01-01T00:00:01.000Z', to: '1970-01-01T00:00:02.000Z', alerts: ['a', 'b'] }],
    )
  })
})

describe('a webhook of Slack', () => {
  const textOf = (posted: { readonly text: string } | undefined): string => JSON.parse(posted?.text ?? '{}').text

  test('gets who, where, whose and what, and how to acknowledge it', async (t) => {
    const server = await startReceiver(t)
    const { transport } = closing(t, receiverOf({ type: 'slack', url: `${server.url}/services/T0/B0/XXXX` }))
    await transport.send(noticeOf({}, 'reminder'), signal)
    const text = textOf(server.taken[0])
    assert.match(text, /\*Alert is still open\* \(medium\) `invoices`: `First use of a destination`/)
    assert.match(text, /^destination: `files\.example\.net:443`, owner: `team-billing@\u200Bexample\.com`/m)
    assert.match(text, /sallyport alerts ack k7m2q9/)
  })

  test('shows hostile names as they are written, and takes no mention, link or layout from them', async (t) => {
    const server = await startReceiver(t)
    const { transport } = closing(t, receiverOf({ type: 'slack', url: server.url }))
    await eachCase(
      [
        { given: '<!channel>', shown: '`&lt;!channel&gt;`' },
        { given: '<https://evil.example|login>', shown: '`&lt;https://evil.example|login&gt;`' },
        { given: '@all @here', shown: '`@\u200Ball @\u200Bhere`' },
        { given: '` <!here> `', shown: '`ˋ &lt;!here&gt; ˋ`' },
        { given: 'a\n*b*\u202Ec', shown: '`a\\u000a*b*\\u202ec`' },
        { given: '&lt;', shown: '`&amp;lt;`' },
      ],
      async ({ given, shown }) => {
        await transport.send(noticeOf({ destination: given, title: given, detail: given, owner: given }), signal)
        const text = textOf(server.taken.at(-1))
        assert.equal(text.split(shown).length, 5, text)
        assert.doesNotMatch(text, /<[!@#h]/)
      },
    )
  })

  test('whose path is its secret is named without it', async (t) => {
    const server = await startReceiver(t)
    const { transport } = closing(t, receiverOf({ type: 'slack', url: `${server.url}/services/T0/B0/XXXX` }))
    server.answers.push(
      (res) => void res.writeHead(404).end('no /services/T0/B0/XXXX'),
      (res) => void res.writeHead(302, { location: '/x' }).end(),
    )
    const missing = await problemOf(transport.send(noticeOf(), signal))
    const redirected = await problemOf(transport.send(noticeOf(), signal))
    assert.deepEqual([missing?.message, missing?.answer?.text], [`${server.url}/… answers with 404: no /…`, 'no /…'])
    assert.match(redirected?.message ?? '', /redirects/)
    assert.doesNotMatch(redirected?.message ?? '', /XXXX/)
  })

  test('hears what was given up', async (t) => {
    const server = await startReceiver(t)
    const { transport } = closing(t, receiverOf({ type: 'slack', url: server.url }))
    await transport.sendDropped({ count: 3, from: 1000, to: 2000, alerts: [] }, signal)
    assert.match(textOf(server.taken[0]), /\*3 messages were given up\* between 1970-01-01T00:00:01Z and 1970-01-01T00:00:02Z/)
  })
})
