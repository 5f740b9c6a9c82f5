/** What a change of policy does to what is open, and how a shadow policy is tried beside the active policy. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { isEnforced } from '../../src/rollout/shadow.ts'
import { eachCase, until } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, type Installation, manifest, networkTo, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { startResolver } from '../support/resolver.ts'
import { connect, createServer as createTcpServer } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'
import { openInside } from '../support/tunnel.ts'

const compilerTest = await testWith('compiler')

const echo = (t: TestContext): Promise<number> =>
  new Promise((resolve) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {})
      t.after(() => void socket.destroy())
      socket.pipe(socket)
    }).listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
    t.after(() => void server.close())
  })

async function openTunnel(proxyPort: number, port: number): Promise<Socket> {
  const socket = connect(proxyPort, '127.0.0.1')
  socket.write(`CONNECT localhost:${port} HTTP/1.1\r\nHost: localhost:${port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`)
  const [head] = (await once(socket, 'data')) as [Buffer]
  assert.match(head.toString(), /^HTTP\/1\.1 200 /)
  return socket
}

const tunnelTo = (port: number) => `network: [{ hosts: [localhost], ports: [${port}], tls: tunnel, addresses: [127.0.0.0/8, "::1/128"] }]`

/** The port of a WebSocket server that says nothing; closed when the test ends. */
async function startChat(t: TestContext): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new WebSocketServer({ server })
  t.after(() => {
    for (const client of sockets.clients) client.terminate()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return port
}

test('a tunnel is judged again after a change: cut where it is no longer allowed, kept where it is', async (t) => {
  const [kept, lost] = [await echo(t), await echo(t)]
  const both = `network: [${[kept, lost].map((port) => `{ hosts: [localhost], ports: [${port}], tls: tunnel, addresses: [127.0.0.0/8, "::1/128"] }`).join(', ')}]`
  const installation = createInstallation(t, { manifests: { 'weather.yaml': manifest('weather', both) } })
  const { gateway, proxyPort } = await startHere(t, installation)
  const keeping = await openTunnel(proxyPort, kept)
  const losing = await openTunnel(proxyPort, lost)
  const ended = once(losing, 'close')
  installation.write('integrations/weather.yaml', manifest('weather', tunnelTo(kept)))
  assert.equal((await gateway.reload()).ok, true)
  await ended
  keeping.write('still here')
  const [back] = (await once(keeping, 'data')) as [Buffer]
  assert.equal(back.toString(), 'still here')
  keeping.destroy()
  const revoked = installation.records().filter(({ type }) => type === 'revoked')
  assert.deepEqual(
    revoked.map(({ integration, rule }) => ({ integration, rule })),
    [{ integration: 'weather', rule: 'default/deny' }],
  )
  const cut = await eventually('its end is recorded', () =>
    installation.records().find(({ type, id }) => type === 'settled' && id === revoked[0]?.['id']),
  )
  assert.deepEqual([cut['problem'], cut['side'], cut['complete']], ['policy-denied', 'policy', false])
})

/** The manifest of weather whose token is another one now. */
const withoutToken = (rest: string) => manifest('weather', rest).replace(/[0-9a-f]{64}/, 'f'.repeat(64))

test('what is open ends when its token is taken back: a tunnel, a WebSocket, an interception', async (t) => {
  const [port, chat] = [await echo(t), await startChat(t)]
  const rest = `network:
  - { hosts: [localhost], ports: [${port}], tls: tunnel, addresses: [127.0.0.0/8, "::1/128"] }
  - { hosts: [inside.example.com], ports: [443], tls: intercept, paths: [/**] }
services: [{ name: chat, websocket: true }]`
  const installation = createInstallation(t, {
    config: `services: [{ name: chat, url: "http://127.0.0.1:${chat}", addresses: [127.0.0.0/8] }]`,
    manifests: { 'weather.yaml': manifest('weather', rest) },
  })
  const { gateway, proxyPort } = await startHere(t, installation)
  const tunnel = await openTunnel(proxyPort, port)
  const socket = new WebSocket(`ws://127.0.0.1:${proxyPort}/services/chat/`, { headers: { 'proxy-authorization': proxyHeader('weather') } })
  await once(socket, 'open')
  const inside = await openInside(installation, { proxyPort, host: 'inside.example.com', servername: 'inside.example.com', port: 443 })
  const ended = [once(tunnel, 'close'), once(socket, 'close'), once(inside, 'close')]
  // Another token beside it changes nothing.
  installation.write(
    'integrations/weather.yaml',
    manifest('weather', rest).replace('[{ sha256', `[{ sha256: ${'f'.repeat(64)} }, { sha256`),
  )
  assert.equal((await gateway.reload()).ok, true)
  tunnel.write('still here')
  await once(tunnel, 'data')
  installation.write('integrations/weather.yaml', withoutToken(rest))
  assert.equal((await gateway.reload()).ok, true)
  await Promise.all(ended)
  await gateway.close()
  assert.deepEqual(
    installation.records().flatMap(({ type, rule }) => (type === 'revoked' ? [rule] : [])),
    ['identity/revoked', 'identity/revoked', 'identity/revoked'],
  )
})

test('a tunnel that a change forbids while its name is still being resolved is cut as it begins', async (t) => {
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  const resolver = await startResolver(t, ['127.0.0.1'], answered)
  const port = await echo(t)
  const network = `network: [{ hosts: [slow.example.com], ports: [${port}], tls: tunnel, addresses: [127.0.0.0/8] }]`
  const installation = createInstallation(t, {
    config: `http: { dnsServers: ["127.0.0.1:${resolver.port}"] }`,
    manifests: { 'weather.yaml': manifest('weather', network) },
  })
  const { gateway, proxyPort } = await startHere(t, installation)
  const authority = `slow.example.com:${port}`
  const whole = exchangeRaw(
    proxyPort,
    `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\nechoed`,
  )
  await until(
    () => !(resolver.asked.length === 0),
    () => new Promise((resolve) => setImmediate(resolve)),
  )
  installation.write('integrations/weather.yaml', grant({ network: [] }))
  assert.equal((await gateway.reload()).ok, true)
  answer()
  assert.ok(!(await whole).includes('echoed'))
  await gateway.close()
  assert.equal(installation.records().filter(({ type }) => type === 'revoked').length, 1)
})

test('a WebSocket is cut when its service is taken away', async (t) => {
  const port = await startChat(t)
  const installation = createInstallation(t, {
    config: `services: [{ name: chat, url: "http://127.0.0.1:${port}", addresses: [127.0.0.0/8] }]`,
    manifests: { 'weather.yaml': grant({ services: [{ name: 'chat', websocket: true }] }) },
  })
  const { gateway, proxyPort } = await startHere(t, installation)
  const socket = new WebSocket(`ws://127.0.0.1:${proxyPort}/services/chat/`, { headers: { 'proxy-authorization': proxyHeader('weather') } })
  await once(socket, 'open')
  const closed = once(socket, 'close')
  installation.write('integrations/weather.yaml', grant())
  assert.equal((await gateway.reload()).ok, true)
  await closed
})

compilerTest('a WebSocket is cut by new rules on headers that no rule looked at when it was opened', async (t) => {
  const port = await startChat(t)
  const installation = createInstallation(t, {
    config: `policy: { rules: ./rules }\nservices: [{ name: chat, url: "http://127.0.0.1:${port}", addresses: [127.0.0.0/8] }]`,
    manifests: { 'weather.yaml': grant({ services: [{ name: 'chat', websocket: true }] }) },
  })
  mkdirSync(join(installation.folder, 'rules'))
  const { gateway, proxyPort } = await startHere(t, installation)
  const headers = { 'proxy-authorization': proxyHeader('weather'), 'x-room': 'closed' }
  const socket = new WebSocket(`ws://127.0.0.1:${proxyPort}/services/chat/`, { headers })
  await once(socket, 'open')
  installation.write(
    'rules/r.rego',
    rego`
      package sallyport.rules

      import rego.v1

      deny contains "closed" if "closed" in input.service.headers["x-room"]
    `,
  )
  assert.equal((await gateway.reload()).ok, true)
  socket.terminate()
  await gateway.close()
  assert.deepEqual(
    installation.records().flatMap(({ type, rule }) => (type === 'revoked' ? [rule] : [])),
    ['rules/deny'],
  )
})

const rule = (path: string) =>
  `package sallyport.rules\n\nimport rego.v1\n\ndeny contains "shadow" if startswith(input.http.path, "${path}")\n`

async function withShadow(
  t: TestContext,
  enforce: number,
  rego: string,
): Promise<{ installation: Installation; status(path: string): Promise<number>; log: string[]; differences(): Record<string, unknown>[] }> {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = createInstallation(t, {
    config: `policy: { shadow: { rules: ./shadow, enforce: ${enforce}, maxEvaluation: 20ms } }`,
    manifests: { 'weather.yaml': manifest('weather', networkTo(origin.port)) },
  })
  mkdirSync(join(installation.folder, 'shadow'))
  installation.write('shadow/c.rego', rego)
  const { proxyPort, log } = await startHere(t, installation)
  const status = async (path: string) =>
    Number(
      (
        await exchangeRaw(
          proxyPort,
          `GET http://localhost:${origin.port}${path} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
        )
      ).slice(9, 12),
    )
  return { installation, status, log, differences: () => installation.records().filter(({ type }) => type === 'difference') }
}

/** `after` is active and `before` comes back by a rollback, during which no file changes. A shadow policy decides everything. */
async function withRevisions(t: TestContext, before: string, after: string) {
  const installation = createInstallation(t, {
    config: 'policy: { shadow: { rules: ./shadow, enforce: 100 } }',
    manifests: { 'weather.yaml': before },
  })
  mkdirSync(join(installation.folder, 'shadow'))
  installation.write('shadow/c.rego', rule('/secret'))
  const running = await startHere(t, installation)
  installation.write('integrations/weather.yaml', after)
  await running.gateway.reload()
  const socketPath = join(installation.folder, 'state/admin.sock')
  const rollback = () =>
    new Promise<void>((resolve, reject) => {
      const asked = request({ socketPath, method: 'POST', path: '/v1/policy/rollback' }, (res) => res.resume().on('end', resolve))
      asked.on('error', reject).end()
    })
  return { installation, ...running, rollback }
}

compilerTest('a shadow policy that is only compared decides nothing, and every difference is recorded with both decisions', async (t) => {
  const { status, differences } = await withShadow(t, 0, rule('/secret'))
  await eachCase(['/open', '/secret/a', '/open', '/secret/b'], async (path) => {
    assert.equal(await status(path), 200)
  })
  // They are compared in their order, where no request waits for it.
  await eventually('the last of them is compared', () => differences().some(({ path }) => path === '/secret/b'))
  const told = differences().map(({ integration, path, active, activeRule, shadow, shadowRule, shadowReasons, enforced }) => ({
    integration,
    path,
    active,
    activeRule,
    shadow,
    shadowRule,
    shadowReasons,
    enforced,
  }))
  const difference = {
    integration: 'weather',
    active: true,
    activeRule: 'default/network/0',
    shadow: false,
    shadowRule: 'rules/deny',
    shadowReasons: 'shadow',
    enforced: false,
  }
  assert.deepEqual(told, [
    { ...difference, path: '/secret/a' },
    { ...difference, path: '/secret/b' },
  ])
})

compilerTest('a tunnel that the shadow policy decided is judged once, and counted as a tunnel', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = createInstallation(t, {
    config: 'policy: { rules: ./rules, shadow: { rules: ./shadow, enforce: 100 } }',
    manifests: {
      'weather.yaml': grant({ network: [toLocalhost(origin.port, { tls: 'tunnel' })] }),
    },
  })
  eachCase(['rules', 'shadow'], (folder) => {
    mkdirSync(join(installation.folder, folder))
  })
  installation.write('rules/r.rego', 'package sallyport.rules\n\ndeny contains "no tunnels" if input.request.kind == "tunnel"\n')
  installation.write('shadow/c.rego', rule('/secret'))
  const { proxyPort, gateway } = await startHere(t, installation)
  const authority = `localhost:${origin.port}`
  const opening = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`
  const answer = await exchangeRaw(proxyPort, `${opening}GET / HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`)
  assert.match(answer, /^HTTP\/1\.1 200 .*\r\n\r\nhello/s)
  const told = installation.records().filter(({ type }) => type === 'difference')
  assert.deepEqual(
    told.map(({ active, activeReasons, shadow, enforced }) => [active, activeReasons, shadow, enforced]),
    [[false, 'no tunnels', true, true]],
  )
  const metrics = async () => (await fetch(`http://127.0.0.1:${gateway.health.port}/metrics`)).text()
  await eventually('the tunnel is counted as one', async () =>
    /^sallyport_connection_duration_seconds_count\{integration="weather"\} 1$/m.test(await metrics()),
  )
  assert.doesNotMatch(await metrics(), /^sallyport_request_duration_seconds_count/m)
})

compilerTest('an enforced shadow policy decides, and where it fails the active policy does', async (t) => {
  const { status, differences } = await withShadow(
    t,
    100,
    rego`
      ${rule('/secret')}
      both := 1 if input.http.path == "/clash"

      both := 2 if input.http.path == "/clash"

      deny contains "x" if both == 3
    `,
  )
  assert.equal(await status('/open'), 200)
  assert.equal(await status('/secret'), 403)
  assert.equal(await status('/clash'), 200)
  await status('/open')
  assert.deepEqual(
    differences().map(({ shadowRule, enforced }) => [shadowRule, enforced]),
    [
      ['rules/deny', true],
      ['engine/conflict', false],
    ],
  )
})

compilerTest('an enforced shadow policy that runs away is stopped at its own bound, and the active policy decides', async (t) => {
  // Its turns allocate nothing, so that it is time that ends it, however fast the machine.
  const loop = 'some a in many; some b in many; a == b; b == 0'
  const { status, differences, log } = await withShadow(
    t,
    100,
    rego`
      ${rule('/secret')}
      many := numbers.range(1, 20000)

      deny contains "x" if {
        input.http.path == "/loop"
        ${loop}
      }
    `,
  )
  assert.equal(await status('/loop'), 200)
  assert.equal(await status('/secret'), 403)
  assert.deepEqual(
    differences().map(({ shadowRule, enforced }) => [shadowRule, enforced]),
    [
      ['engine/time', false],
      ['rules/deny', true],
    ],
  )
  assert.ok(log.some((line) => /the shadow policy failed/.test(line) && /took longer than 20 ms/.test(line)))
})

compilerTest('what an enforced shadow policy allowed is cut once the manifests or its own rules forbid it', async (t) => {
  const [revoked, forbidden] = [await echo(t), await echo(t)]
  const both = `network: [{ hosts: [localhost], ports: [${revoked}, ${forbidden}], tls: tunnel, addresses: [127.0.0.0/8, "::1/128"] }]`
  const { installation, gateway, proxyPort, rollback } = await withRevisions(
    t,
    manifest('weather', tunnelTo(forbidden)),
    manifest('weather', both),
  )
  const [first, other] = [await openTunnel(proxyPort, revoked), await openTunnel(proxyPort, forbidden)]
  const cut = () => installation.records().flatMap(({ type, rule }) => (type === 'revoked' ? [rule] : []))
  installation.write('shadow/c.rego', `${rule('/secret')}\ndeny contains "closed" if input.tunnel.port == ${forbidden}\n`)
  await rollback()
  first.destroy()
  other.destroy()
  await gateway.close()
  assert.deepEqual(cut().toSorted(), ['default/deny', 'rules/deny'])
})

compilerTest('a shadow policy that does not compile changes nothing, and the log says why', async (t) => {
  const { status, log } = await withShadow(t, 100, 'package sallyport.rules\n\ndeny contains if\n')
  assert.equal(await status('/open'), 200)
  assert.ok(log.some((line) => /the rules of the shadow policy are bad/.test(line) && /"shadow\/c\.rego:3:/.test(line)))
})

test('a request falls on the same side each time, and the share is the stated one', () => {
  const ids = Array.from({ length: 20_000 }, (_, index) => `lAntAMqJTRNv.${index}`)
  const share = ids.filter((id) => isEnforced('weather', id, 12.5)).length / ids.length
  assert.ok(Math.abs(share - 0.125) < 0.01, String(share))
  assert.deepEqual(
    ids.map((id) => isEnforced('weather', id, 40)),
    ids.map((id) => isEnforced('weather', id, 40)),
  )
  assert.ok(!ids.some((id) => isEnforced('weather', id, 0)))
  assert.ok(ids.every((id) => isEnforced('weather', id, 100)))
  // Who is in at five percent is in at ten.
  assert.ok(ids.filter((id) => isEnforced('weather', id, 5)).every((id) => isEnforced('weather', id, 10)))
})
