/** `timeouts` and `retries` of a capability: what may be written there, what contradicts itself, and how a change of it is described. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diffManifests, indexManifest } from '../../src/manifests/index.ts'
import { eachCase } from '../support/cases.ts'
import { grant } from '../support/grant.ts'
import { integrationOf } from '../support/judge.ts'

const network = (more: object) => integrationOf(grant({ network: [{ hosts: ['a.example'], tls: 'intercept', ...more }] } as never))
const service = (more: object) => integrationOf(grant({ services: [{ name: 'search', ...more }] } as never))

test('each timeout is read, and is an obligation of its capability', () => {
  const stated = { connect: '1s', tls: '2s', firstByte: '3s', idle: '4s', total: '1m' }
  const timeouts = { connectMs: 1000, tlsMs: 2000, firstByteMs: 3000, idleMs: 4000, totalMs: 60_000 }
  const [inNetwork, inService] = [network({ timeout: '6s', timeouts: stated }), service({ timeouts: stated })]
  assert.deepEqual([inNetwork.network[0]?.timeouts, inService.services[0]?.timeouts], [timeouts, timeouts])
  const { network: hosts, services } = indexManifest(inNetwork) as never as {
    network: { exact: Record<string, [{ obligations: unknown }]> }
    services: unknown
  }
  assert.deepEqual(hosts.exact['a.example']?.[0].obligations, { timeoutMs: 6000, timeouts })
  assert.deepEqual(services, {})
  assert.match(JSON.stringify(indexManifest(inService)), /"obligations":\{"timeouts":\{"connectMs":1000,/)
})

test('what would never be reached is refused', () =>
  eachCase(
    [
      [{ timeouts: { connect: '2s', total: '1s' } }, /connect: it is longer than "timeouts.total"/],
      [{ timeouts: { idle: '2s', total: '1s' } }, /idle: it is longer than "timeouts.total"/],
      [{ timeout: '2s', timeouts: { total: '1s' } }, /timeout: it is longer than "timeouts.total"/],
      [{ timeout: '1s', timeouts: { firstByte: '2s' } }, /firstByte: it is longer than "timeout"/],
    ] as const,
    ([more, message]) => assert.throws(() => network(more), message),
  ))

test('a reply may be idle for longer than its head may take', () =>
  assert.equal(network({ timeout: '1s', timeouts: { idle: '2s' } }).network[0]?.timeouts?.idleMs, 2000))

test('what the gateway takes no part in has no timeout', () =>
  eachCase(
    [
      [{ tls: 'none', timeouts: { tls: '1s' } }, /without TLS there is no handshake/],
      [{ tls: 'tunnel', timeouts: { tls: '1s' } }, /in a blind tunnel the handshake is the caller’s/],
      [{ tls: 'tunnel', timeouts: { firstByte: '1s' } }, /in a blind tunnel no reply is seen/],
      // The default, where nothing has to be seen.
      [{ tls: undefined, timeouts: { firstByte: '1s' } }, /in a blind tunnel no reply is seen/],
    ] as const,
    ([more, message]) => assert.throws(() => network(more), message),
  ))

test('an unknown timeout, an empty list of them and what is no duration are refused', () =>
  eachCase([{ dns: '1s' }, {}, { connect: 5 }, { connect: '0s' }, null], (timeouts) => {
    assert.throws(() => network({ timeouts }), { name: 'ConfigError' })
    assert.throws(() => service({ timeouts }), { name: 'ConfigError' })
  }))

test('a shorter timeout allows less, and a longer one more', () => {
  const [short, long] = [service({ timeouts: { idle: '1s' } }), service({ timeouts: { idle: '2s' } })]
  assert.notDeepEqual(diffManifests([short], [long]), diffManifests([long], [short]))
  assert.match(JSON.stringify(diffManifests([short], [long])), /idle timeout in ms/)
})

test('retries are read, and are an obligation of their capability', () => {
  const retries = { attempts: 3, backoffMs: 200, budgetPercent: 10 }
  const integration = service({ retries: { attempts: 3, backoff: '200ms', budget: 10 } })
  assert.deepEqual(integration.services[0]?.retries, retries)
  assert.match(
    JSON.stringify(indexManifest(integration)),
    /"obligations":\{"retries":\{"attempts":3,"backoffMs":200,"budgetPercent":10\}\}/,
  )
  assert.deepEqual(network({ retries: { attempts: 2 } }).network[0]?.retries, { attempts: 2 })
})

test('one attempt, more than five, a pause of hours and retries in a blind tunnel are refused', () => {
  eachCase([{ attempts: 1 }, { attempts: 6 }, { attempts: 2, backoff: '1h' }, { attempts: 2, budget: 0 }, { backoff: '1s' }], (retries) =>
    assert.throws(() => network({ retries }), { name: 'ConfigError' }),
  )
  assert.throws(() => network({ tls: 'tunnel', retries: { attempts: 2 } }), /in a blind tunnel no request is seen/)
})

test('more attempts are more than is allowed now', () =>
  assert.match(JSON.stringify(diffManifests([service({})], [service({ retries: { attempts: 2 } })])), /attempts/))
