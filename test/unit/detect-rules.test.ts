/** Each shipped rule finds what it is for, and each of its settings can silence it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rulesFrom } from '../../src/config/index.ts'
import type { RuleName } from '../../src/detect/index.ts'
import type { Flow } from '../../src/watch/index.ts'
import { eachCase } from '../support/cases.ts'
import { detectorWith, flow, foundOnThursday, hours, minutes, monday, pass, thursday } from '../support/watched-days.ts'

const drop = 'drop.example.net:443'
const encoded = (index: number) => `${'abcdefghijklmnopqrstuvwxyz234567'.repeat(2).slice(index, index + 32)}.example.biz:443`
const at = (hour: number, ms = hours) => ({ from: hour * hours, to: hour * hours + ms })
const small = { requests: 1, sentBytes: 500, receivedBytes: 500 }

interface Scenario {
  readonly rule: RuleName
  readonly from: number
  readonly to: number
  readonly more: (at: number) => readonly Flow[]
  /** Settings that silence it. */
  readonly silent: Readonly<Record<string, unknown>>
}

const scenarios: readonly Scenario[] = [
  {
    rule: 'new-destination',
    ...at(10, 5 * minutes),
    more: () => [flow({ ...small, destination: drop })],
    silent: { learning: '90d' },
  },
  {
    rule: 'exfiltration',
    ...at(10, 30 * minutes),
    more: () => [flow({ destination: drop, requests: 1, sentBytes: 400_000, receivedBytes: 1000 })],
    silent: { minLearnedUpload: '1GB', ratio: 1e6, newFor: '1s' },
  },
  {
    rule: 'exfiltration',
    ...at(10, 5 * minutes),
    more: () => [flow({ destination: drop, requests: 1, sentBytes: 10_000_000, receivedBytes: 1000 })],
    silent: { enabled: false },
  },
  {
    rule: 'upload-volume',
    ...at(10, 5 * minutes),
    more: () => [flow({ requests: 4, sentBytes: 2_000_000, receivedBytes: 1000 })],
    silent: { deviations: 1000, ratio: 1000, minUpload: '1GB' },
  },
  {
    rule: 'download-volume',
    ...at(10, 5 * minutes),
    more: () => [flow({ requests: 4, sentBytes: 1000, receivedBytes: 40_000_000 })],
    silent: { deviations: 1000, ratio: 1000, minDownload: '1GB' },
  },
  {
    rule: 'slow-leak',
    ...at(8, 8 * hours),
    more: () => [flow({ requests: 1, sentBytes: 250_000, receivedBytes: 1000 })],
    silent: { deviations: 100, ratio: 100, hours: 20, minUpload: '1GB' },
  },
  {
    rule: 'denials',
    ...at(10, 5 * minutes),
    more: () => [flow({ destination: 'telemetry.example.com:443', requests: 110, denied: 110, sentBytes: 0, receivedBytes: 0 })],
    silent: { deviations: 1000, ratio: 1000, minDenied: 10_000 },
  },
  {
    rule: 'denials',
    ...at(10, 10 * minutes),
    more: () => Array.from({ length: 12 }, (_, index) => flow({ destination: `host-${index}:22`, requests: 1, denied: 1, sentBytes: 0 })),
    silent: { minDestinations: 1000 },
  },
  {
    rule: 'flood',
    ...at(10, 5 * minutes),
    more: () => [flow({ requests: 450, sentBytes: 1000, receivedBytes: 1000 })],
    silent: { deviations: 1000, ratio: 1000, minRequests: 10_000 },
  },
  {
    rule: 'odd-hour',
    ...at(3, 30 * minutes),
    more: () => [flow({ requests: 20, sentBytes: 4000, receivedBytes: 4000 })],
    silent: { minRequests: 10_000 },
  },
  {
    rule: 'beaconing',
    ...at(9, 3 * hours),
    more: (from) => [flow({ ...small, destination: drop, startedAt: [from + ((from / minutes / 5) ** 2 % 11) * 3000] })],
    silent: { minBeats: 47, maxJitter: 0.001, minSpan: '24h' },
  },
  {
    rule: 'encoded-names',
    ...at(10, 30 * minutes),
    more: (from) => [flow({ ...small, destination: encoded((from / minutes / 5) % 12), labelEntropy: 4.8 })],
    silent: { minNames: 100, minEntropy: 5, minLabel: 60 },
  },
  {
    rule: 'errors',
    ...at(10, 40 * minutes),
    more: () => [flow({ requests: 100, originErrors: 100, sentBytes: 1000, receivedBytes: 1000 })],
    silent: { share: 0.9, minRequests: 1000, windows: 100 },
  },
]

