/** The gateway on a network that is not loopback: public addresses are reached through every door, special ones through none. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Server } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { WebSocketServer } from 'ws'
import { createOperatorLookup } from '../../src/egress/index.ts'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { grant } from '../support/grant.ts'
import { alsoSpecial, deniedAllTheSame, edgesOf, holds, ipv4Registry, ipv6Registry } from '../support/iana.ts'
import { createInstallation, exchangeRaw, headOf, proxyHeader, proxyUrl, startHere } from '../support/installation.ts'
import { nameServer, networkTest } from '../support/namespace.ts'
import { rego } from '../support/rego.ts'
import { type DnsAnswer, startNameServer } from '../support/resolver.ts'
import { onlyWith } from '../support/tools.ts'

const test = networkTest(import.meta.filename)
const compilerTest = await onlyWith(test, 'compiler')

/** A and AAAA of each name; what is not here does not exist. */
const names: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
  'public.example': [['8.8.8.8'], ['2606:4700::1111']],
  'four.example': [['8.8.8.8'], []],
  'six.example': [[], ['2606:4700::1111']],
  'secure.example': [['8.8.8.8'], ['2606:4700::1111']],
  'half-dead4.example': [['9.9.9.9'], ['2606:4700::1111']],
  'half-dead6.example': [['8.8.8.8'], ['2620:fe::fe']],
  'private.example': [['10.20.30.40'], []],
  'neighbour.example': [['10.20.30.41'], []],
  'private6.example': [[], ['fd00::1']],
  'metadata.example': [['169.254.169.254'], ['fd00:ec2::254']],
  'azure.example': [['168.63.129.16'], []],
  'mixed.example': [['8.8.8.8', '10.20.30.40'], []],
  'mixed6.example': [['8.8.8.8'], ['fd00::1']],
  'mapped.example': [[], ['::ffff:10.20.30.40']],
  'nat64.example': [[], ['64:ff9b::808:808']],
  'short.corp.example': [['8.8.8.8'], []],
  'absent.example.corp.example': [['8.8.8.8'], []],
}
const publicHosts = [
  'public.example',
  'four.example',
  'six.example',
  'half-dead4.example',
  'half-dead6.example',
  'hosted.example',
  '8.8.8.8',
  '2606:4700::1111',
]
const specialNames = [
  ...['private.example', 'private6.example', 'metadata.example', 'azure.example', 'mixed.example', 'mixed6.example', 'mapped.example'],
  ...['nat64.example', 'hosted-inside.example', 'localhost', 'app.localhost'],
]
const specialHosts = [
  ...specialNames,
  '10.20.30.40',
  '192.168.1.1',
  '100.64.0.1',
  '169.254.169.254',
  '168.63.129.16',
  '127.0.0.1',
  'fd00::1',
  '::1',
  '64:ff9b::808:808',
]
const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host)

async function listen(t: TestContext, server: Server, port: number): Promise<void> {
  server.listen(port, '::')
  await once(server, 'listening')
  t.after(() => void server.close())
}

