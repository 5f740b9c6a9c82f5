/** The audit log as a live stream: filters, resumption, masks, and readers that do not read. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type AdminGateway, askAdmin, bearer, startAdminGateway } from '../support/admin-gateway.ts'
import { eachCase, times, until } from '../support/cases.ts'
import { curlUntil, openEvents, type ServerEvent } from '../support/event-stream.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { exchangeRaw, manifest, proxyHeader } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { connect } from '../support/sockets.ts'

const auditor = bearer('token-of-the-auditor')
const seeing = bearer('token-of-the-seeing')

async function start(t: TestContext, personal = '') {
  const origin = await startOrigin(t)
  const gateway = await startAdminGateway(
    t,
    {
      manifests: {
        'weather.yaml': grant({ network: [toLocalhost(origin.port, { paths: ['/v1/**'] })] }),
        'other.yaml': manifest('other', 'network: []'),
      },
      config: personal,
      admin: `tokens: [
        { name: ann, role: auditor, token: { file: ./ann } },
        { name: sam, role: auditor, personal: true, token: { file: ./sam } },
        { name: view, role: viewer, token: { file: ./view } }]`,
    },
    async ({ write }) => {
      write('ann', 'token-of-the-auditor')
      write('sam', 'token-of-the-seeing')
      write('view', 'token-of-the-viewer')
    },
  )
  const ask = (path: string, who = 'weather') =>
    exchangeRaw(
      gateway.proxyPort,
      `GET http://localhost:${origin.port}${path} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader(who)}\r\nConnection: close\r\n\r\n`,
    )
  return { ...gateway, ask, origin }
}

const soon = () => new Promise<void>((resolve) => setImmediate(resolve))
const recordOf = ({ data }: ServerEvent) => JSON.parse(data) as Record<string, unknown>
const typesOf = (events: readonly ServerEvent[]) => events.map((event) => recordOf(event)['type'])
const ofType = (gateway: AdminGateway, type: string) => gateway.installation.records().filter((record) => record['type'] === type)

test('a stream shows each record as it is written, and every read is a record itself', async (t) => {
  const gateway = await start(t)
  const stream = await openEvents(t, gateway.adminPort, '/v1/audit/stream', auditor)
  assert.deepEqual([stream.status, stream.headers['cache-control']], [200, 'no-store'])
  assert.match(await gateway.ask('/v1/a'), / 200 /)
  const events = await stream.until((all) => typesOf(all).includes('settled'))
  assert.deepEqual(
    typesOf(events).filter((type) => type !== 'read'),
    ['decided', 'settled'],
  )
  const decided = events.find((event) => recordOf(event)['type'] === 'decided')
  assert.equal(gateway.installation.records()[Number(decided?.id)]?.['id'], recordOf(decided as ServerEvent)['id'])
  stream.leave()
  await until(() => ofType(gateway, 'read').length === 2, soon)
  const [begun, ended] = ofType(gateway, 'read')
  const facts = { who: 'ann', role: 'auditor', by: 'token', what: 'stream' }
  assert.partialDeepStrictEqual(begun, { ...facts, state: 'begins', records: 0 })
  // Of its own record, which it showed as well, it does not count any.
  assert.partialDeepStrictEqual(ended, { ...facts, read: begun?.['read'], state: 'the reader has left', records: 2 })
})

test('curl reads a stream from a record on, and goes on behind the last one that it had', async (t) => {
  const gateway = await start(t)
  await times(3, () => gateway.ask('/v1/a'))
  await until(() => ofType(gateway, 'settled').length === 3, soon)
  const url = `http://127.0.0.1:${gateway.adminPort}/v1/audit/stream?type=decided`
  const args = ['-sS', '-N', '-H', `Authorization: ${auditor.authorization}`]
  const ids = (text: string) => [...text.matchAll(/^id: (\d+)\nevent: record$/gm)].map(([, id]) => Number(id))
  const first = ids(await curlUntil([...args, `${url}&from=0`], (text) => ids(text).length === 3))
  const rest = await curlUntil([...args, '-H', `Last-Event-ID: ${first[1]}`, url], (text) => ids(text).length > 0)
  assert.deepEqual(ids(rest), first.slice(2))
})

test('filters hold for what comes, and a settlement belongs to its request', async (t) => {
  const gateway = await start(t)
  const open = (query: string) => openEvents(t, gateway.adminPort, `/v1/audit/stream?${query}`, auditor)
  const denied = await open('decision=deny')
  const other = await open('integration=other')
  const statuses = await open('status=2xx&host=localhost&path=/v1/*')
  await gateway.ask('/v1/a')
  await gateway.ask('/admin')
  await gateway.ask('/v1/b', 'other')
  await other.until(({ length }) => length === 2)
  assert.deepEqual(typesOf(await denied.until(({ length }) => length === 4)), ['decided', 'settled', 'decided', 'settled'])
  assert.deepEqual(
    other.events.map((event) => recordOf(event)['integration'] ?? recordOf(event)['status']),
    ['other', 403],
  )
  await statuses.until(({ length }) => length === 1)
  assert.deepEqual(
    statuses.events.map((event) => recordOf(event)['status']),
    [200],
  )
  await eachCase(
    ['nothing=1', 'host=', 'from=-1', 'from=1e3', 'from=99999999', 'since=yesterday', 'since=2026-01-01&since=2026-01-02', 'from=1&from=2'],
    async (query) => assert.equal((await open(query)).status, 400, query),
  )
  const wrong = (id: string) => openEvents(t, gateway.adminPort, '/v1/audit/stream', { ...auditor, 'last-event-id': id })
  assert.deepEqual([(await wrong('x')).status, (await wrong('99999999')).status], [400, 400])
})

test('what is personal is masked for who has no right to it, wherever it stands, and cannot be asked for', async (t) => {
  const gateway = await start(t, 'audit: { personal: [path, peer, identity] }')
  const open = (query: string, who: Readonly<Record<string, string>>) => openEvents(t, gateway.adminPort, `/v1/audit/stream?${query}`, who)
  const masked = await open('from=0', auditor)
  const whole = await open('from=0', seeing)
  await gateway.ask('/v1/people/anna')
  await masked.until((all) => typesOf(all).includes('settled'))
  await whole.until((all) => typesOf(all).includes('settled'))
  assert.doesNotMatch(masked.raw(), /anna|"peer":"127/)
  assert.match(whole.raw(), /\/v1\/people\/anna/)
  const decided = recordOf(masked.events.find((event) => recordOf(event)['type'] === 'decided') as ServerEvent)
  assert.partialDeepStrictEqual(decided, {
    integration: 'weather',
    peer: '[personal]',
    identity: '[personal]',
    subject: { path: '[personal]' },
  })
  await eachCase(['path=/v1/people/anna', 'identity=token', 'text=anna', 'host=localhost&path=/**'], async (query) => {
    assert.equal((await open(query, auditor)).status, 403, query)
    const seen = await open(query, seeing)
    assert.equal(seen.status, 200, query)
    seen.leave()
    await until(
      () =>
        ofType(gateway, 'read').filter(({ state }) => state === 'begins').length -
          ofType(gateway, 'read').filter(({ state }) => state !== 'begins').length ===
        2,
      soon,
    )
  })
  // What another has asked for is as personal as what he found.
  await masked.until((all) => all.filter((event) => recordOf(event)['type'] === 'read').length >= 6)
  assert.doesNotMatch(masked.raw(), /anna/)
  await whole.until(() => whole.raw().includes('"asked":{"text":"anna"'))
  await eachCase(['tile/0/000', 'tile/entries/000', 'tile/0/000.p/3'], async (path) => {
    assert.equal((await askAdmin(gateway.adminPort, `/v1/audit/${path}`, { headers: auditor })).status, 403)
  })
})

test('the log is for auditors, on the socket for its operator, and for no browser', async (t) => {
  const gateway = await start(t)
  const status = async (path: string, headers: Readonly<Record<string, string>>, method = 'GET') =>
    (await askAdmin(gateway.adminPort, path, { headers, method })).status
  await eachCase(['stream', 'checkpoint', 'tile/0/000', 'records', 'x'], async (path) => {
    assert.equal(await status(`/v1/audit/${path}`, {}), 401)
    assert.equal(await status(`/v1/audit/${path}`, bearer('token-of-the-viewer')), 403)
    assert.equal(await status(`/v1/audit/${path}`, { ...auditor, origin: 'http://evil.example' }), 403)
  })
  assert.equal(await status('/v1/audit/stream', auditor, 'HEAD'), 405)
  assert.equal(await status('/v1/audit/x', auditor), 404)
  await eachCase(
    [
      'tile/../verifier-key',
      'tile/0/../../../audit.key',
      'tile/0/%2e%2e/x',
      'tile/entries/000.p/256',
      'tile/64/000',
      'tile/0/x1/000',
      'wal/00000000000000000000.wal',
    ],
    async (path) => assert.equal(await status(`/v1/audit/${path}`, auditor), 404, path),
  )
  const socket = join(gateway.installation.folder, 'state/admin.sock')
  const stream = await openEvents(t, socket, '/v1/audit/stream?from=0&type=started')
  assert.deepEqual(typesOf(await stream.until(({ length }) => length === 1)), ['started'])
})

test('a stream ends with its gateway, and says so', async (t) => {
  const gateway = await start(t)
  const stream = await openEvents(t, gateway.adminPort, '/v1/audit/stream', auditor)
  await gateway.gateway.close()
  await stream.ended()
  const last = stream.events.at(-1)
  assert.deepEqual([last?.type, recordOf(last as ServerEvent)['reason']], ['end', 'stopping'])
  assert.equal(gateway.installation.records().at(-1)?.['type'], 'stopped')
})

test('nobody takes all streams, and a client too many is told when to come again', async (t) => {
  const gateway = await start(t)
  const streams: Awaited<ReturnType<typeof openEvents>>[] = []
  await times(6, async () => streams.push(await openEvents(t, gateway.adminPort, '/v1/audit/stream', auditor)))
  assert.deepEqual(
    streams.map(({ status }) => status),
    [200, 200, 200, 200, 429, 429],
  )
  assert.equal(streams.at(-1)?.headers['retry-after'], '10')
  assert.equal((await openEvents(t, gateway.adminPort, '/v1/audit/stream', seeing)).status, 200)
  streams[0]?.leave()
  await until(() => ofType(gateway, 'read').some(({ state }) => state === 'the reader has left'), soon)
  assert.equal((await openEvents(t, gateway.adminPort, '/v1/audit/stream', auditor)).status, 200)
})

test('a flood of connections that prove nothing ends no stream', async (t) => {
  const gateway = await start(t)
  const stream = await openEvents(t, gateway.adminPort, '/v1/audit/stream', auditor)
  await times(100, () => {
    const socket = connect(gateway.adminPort, '127.0.0.1')
    t.after(() => socket.destroy())
    return once(socket, 'connect')
  })
  assert.equal((await askAdmin(gateway.adminPort, '/v1/audit/stream')).status, 401)
  await gateway.ask('/v1/a')
  await stream.until((events) => typesOf(events).includes('settled'))
})