for (const { rule, from, to, more, silent } of scenarios)
  test(`${rule} finds what it is for, and nothing where a setting says so: ${Object.keys(silent).join(', ')}`, () => {
    const found = (given: unknown) => foundOnThursday(given, from, to, more).filter((finding) => finding.rule === rule)
    assert.equal(found({}).length, 1)
    eachCase(Object.entries(silent), ([setting, value]) => assert.deepEqual(found({ [rule]: { [setting]: value } }), [], setting))
  })

test('ratio of odd-hour counts from what the hour has usually', () => {
  const found = (given: unknown) => {
    const detector = detectorWith(given)
    const atThree = (requests: number) => (from: number) =>
      new Date(from).getUTCMinutes() === 30 && new Date(from).getUTCHours() === 3 ? [flow({ ...small, requests })] : []
    pass(detector, monday, thursday, atThree(5))
    return pass(detector, thursday, thursday + 4 * hours, atThree(100)).map(({ rule }) => rule)
  }
  assert.deepEqual(found({}), ['odd-hour'])
  assert.deepEqual(found({ 'odd-hour': { ratio: 100 } }), [])
})

test('new-destination says no more than one thing in the time of every', () => {
  const more = (from: number) => [flow({ ...small, destination: `new-${from}.example.net:443` })]
  const count = (every: string) =>
    foundOnThursday({ 'new-destination': { every } }, 9 * hours, 11 * hours, more).filter(({ rule }) => rule === 'new-destination').length
  assert.equal(count('24h'), 1)
  assert.equal(count('5m'), 24)
})

test('beaconing is noticed of integrations in fromStart although nothing is known of them, and of others only once they are known', () => {
  const beat = (from: number) => [flow({ ...small, destination: drop, startedAt: [from] })]
  const found = (given: object) =>
    pass(detectorWith({ beaconing: given }), monday, monday + 2 * hours, beat).filter(({ rule }) => rule === 'beaconing')
  assert.deepEqual(found({}), [])
  assert.deepEqual(
    found({ fromStart: ['alpha'] }).map(({ destination }) => destination),
    [drop],
  )
})

test('every rule can be off (enabled: false), have another severity, contain at once (state, for), and except integrations', () => {
  const upload = (given: object) =>
    foundOnThursday({ exfiltration: given }, 10 * hours, 10 * hours + 5 * minutes, () => [
      flow({ destination: drop, requests: 1, sentBytes: 10_000_000, receivedBytes: 1000 }),
    ]).filter(({ rule }) => rule === 'exfiltration')
  assert.deepEqual(upload({ enabled: false }), [])
  assert.deepEqual(upload({ except: ['alpha'] }), [])
  assert.equal(upload({ severity: 'low' })[0]?.severity, 'low')
  assert.deepEqual(upload({ contain: { state: 'throttled', for: '1m' } })[0]?.contain, { state: 'throttled', forMs: 60_000 })
  assert.equal(upload({ contain: null })[0]?.contain, null)
  const shared = Object.values(rulesFrom()).filter((rule) => !('enabled' in rule && 'severity' in rule && 'except' in rule))
  assert.deepEqual(shared, [])
})

test('what the gateway says of itself is found as its rules say: share of a quota, within for what ends, breakers, storage, reference', () => {
  const found = (given: unknown, type: 'quota' | 'token' | 'breaker' | 'disk' | 'reference', facts: Record<string, string | number>) =>
    detectorWith(given)
      .event({ type, integration: 'alpha', destination: null, facts, at: thursday })
      .map(({ rule, severity }) => [rule, severity])
  assert.deepEqual(found({}, 'quota', { name: 'requests', used: 95, limit: 100 }), [['quota', 'low']])
  assert.deepEqual(found({ quota: { share: 0.99 } }, 'quota', { used: 95, limit: 100 }), [])
  assert.deepEqual(found({}, 'token', { expiresAt: thursday + 24 * hours }), [['expiry', 'medium']])
  assert.deepEqual(found({ expiry: { within: '1h' } }, 'token', { expiresAt: thursday + 24 * hours }), [])
  assert.deepEqual(found({}, 'breaker', { state: 'open' }), [['breaker', 'medium']])
  assert.deepEqual(found({}, 'breaker', { state: 'closed' }), [])
  assert.deepEqual(found({}, 'disk', {}), [['storage', 'critical']])
  assert.deepEqual(found({}, 'reference', { count: 1 }), [['reference', 'critical']])
})

test('a small upload to a new destination is reported, and contained once it has become large, however slowly', () => {
  const found = foundOnThursday({}, 10 * hours, 12 * hours, () => [
    flow({ destination: drop, requests: 1, sentBytes: 600_000, receivedBytes: 1000 }),
  ]).filter(({ rule }) => rule === 'exfiltration')
  assert.deepEqual(
    found.map(({ at: time, contain }) => [(time - thursday - 10 * hours) / minutes, contain?.state ?? null]),
    [
      [5, null],
      [45, 'suspended'],
    ],
  )
})
