/** A caller that hangs up, in each state that a request can be in and through each door: its request is settled once, as its caller's doing, and what it held is free. */

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startOrigins } from '../fuzz/origins.ts'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { startNameServer } from '../support/resolver.ts'
import { startSilentListener } from '../support/silent-listener.ts'
import { connect } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'
import { openInside } from '../support/tunnel.ts'

const compilerTest = await testWith('compiler')

const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
/** As many as one integration may have under way. */
const lookups = 32

const rules = rego`
  package sallyport.rules

  asked if input.http.path == "/asked"
  asked if input.service.path == "/asked"
  asked if input.tunnel.host == "asked.example"
  asked if input.file.path == "asked"

  deny contains "no" if {
    input.http.path == "/judged"
    input.http.body.value == "no"
  }

  deny contains "no" if {
    input.service.path == "/judged"
    input.service.body.value == "no"
  }

  deny contains "no" if {
    input.request.door != "policy"
    asked
    http.send({"method": "GET", "url": "http://unanswered.example/"}).status_code != 200
  }
`

/** An origin that behaves as its path says, names that nobody answers for, and an address that answers nobody; nothing but the hang-up ends anything. */
async function arrange(t: TestContext) {
  const silent = await startSilentListener(t)
  const server = await startNameServer(t, () => 'silence')
  const installation = createInstallation(t, {})
  const origins = await startOrigins(await createOriginCertificate(installation.folder, 'localhost'))
  t.after(() => origins.close())
  const long = 'timeout: 1h'
  const here = 'addresses: [127.0.0.0/8, "::1/128"]'
  const services = {
    silent: 'http://unanswered.example',
    stuck: `http://127.0.0.1:${silent}`,
    origin: `http://localhost:${origins.plainPort}`,
  }
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}drainTimeout: 300ms
http: { dnsServers: ["127.0.0.1:${server.port}"], connectTimeout: 1h, originTimeout: 1h, idleTimeout: 1h, originCa: ./origin-ca.crt }
services: [${Object.entries(services).map(([name, url]) => `{ name: ${name}, url: "${url}", ${long} }`)}]
policy: { rules: ./rules, grants: { builtins: [http.send], integration: asker, timeout: 1h } }
`,
  )
  const network = `network:
  - { hosts: [a.example, unanswered.example], ports: [80], tls: none, ${long} }
  - { hosts: [127.0.0.1], ports: [${silent}], tls: none, ${long}, ${here} }
  - { hosts: [localhost], ports: [${origins.plainPort}], tls: none, ${long}, ${here} }
  - { hosts: [asked.example, unanswered.example], ports: [443], tls: tunnel, ${long} }
  - { hosts: [localhost], ports: [${silent}], tls: tunnel, ${long}, ${here} }
  - { hosts: [inside.example], ports: [443], tls: intercept, ${long} }
  - { hosts: [localhost], ports: [${origins.tlsPort}], tls: intercept, ${long}, ${here} }