async function arrange(t: TestContext, rules = '') {
  let rebindings = 0
  const zone = (name: string, type: 'A' | 'AAAA'): DnsAnswer => {
    if (name === 'rebind.example') return type === 'AAAA' ? [] : rebindings++ === 0 ? ['8.8.8.8'] : ['10.20.30.40']
    return names[name]?.[type === 'A' ? 0 : 1] ?? 'nxdomain'
  }
  const resolver = await startNameServer(t, zone, { host: nameServer, port: 53 })
  const services = [...publicHosts, ...specialNames].map((host, i) => ({ name: `s${i}`, host }))
  const installation = createInstallation(t, {
    config: `http: { originCa: ./origin-ca.crt }
services: [${services.map(({ name, host }) => `{ name: ${name}, url: "http://${bracketed(host)}" }`).join(', ')}]
${rules === '' ? '' : 'policy: { rules: ./rules, grants: { builtins: [http.send, net.lookup_ip_addr], integration: asking, timeout: 30s } }'}`,
    manifests: {
      'weather.yaml': grant({
        denials: 'connect',
        network: [
          { hosts: [...publicHosts, ...specialHosts, 'rebind.example', 'short', 'absent.example'], tls: 'none' },
          { hosts: ['secure.example', 'rebind.example'], tls: 'tunnel' },
          { hosts: [...specialHosts], tls: 'tunnel' },
          { hosts: ['secure.example', ...specialHosts], ports: [8443], tls: 'intercept' },
          {
            hosts: ['private.example', 'neighbour.example', 'mixed.example', '10.20.30.40', '10.20.30.41'],
            ports: [81],
            tls: 'none',
            addresses: ['10.20.30.40'],
          },
          {
            hosts: ['fd00::1', 'fd00:ec2::254', '127.0.0.1', 'mapped.example'],
            ports: [81],
            tls: 'none',
            addresses: ['fd00::1/128', '::/0'],
          },
        ],
        services: services.map(({ name }) => ({ name, websocket: true })),
      }),
      'asking.yaml': grant({ name: 'asking', network: [{ hosts: [...publicHosts, ...specialHosts], tls: 'none' }] }),
    },
  })
  if (rules !== '') {
    mkdirSync(join(installation.folder, 'rules'))
    installation.write(
      'rules/ask.rego',
      rego`
        package sallyport.rules

        ${rules}
      `,
    )
  }
  const certificate = await createOriginCertificate(installation.folder, 'secure.example')
  const reached: string[] = []
  const answer: RequestListener = (req, res) => {
    const at = (req.socket.localAddress ?? '').replace(/^::ffff:/, '')
    reached.push(at)
    res.end(`at ${at}`)
  }
  const plain = createServer(answer)
  new WebSocketServer({ server: plain }).on('connection', (socket, req) => {
    reached.push((req.socket.localAddress ?? '').replace(/^::ffff:/, ''))
    socket.close()
  })
  await listen(t, plain, 80)
  await listen(t, createServer(answer), 81)
  for (const port of [443, 8443]) await listen(t, createTlsServer({ key: certificate.key, cert: certificate.certificate }, answer), port)
  const { proxyPort } = await startHere(t, installation)
  const curl = (ca: string, url: string) =>
    new Promise<string>((resolve) => {
      const args = [
        '-sS',
        '-g',
        '-i',
        '--noproxy',
        '',
        '--cacert',
        join(installation.folder, ca),
        '-x',
        proxyUrl('weather', proxyPort),
        url,
      ]
      execFile('curl', args, (error, stdout, stderr) => resolve(error === null ? stdout : `${stdout}${stderr}`))
    })
  const get = (url: string) => curl('origin-ca.crt', url)
  const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
  const serviceOf = (host: string) => services.find((service) => service.host === host)?.name ?? ''
  return {
    resolver,
    reached,
    proxyPort,
    get,
    inside: (url: string) => curl('state/ca/ca.crt', url),
    connect: (authority: string) => exchangeRaw(proxyPort, `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${auth}\r\n`),
    service: (host: string) =>
      exchangeRaw(proxyPort, `GET /services/${serviceOf(host)}/ HTTP/1.1\r\nHost: gateway\r\n${auth}Connection: close\r\n\r\n`),
    websocket: (host: string) =>
      headOf(
        proxyPort,
        `GET /services/${serviceOf(host)}/ HTTP/1.1\r\nHost: gateway\r\n${auth}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      ),
  }
}

const denied = /address-denied/

test('public addresses of both families are reached through the proxy, by name and by number, without “addresses”', async (t) => {
  const { get } = await arrange(t)
  await eachCase(publicHosts, async (host) =>
    assert.match(await get(`http://${bracketed(host)}/`), /^HTTP\/1\.1 200 .*at (8\.8\.8\.8|2606:4700::1111)$/s, host),
  )
})

test('public addresses of both families are reached through a tunnel and through interception', async (t) => {
  const { get, inside } = await arrange(t)
  assert.match(await get('https://secure.example/'), /at (8\.8\.8\.8|2606:4700::1111)$/)
  assert.match(await inside('https://secure.example:8443/'), /at (8\.8\.8\.8|2606:4700::1111)$/)
})

test('public addresses of both families are reached through named services and their WebSockets', async (t) => {
  const { service, websocket } = await arrange(t)
  await eachCase(publicHosts, async (host) => {
    assert.match(await service(host), /^HTTP\/1\.1 200 .*at (8\.8\.8\.8|2606:4700::1111)/s, host)
    assert.match(await websocket(host), /^HTTP\/1\.1 101 /, host)
  })
})

test('special addresses are reached through no door, whatever name leads there', async (t) => {
  const { get, inside, connect, service, websocket, reached } = await arrange(t)
  await eachCase(specialHosts, async (host) => {
    assert.match(await get(`http://${bracketed(host)}/`), denied, host)
    assert.match(await connect(`${bracketed(host)}:443`), denied, host)
    assert.match(await inside(`https://${bracketed(host)}:8443/`), denied, host)
  })
  // In the URL of a service the operator means an address, or localhost.
  await eachCase(
    specialNames.filter((name) => name !== 'localhost'),
    async (host) => {
      assert.match(await service(host), denied, host)
      assert.match(await websocket(host), denied, host)
    },
  )
  assert.deepEqual(reached, [])
})

