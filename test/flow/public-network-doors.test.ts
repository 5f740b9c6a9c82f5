/** Which addresses of a name or a number are dialled, asked through every door: a block and its neighbours, names that change, spellings. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Server, Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { createInstallation, exchangeRaw, headOf, manifest, proxyHeader, proxyUrl, startHere } from '../support/installation.ts'
import { nameServer, networkTest } from '../support/namespace.ts'
import { rego } from '../support/rego.ts'
import { type Resolver, startNameServer } from '../support/resolver.ts'
import { onlyWith } from '../support/tools.ts'

const test = await onlyWith(networkTest(import.meta.filename), 'compiler')

const doors = ['proxy', 'tunnel', 'intercept', 'service', 'websocket', 'send'] as const
type Door = (typeof doors)[number]

/** What is written for an address in a name of inside.test: `10-20-30-40`, `fd00--1`. */
const nameOf = (address: string) => `a${address.replace(/[.:]/g, '-')}.inside.test`

/** Two blocks, and what lies beside them and in them. */
const blocks = ['10.20.30.40/31', 'fd00::2/127']
const within = ['10.20.30.40', '10.20.30.41', 'fd00::2', 'fd00::3']
const beside = ['10.20.30.39', '10.20.30.42', 'fd00::1', 'fd00::4', '10.20.30.53']
/** Denied by the policy where they are not in the manifest; here the addresses decide. */
const spelled = ['8.8.8.8', '127.0.0.1', '10.20.30.40', '169.254.169.254', '::a9fe:a9fe', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::']

async function listen(t: TestContext, server: Server, port: number): Promise<void> {
  server.listen(port, '::')
  await once(server, 'listening')
  t.after(() => void server.close())
}

/** Names below flip.test are public when they are asked for first, and private every other time; one for each door. */
function startNames(t: TestContext): Promise<Resolver> {
  const asked = new Map<string, number>()
  const addresses = new Map([...within, ...beside].map((address) => [nameOf(address), address]))
  return startNameServer(
    t,
    (name, type) => {
      const address = addresses.get(name)
      if (address !== undefined) return address.includes(':') === (type === 'AAAA') ? [address] : []
      if (name === 'xn--bcher-kva.example' || name === 'public.example') return type === 'A' ? ['8.8.8.8'] : []
      if (!name.endsWith('.flip.test')) return 'nxdomain'
      if (type === 'AAAA') return []
      const times = asked.get(name) ?? 0
      asked.set(name, times + 1)
      return times % 2 === 0 ? ['8.8.8.8'] : ['10.20.30.41']
    },
    { host: nameServer, port: 53 },
  )
}

const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host)