services: [${Object.keys(services).map((name) => `{ name: ${name}, websocket: true }`)}]
files: [{ name: data, root: ../data, actions: [read, write] }]`
  installation.write('integrations/weather.yaml', manifest('weather', `${network}\nlimits: { concurrency: ${lookups + 1} }`))
  installation.write(
    'integrations/asker.yaml',
    grant({ name: 'asker', network: [{ hosts: ['unanswered.example'], ports: [80], tls: 'none', timeout: '1h' }] }),
  )
  mkdirSync(join(installation.folder, 'rules'))
  installation.write('rules/ask.rego', rules)
  mkdirSync(join(installation.folder, 'data'))
  writeFileSync(join(installation.folder, 'data/large'), Buffer.alloc(50_000_000))
  const { proxyPort, gateway } = await startHere(t, installation)
  const { host, port } = gateway.health
  const openSlots = async () => {
    const text = await exchangeRaw(port, 'GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', host)
    const line = text.split('\n').find((item) => /^sallyport_bucket_level\{.*"weather"/.test(item) && item.includes('"concurrency"'))
    return line === undefined ? 0 : lookups + 1 - Number(line.split(' ')[1])
  }
  const head = `Host: localhost\r\n${auth}`
  const websocket = `${head}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
  const open = async () => connect(proxyPort, '127.0.0.1')
  const upload = 'Content-Length: 1000000\r\n\r\nhello'
  // It is asked for its body once that is read.
  const judged = 'Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"'
  const origin = `http://localhost:${origins.plainPort}`
  const to = (line: string, rest = '\r\n'): Cell => ({ open, request: `${line} HTTP/1.1\r\n${head}${rest}` })
  const inside = (of: string, tlsPort: number, line: string, rest = '\r\n'): Cell => ({
    open: () => openInside(installation, { proxyPort, host: of, port: tlsPort, servername: of }),
    request: `${line} HTTP/1.1\r\nHost: ${of}:${tlsPort}\r\n${rest}`,
  })
  const states: Readonly<Record<State, Readonly<Record<string, Cell>>>> = {
    'its rules wait for an answer from outside': {
      proxy: to('GET http://a.example/asked'),
      connect: to('CONNECT asked.example:443'),
      intercept: inside('inside.example', 443, 'GET /asked'),
      services: to('GET /services/origin/asked'),
      'services, WebSocket': to('GET /services/origin/asked', websocket.slice(head.length)),
      broker: to('GET /v1/files/data/asked'),
    },
    'its rules wait for its body': {
      proxy: to(`POST ${origin}/judged`, judged),
      intercept: inside('localhost', origins.tlsPort, 'POST /judged', judged),
      services: to('POST /services/origin/judged', judged),
    },
    'its name is resolved': {
      proxy: to('GET http://unanswered.example/'),
      connect: to('CONNECT unanswered.example:443'),
      intercept: inside('inside.example', 443, 'GET /'),
      services: to('GET /services/silent/'),
      'services, WebSocket': to('GET /services/silent/', websocket.slice(head.length)),
    },
    'its address is dialled': {
      proxy: to(`GET http://127.0.0.1:${silent}/`),
      connect: to(`CONNECT localhost:${silent}`),
      services: to('GET /services/stuck/'),
      'services, WebSocket': to('GET /services/stuck/', websocket.slice(head.length)),
    },
    'its origin has not answered': {
      proxy: to(`GET ${origin}/never`),
      intercept: inside('localhost', origins.tlsPort, 'GET /never'),
      services: to('GET /services/origin/never'),
      'services, WebSocket': to('GET /services/origin/never', websocket.slice(head.length)),
    },
    'its body is sent': {
      proxy: to(`POST ${origin}/never`, upload),
      intercept: inside('localhost', origins.tlsPort, 'POST /never', upload),
      services: to('POST /services/origin/never', upload),
      broker: to('PUT /v1/files/data/new', upload),
    },
    'its reply is sent': {
      proxy: to(`GET ${origin}/stalls`),
      intercept: inside('localhost', origins.tlsPort, 'GET /stalls'),
      services: to('GET /services/origin/stalls'),
      broker: to('GET /v1/files/data/large'),
    },
  }
  return { installation, gateway, proxyPort, openSlots, states, to }
}

type State =
  | 'its rules wait for an answer from outside'
  | 'its rules wait for its body'
  | 'its name is resolved'
  | 'its address is dialled'
  | 'its origin has not answered'
  | 'its body is sent'
  | 'its reply is sent'

interface Cell {
  readonly open: () => Promise<Socket>
  readonly request: string
}

type Arranged = Pick<Awaited<ReturnType<typeof arrange>>, 'installation'>
type InState = readonly [State, string, Cell]

/** Makes the request. Resolves once it is in its state. */
async function enter({ installation }: Arranged, [state, door, { open, request }]: InState) {
  const socket = (await open()).on('error', () => {})
  const before = installation.records().length
  const records = () =>
    installation
      .records()
      .slice(before)
      .filter(({ door: of }) => of !== 'policy')
  const id = () => records().find(({ door: of }) => of === door.split(',')[0])?.['id']
  socket.write(request)
  // By the record of the call: whether the name server is asked depends on what waits for the same name.
  const isCalling = () =>
    installation
      .records()
      .slice(before)
      .some(({ type, door: of }) => type === 'decided' && of === 'policy')
  if (state === 'its rules wait for an answer from outside') await eventually(`${state}, ${door}`, isCalling)
  else if (state === 'its reply is sent' || state === 'its rules wait for its body')
    await eventually(`${state}, ${door}`, () => socket.readableLength > 0)
  else await eventually(`${state}, ${door}`, id)
  return { socket, records, id }
}