test('each block of IANA’s tables is refused and its neighbours are not, asked of the gateway by number', async (t) => {
  const every = [...ipv4Registry, ...ipv6Registry, ...alsoSpecial]
  const isDenied = ({ block, reachable }: (typeof every)[number]) => reachable !== true || deniedAllTheSame.has(block)
  const special = every.filter(isDenied)
  // An open block may lie within a special one; nothing of the tables lies within an open one.
  const openBlocks = every.filter((block) => !isDenied(block))
  const addresses = [...new Set(every.flatMap(({ block }) => Object.values(edgesOf(block)).filter((block) => block !== null)))]
  const isSpecial = (address: string) =>
    special.some(({ block }) => holds(block, address)) && !openBlocks.some(({ block }) => holds(block, address))
  // A mapped address is the IPv4 address that it is, which is judged instead.
  const asked = addresses.filter((address) => !holds('::ffff:0:0/96', address))
  const installation = createInstallation(t, {
    manifests: {
      'weather.yaml': grant({
        network: [{ hosts: asked, tls: 'none' }],
        limits: { arrivals: { rate: '10000/s' }, requests: { rate: '10000/s' } },
      }),
    },
  })
  const { proxyPort } = await startHere(t, installation)
  await eachCase(asked, async (address) => {
    const host = bracketed(address)
    const reply = await exchangeRaw(
      proxyPort,
      `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
    )
    assert.match(reply, isSpecial(address) ? /"code":"address-denied"/ : /"code":"origin-unreachable"/, `${address}: ${reply}`)
  })
})

test('a block under “addresses” admits exactly itself', async (t) => {
  const { get } = await arrange(t)
  await eachCase(['private.example', '10.20.30.40', 'mixed.example', 'fd00::1', 'fd00:ec2::254'], async (host) =>
    assert.match(await get(`http://${bracketed(host)}:81/`), /^HTTP\/1\.1 200 /, host),
  )
  await eachCase(['neighbour.example', '10.20.30.41', '127.0.0.1', 'mapped.example'], async (host) =>
    assert.match(await get(`http://${bracketed(host)}:81/`), denied, host),
  )
})

test('a name that is public first and private later is judged each time that it is dialled', async (t) => {
  const { get, connect } = await arrange(t)
  assert.match(await get('http://rebind.example/'), /at 8\.8\.8\.8$/)
  assert.match(await connect('rebind.example:443'), denied)
})

test('a name is absolute: the machine’s search domains are not tried, however few dots it has', async (t) => {
  const { get, resolver } = await arrange(t)
  assert.match(await get('http://short/'), /^HTTP\/1\.1 502 .*search domains are not tried/s)
  assert.match(await get('http://absent.example/'), /^HTTP\/1\.1 502 .*origin-unreachable/s)
  assert.match(await get('http://four.example/'), /at 8\.8\.8\.8$/)
  assert.deepEqual([...new Set(resolver.asked)].sort(), ['absent.example', 'four.example', 'short'])
})

compilerTest('rules that ask outside reach the public and nothing else, and learn the addresses of a name', async (t) => {
  const { get, reached } = await arrange(
    t,
    rego`
      deny contains concat(" ", ["addresses", concat(",", net.lookup_ip_addr("public.example"))]) if {
        input.request.door != "policy"
        input.http.path == "/lookup"
      }

      deny contains sprintf("answer %s", [http.send({"method": "GET", "url": input.http.query.to[0]}).raw_body]) if {
        input.request.door != "policy"
        input.http.path == "/send"
      }
    `,
  )
  assert.match(await get('http://8.8.8.8/lookup'), /addresses (2606:4700::1111,8\.8\.8\.8|8\.8\.8\.8,2606:4700::1111)/)
  await eachCase(publicHosts, async (host) =>
    assert.match(await get(`http://8.8.8.8/send?to=http://${bracketed(host)}/`), /answer at (8\.8\.8\.8|2606:4700::1111)/, host),
  )
  reached.length = 0
  await eachCase(specialNames, async (host) => assert.match(await get(`http://8.8.8.8/send?to=http://${host}/`), /engine\/builtin/, host))
  assert.deepEqual(reached, [])
})

test('what the operator names is found without a thread, and by a short name too', async (t) => {
  const { resolver } = await arrange(t)
  const lookup = createOperatorLookup()
  const find = (name: string) =>
    new Promise<unknown>((resolve) => lookup(name, { all: true }, (error, found) => resolve(error === null ? found : error.code)))
  assert.deepEqual(await find('four.example'), [{ address: '8.8.8.8', family: 4 }])
  assert.deepEqual(await find('hosted'), [{ address: '8.8.8.8', family: 4 }])
  assert.deepEqual([...new Set(resolver.asked)], ['four.example'])
  assert.deepEqual(await find('short'), [{ address: '8.8.8.8', family: 4 }])
  assert.equal(await find('nowhere.example'), 'ENOTFOUND')
})