async function arrange(t: TestContext) {
  await startNames(t)
  const flipping = doors.map((door) => `${door}.flip.test`)
  const inside = [...within, ...beside].flatMap((address) => [address, nameOf(address)])
  const named = [...within, ...beside].map(nameOf)
  const services = [...named, ...flipping]
  const network = (allowed: string, hosts: readonly string[]) =>
    [
      [80, 'none'],
      [443, 'tunnel'],
      [8443, 'intercept'],
    ].map(([port, tls]) => `  - { hosts: ${JSON.stringify(hosts)}, ports: [${port}], tls: ${tls}${allowed} }`)
  const rights = `network:\n${[
    ...network(`, addresses: ${JSON.stringify(blocks)}`, inside),
    ...network('', [...flipping, 'public.example', 'bücher.example', ...spelled.filter((host) => !inside.includes(host))]),
  ].join('\n')}`
  const installation = createInstallation(t, {
    config: `http: { originCa: ./origin-ca.crt }
policy: { rules: ./rules, grants: { builtins: [http.send], integration: asking, timeout: 30s } }
services: [${services.map((host, i) => `{ name: s${i}, url: "http://${host}"${named.includes(host) ? `, addresses: ${JSON.stringify(blocks)}` : ''} }`).join(', ')}]`,
    manifests: {
      'weather.yaml': manifest(
        'weather',
        `denials: connect\n${rights}\nservices: [${services.map((_, i) => `{ name: s${i}, websocket: true }`).join(', ')}]`,
      ),
      'asking.yaml': manifest('asking', rights),
    },
  })
  mkdirSync(join(installation.folder, 'rules'))
  installation.write(
    'rules/ask.rego',
    rego`
      package sallyport.rules

      deny contains sprintf("answer %s", [http.send({"method": "GET", "url": input.http.query.to[0]}).raw_body]) if input.http.path == "/send"
    `,
  )
  const certificate = await createOriginCertificate(installation.folder, 'intercept.flip.test')
  const reached: string[] = []
  const take = (address = '') => {
    reached.push(address.replace(/^::ffff:/, ''))
    return `at ${reached.at(-1)}`
  }
  // Each connection is dialled again.
  const answer: RequestListener = (req, res) => void res.setHeader('connection', 'close').end(take(req.socket.localAddress))
  const plain = createServer(answer)
  plain.on('upgrade', ({ socket: { localAddress } }, socket) => {
    socket.end(`HTTP/1.1 400 ${take(localAddress)}\r\nConnection: close\r\n\r\n`)
  })
  await listen(t, plain, 80)
  const tls = { key: certificate.key, cert: certificate.certificate }
  await listen(t, createTlsServer(tls, answer), 8443)
  const tunnelled = createTlsServer(tls)
  tunnelled.on('connection', (socket) => void take((socket as Socket).localAddress))
  await listen(t, tunnelled, 443)
  const { proxyPort } = await startHere(t, installation)
  const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
  const get = (target: string, host: string) =>
    exchangeRaw(proxyPort, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${auth}Connection: close\r\n\r\n`)
  const serviceOf = (host: string) => `/services/s${services.indexOf(host)}/`
  const curl = (url: string) =>
    new Promise<string>((resolve) => {
      const ca = join(installation.folder, 'state/ca/ca.crt')
      const args = ['-sS', '-g', '-i', '--noproxy', '', '--cacert', ca, '-x', proxyUrl('weather', proxyPort), url]
      execFile('curl', args, (_error, stdout, stderr) => resolve(`${stdout}${stderr}`))
    })
  const ask: Readonly<Record<Door, (host: string) => Promise<string>>> = {
    proxy: (host) => get(`http://${bracketed(host)}/`, bracketed(host)),
    tunnel: (host) => headOf(proxyPort, `CONNECT ${bracketed(host)}:443 HTTP/1.1\r\nHost: ${bracketed(host)}:443\r\n${auth}\r\n`),
    intercept: (host) => curl(`https://${bracketed(host)}:8443/`),
    service: (host) => get(serviceOf(host), 'gateway'),
    websocket: (host) =>
      headOf(
        proxyPort,
        `GET ${serviceOf(host)} HTTP/1.1\r\nHost: gateway\r\n${auth}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      ),
    send: (host) => get(`http://public.example/send?to=http://${bracketed(host)}/`, 'public.example'),
  }
  return { ask, get, reached, proxyPort, auth }
}

/** A rule that asks is told by a failure of the builtin. */
const denied = (door: Door) => (door === 'send' ? /engine\/builtin/ : /address-denied/)

test('addresses are judged alike through every door', async (t) => {
  const { ask, get, reached, proxyPort, auth } = await arrange(t)
  await t.test(
    'a block under “addresses” admits what is in it and neither neighbour, by name and by number, through every door',
    async () => {
      reached.length = 0
      await eachCase(doors, async (door) => {
        const isNamed = door === 'service' || door === 'websocket'
        await eachCase(beside, (address) =>
          eachCase(isNamed ? [nameOf(address)] : [address, nameOf(address)], async (host) =>
            assert.match(await ask[door](host), denied(door), `${door} ${host}`),
          ),
        )
      })
      assert.deepEqual(reached, [])
      await eachCase(doors, async (door) => {
        const isNamed = door === 'service' || door === 'websocket'
        // Addresses that this machine has; that of an inside certificate does not matter once it was dialled.
        await eachCase(['10.20.30.40', '10.20.30.41'], (address) =>
          eachCase(isNamed ? [nameOf(address)] : [address, nameOf(address)], async (host) => {
            const reply = await ask[door](host)
            if (door === 'intercept') assert.match(reply, /origin-tls-failed/, `${door} ${host}`)
            else if (door === 'tunnel') assert.match(reply, /^HTTP\/1\.1 200 /, `${door} ${host}`)
            else if (door === 'websocket') assert.match(reply, /answered 400/, `${door} ${host}`)
            else assert.match(reply, new RegExp(`at ${address}`), `${door} ${host}`)
          }),
        )
      })
    },
  )

  await t.test(
    'a name that changes between two requests is judged for each, and what was judged is what is dialled, through every door',
    async () => {
      reached.length = 0
      await eachCase(doors, async (door) => {
        const host = `${door}.flip.test`
        const first = await ask[door](host)
        if (door === 'tunnel') assert.match(first, /^HTTP\/1\.1 200 /)
        else if (door === 'websocket') assert.match(first, /answered 400/)
        else assert.match(first, /at 8\.8\.8\.8/, `${door}: ${first}`)
        assert.match(await ask[door](host), denied(door), door)
      })
      assert.deepEqual([...new Set(reached)], ['8.8.8.8'])
    },
  )

  await t.test(
    'an address is the same in every spelling, and a name in every case, with a dot behind it and in its own letters',
    async () => {
      reached.length = 0
      const proxy = (host: string) => get(`http://${host}/`, host)
      await eachCase(
        ['134744072', '0x8.8.8.8', '010.8.8.8', '8.526344', '0x08080808', '8.8.8.8.', '[::ffff:8.8.8.8]', '[::FFFF:808:808]'],
        async (host) => assert.match(await proxy(host), /^HTTP\/1\.1 200 .*at 8\.8\.8\.8/s, host),
      )
      await eachCase(
        ['PUBLIC.example', 'public.example.', 'Public.Example.', 'xn--bcher-kva.example', 'XN--BCHER-KVA.EXAMPLE'],
        async (host) => assert.match(await proxy(host), /^HTTP\/1\.1 200 .*at 8\.8\.8\.8/s, host),
      )
      reached.length = 0
      const special = [
        ...[
          '2130706433',
          '0x7f000001',
          '017700000001',
          '0x7f.1',
          '127.1',
          '0177.0.0.1',
          '127.0.0.1.',
          '[::ffff:127.0.0.1]',
          '[::ffff:7f00:1]',
        ],
        ...[
          '2852039166',
          '0xa9fea9fe',
          '0251.0376.0251.0376',
          '169.254.43518',
          '[::ffff:a9fe:a9fe]',
          '[::a9fe:a9fe]',
          '[::169.254.169.254]',
        ],
        ...['[64:ff9b::a9fe:a9fe]', '[64:ff9b::169.254.169.254]', '[2002:a9fe:a9fe::]'],
      ]
      await eachCase(special, async (host) => {
        assert.match(await proxy(host), /"code":"address-denied"/, host)
        const tunnel = await exchangeRaw(proxyPort, `CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n${auth}\r\n`)
        assert.match(tunnel, /"code":"address-denied"/, host)
      })
      // What only this machine understands, or nobody.
      await eachCase(
        ['[fe80::1%25lo]', '[fe80::1%lo]', '[::1%lo]', '4294967296', '256.1.1.1', '1.2.3.4.5', '[127.0.0.1]', '127.0.0.1..'],
        async (host) => assert.match(await proxy(host), /^HTTP\/1\.1 400 .*malformed-request/s, host),
      )
      assert.deepEqual(reached, [])
    },
  )
})