/** Hangs up once the request is in its state, and gives what is recorded of it. */
async function hangUp(arranged: Arranged, inState: InState, leave: (socket: Socket) => void): Promise<readonly Record<string, unknown>[]> {
  const [state, door] = inState
  const { socket, records, id } = await enter(arranged, inState)
  leave(socket)
  return eventually(`${state}, ${door}: it is settled`, () => {
    const own = records().filter((record) => record['id'] === id())
    return own.some(({ type }) => type === 'settled') ? own : null
  })
}

const reset = (socket: Socket) => void ((socket as unknown as { _parent?: Socket })._parent ?? socket).resetAndDestroy()

/** What runs in this process on behalf of connections and of time. */
const activeResources = () => process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout|QUERY/.test(name)).length

compilerTest('a caller that resets its connection ends its request, whatever that is at, through every door', async (t) => {
  const arranged = await arrange(t)
  const { states, openSlots } = arranged
  // What is opened once and kept: a name server's socket, the engine, a connection for figures.
  await eachCase(['its rules wait for an answer from outside', 'its reply is sent'] as const, (state) =>
    eachCase(Object.entries(states[state]), ([door, cell]) => hangUp(arranged, [state, door, cell], reset)),
  )
  await eventually('no slot is held', async () => (await openSlots()) === 0)
  const atRest = activeResources()
  await eachCase(Object.entries(states), ([state, cells]) =>
    eachCase(Object.entries(cells), async ([door, cell]) => {
      const records = await hangUp(arranged, [state as State, door, cell], reset)
      const what = `${state}, ${door}`
      const [first, last] = records
      assert.equal(records.length, 2, what)
      assert.deepEqual([first?.['type'], last?.['type']], [state.includes('rules') ? 'refused' : 'decided', 'settled'], what)
      assert.deepEqual(
        [last?.['status'], last?.['problem'] ?? null, last?.['complete']],
        [state.includes('reply') ? 200 : 499, 'client-closed', false],
        what,
      )
      await eventually(`${what}: no slot is held`, async () => (await openSlots()) === 0)
    }),
  )
  await eventually('no connection and no timer is left', () => activeResources() <= atRest)
})

/** TCP says the same of a caller that has gone as of one that has only ended its side: what is asked of it (102) finds out, or the first byte that it does not take. */
compilerTest(
  'a caller that closes its connection while its rules wait, or its upgrade is not answered, is found to have left',
  async (t) => {
    const arranged = await arrange(t)
    const { states, openSlots } = arranged
    const asking = 'its rules wait for an answer from outside'
    const waiting = 'its origin has not answered'
    await eachCase(
      [
        ...Object.keys(states[asking]).map((door) => [asking, door] as const),
        ...['intercept', 'services, WebSocket'].map((door) => [waiting, door] as const),
      ],
      async ([state, door]) => {
        const records = await hangUp(arranged, [state, door, states[state][door] as Cell], (socket) => void socket.destroy())
        assert.deepEqual(
          records.map(({ type, status = null, problem = null }) => [type, status, problem]),
          [
            [state === asking ? 'refused' : 'decided', null, null],
            ['settled', 499, 'client-closed'],
          ],
          `${state}, ${door}`,
        )
      },
    )
    await eventually('no slot is held', async () => (await openSlots()) === 0)
  },
)

