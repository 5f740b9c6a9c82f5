/** The security cases inside an interception: where a request may lead is the same in HTTP/1.1 and in HTTP/2, over IPv4 and over IPv6. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalHost } from '../../src/canonical/index.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import { areRefused, both, families, insideName, startInside } from '../support/inside-cases.ts'
import { startOrigin } from '../support/origin.ts'
import { pathCases } from '../support/path-cases.ts'
import { startNameServer } from '../support/resolver.ts'

/** Each is 127.0.0.1, or another special address. */
const forms = [
  ...['127.0.0.1', '127.1', '2130706433', '0x7f000001', '0177.0.0.1', '0', '10.0.0.1', '100.64.0.1', '169.254.169.254', '[::1]', '[::]'],
  ...[
    '[::ffff:127.0.0.1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    '[fc00::1]',
    '[fe80::1]',
    '[ff02::1]',
  ],
]
/** Of the gateway. The address that its caller used, in a CONNECT, leads to what the caller may do, and nowhere else. */
const own = ['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0', '[::]']
const canonical = (hosts: readonly string[]) => [...new Set(hosts.map((host) => canonicalHost(host)))]

for (const family of families) {
  const { address, options } = family

  test(
    `cases 5, 14: no special address in any form, and nothing of the gateway’s own, is dialled from inside over ${address}`,
    options,
    async (t) => {
      const { verdicts, reload, installation, origin, proxyPort } = await startInside(t, family)
      const special = { hosts: canonical(forms), ports: [origin.port], tls: 'intercept' as const, paths: ['/**'] }
      const gateway = { ...special, hosts: canonical(own), ports: [proxyPort], addresses: ['0.0.0.0/0', '::/0'] }
      installation.write('integrations/weather.yaml', grant({ network: [special, gateway] }))
      assert.equal((await reload()).ok, true)
      // An address is in no handshake, and in the certificate it is another kind of name.
      const byNumber = { servername: '', tls: { checkServerIdentity: () => undefined } }
      await eachCase(forms, async (host) => assert.deepEqual(await verdicts({}, { ...byNumber, host }), both('address-denied')))
      const others = own.filter((host) => canonicalHost(host) !== address)
      await eachCase(others, async (host) =>
        assert.deepEqual(await verdicts({ target: '/metrics' }, { ...byNumber, host, port: proxyPort }), both('address-denied')),
      )
      assert.equal(origin.connections(), 0)
    },
  )

  test(
    `cases 4, 12: nothing is looked up before an allow, and each answer is judged when it is dialled, over ${address}`,
    options,
    async (t) => {
      const host = 'rebinding.example'
      const answers = [address]
      const resolver = await startNameServer(t, (_name, type) => answers.filter((one) => one.includes(':') === (type === 'AAAA')))
      const { verdicts, origin } = await startInside(t, family, {
        ...{ http: `, dnsServers: ["127.0.0.1:${resolver.port}"]`, certified: host },
        capability: { hosts: [host], addresses: [address] },
      })
      const ask = (target: string) => verdicts({ target }, { host, servername: host })
      assert.deepEqual(await ask('/admin'), both('policy-denied'))
      assert.ok(areRefused(await ask('/v1/../a')))
      assert.deepEqual(resolver.asked, [])
      assert.deepEqual(await ask('/v1/a'), both('served'))
      await eachCase([['10.0.0.1'], ['fd00::1'], [address, '10.0.0.1'], ['::ffff:10.0.0.1'], ['169.254.169.254']], async (next) => {
        answers.splice(0, answers.length, ...next)
        origin.server.closeAllConnections()
        await eventually('what was kept has ended', async () => (await ask('/v1/a')).every((verdict) => verdict === 'address-denied'))
      })
    },
  )

  test(
    `cases 8, 13: a redirect is the caller’s to follow, and the gateway’s own paths are the origin’s inside, over ${address}`,
    options,
    async (t) => {
      const thief = await startOrigin(t, { host: address })
      const movedTo = `https://${insideName}:${thief.port}/`
      const { verdicts, origin } = await startInside(t, family, { capability: { paths: ['/**'] }, movedTo })
      const paths = ['/v1/moved', '/v1/self', '/v1/files/data/a', '/services/s/x', '/metrics']
      await eachCase(paths, async (target) => assert.deepEqual(await verdicts({ target }), both('served')))
      assert.deepEqual(
        origin.requests.map(({ url }) => url),
        paths.flatMap(both),
      )
      assert.equal(thief.connections(), 0)
    },
  )

  test(
    `cases 4, 5, 6, 9, 12 of WebSockets: a handshake has the verdict of a request, whatever it is in, over ${address}`,
    options,
    async (t) => {
      const host = 'rebinding.example'
      const answers = ['10.0.0.1']
      const resolver = await startNameServer(t, (_name, type) => answers.filter((one) => one.includes(':') === (type === 'AAAA')))
      const { verdicts, origin } = await startInside(t, family, {
        ...{ http: `, dnsServers: ["127.0.0.1:${resolver.port}"]`, certified: host },
        capability: { hosts: [host, '127.0.0.1'], websocket: true, addresses: ['192.0.2.0/24'] },
      })
      const to = { host, servername: host }
      await eachCase(
        pathCases.filter(({ status }) => status === 403),
        async ({ path }) => assert.deepEqual(await verdicts({ target: path, websocket: true }, to), both('policy-denied')),
      )
      await eachCase(
        pathCases.filter(({ status }) => status === 400),
        async ({ path }) => assert.ok(areRefused(await verdicts({ target: path, websocket: true }, to))),
      )
      assert.deepEqual(resolver.asked, [])
      await eachCase([['10.0.0.1'], ['fd00::1'], [address, '192.0.2.1'], ['169.254.169.254']], async (next) => {
        answers.splice(0, answers.length, ...next)
        assert.deepEqual(await verdicts({ target: '/v1/a', websocket: true }, to), both('address-denied'))
      })
      const byNumber = { host: '127.0.0.1', servername: '', tls: { checkServerIdentity: () => undefined } }
      assert.deepEqual(await verdicts({ target: '/v1/a', websocket: true }, byNumber), both('address-denied'))
      assert.equal(origin.connections(), 0)
    },
  )
}