compilerTest('a shutdown ends what is under way by the drain timeout, whatever that is at, and each is recorded once', async (t) => {
  const arranged = await arrange(t)
  const { states, installation, gateway } = arranged
  await eachCase(Object.entries(states), ([state, cells]) =>
    eachCase(Object.entries(cells), async ([door, cell]) => {
      const { socket } = await enter(arranged, [state as State, door, cell])
      t.after(() => socket.destroy())
    }),
  )
  await gateway.close()
  const records = installation.records().filter(({ type }) => type !== 'started')
  assert.equal(records.at(-1)?.['type'], 'stopped')
  const idsOf = (...types: string[]) => records.filter(({ type }) => types.includes(String(type))).map(({ id }) => id)
  assert.deepEqual(idsOf('settled').toSorted(), idsOf('decided', 'refused').toSorted())
  const own = records.filter(({ type, door }) => type === 'settled' && door !== 'policy')
  assert.ok(own.length >= Object.values(states).flatMap((cells) => Object.keys(cells)).length, `${own.length} are settled`)
})

compilerTest('a head that breaks off is refused where its caller can still be told, and holds nothing', async (t) => {
  const { installation, proxyPort, openSlots } = await arrange(t)
  await eachCase(
    ['GET http://a.exa', 'CONNECT a.example:443 HTTP/1.1\r\nHost:', 'GET /services/origin/ HTTP/1.1\r\nHost: a\r\n'],
    async (request) => {
      const before = installation.records().length
      const socket = connect({ port: proxyPort, host: '127.0.0.1', allowHalfOpen: true })
      socket.end(request)
      const answer = (await socket.toArray()).join('')
      assert.match(answer, /^HTTP\/1\.1 400 /, request)
      const records = await eventually(`${request} is settled`, () => {
        const own = installation.records().slice(before)
        return own.some(({ type }) => type === 'settled') ? own : null
      })
      assert.deepEqual(
        records.map(({ type, code, status }) => code ?? status ?? type),
        ['malformed-request', 400],
        request,
      )
    },
  )
  await eventually('no slot is held', async () => (await openSlots()) === 0)
})

test('a caller that leaves while its bytes wait for their bucket waits no longer, and leaves no timer', async (t) => {
  const installation = createInstallation(t, {})
  const origins = await startOrigins(await createOriginCertificate(installation.folder, 'localhost'))
  t.after(() => origins.close())
  const origin = `http://localhost:${origins.plainPort}`
  const cells = {
    proxy: `GET ${origin}/large HTTP/1.1\r\n`,
    services: 'GET /services/origin/large HTTP/1.1\r\n',
    broker: 'GET /v1/files/data/large HTTP/1.1\r\n',
  }
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}http: { originTimeout: 1h, idleTimeout: 1h }\nservices: [{ name: origin, url: "${origin}", timeout: 1h }]\n`,
  )
  mkdirSync(join(installation.folder, 'data'))
  writeFileSync(join(installation.folder, 'data/large'), Buffer.alloc(5_000_000))
  // A bucket for each: what one has taken keeps no other waiting.
  eachCase(Object.keys(cells), (name) => {
    installation.write(
      `integrations/${name}.yaml`,
      grant({
        name,
        network: [toLocalhost(origins.plainPort, { timeout: '1h' })],
        services: [{ name: 'origin' }],
        files: [{ name: 'data', root: '../data', actions: ['read'] }],
        limits: { bytesIn: { rate: '1kB/h', burst: '100kB' } },
      }),
    )
  })
  const { proxyPort } = await startHere(t, installation)
  const open = async (name: keyof typeof cells) => {
    const before = installation.records().length
    const socket = connect(proxyPort, '127.0.0.1')
    socket.write(`${cells[name]}Host: localhost\r\nProxy-Authorization: ${proxyHeader(name)}\r\n\r\n`)
    const decided = await eventually(`${name} is decided`, () =>
      installation
        .records()
        .slice(before)
        .find(({ type }) => type === 'decided'),
    )
    return { socket, id: decided['id'] }
  }
  const atRest = activeResources()
  await eachCase(Object.keys(cells) as (keyof typeof cells)[], async (name) => {
    const { socket, id } = await open(name)
    await eventually(`${name} is answered`, () => socket.readableLength > 0)
    reset(socket)
    const settled = await eventually(`${name} is settled`, () =>
      installation.records().find((record) => record['type'] === 'settled' && record['id'] === id),
    )
    assert.deepEqual([settled['status'], settled['problem']], [200, 'client-closed'], name)
  })
  await eventually('no connection and no timer is left', () => activeResources() <= atRest)
})
