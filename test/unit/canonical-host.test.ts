/** One spelling for each host (security cases 1, 2 and 5). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalHost, formatAuthority, parseAuthority } from '../../src/canonical/index.ts'
import { Refusal } from '../../src/core/index.ts'
import { eachCase } from '../support/cases.ts'

const same: readonly (readonly [string, string])[] = [
  ['example.com', 'example.com'],
  ['EXAMPLE.com', 'example.com'],
  ['example.com.', 'example.com'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['ｅｘａｍｐｌｅ．com', 'example.com'],
  ['example。com', 'example.com'],
  ['127.0.0.1', '127.0.0.1'],
  ['127.1', '127.0.0.1'],
  ['2130706433', '127.0.0.1'],
  ['0x7f.1', '127.0.0.1'],
  ['0177.0.0.1', '127.0.0.1'],
  ['[::1]', '::1'],
  ['[0:0:0:0:0:0:0:1]', '::1'],
  ['[2001:DB8::1]', '2001:db8::1'],
  ['[::ffff:127.0.0.1]', '127.0.0.1'],
  ['[::ffff:7f00:1]', '127.0.0.1'],
  ['localhost', 'localhost'],
]
for (const [raw, host] of same) test(`reads ${raw} as ${host}`, () => assert.equal(canonicalHost(raw), host))

const refused = [
  '',
  '.',
  '..',
  'a..b',
  '.a',
  '[example.com]',
  '[[::1]]',
  '[::1',
  '::1]',
  '::1',
  '[fe80::1%25eth0]',
  '[fe80::1%eth0]',
  '[]',
  'evil\0.allowed.com',
  'a b',
  'a%2eb',
  'user@host',
  'a/b',
  'a\\b',
  'a#b',
  'a?b',
  '-a.com',
  'a-.com',
  '256.256.256.256',
  '1.2.3.4.5',
  '0x7g.1',
  'a.0x1',
  `${'a'.repeat(64)}.com`,
  `${'a.'.repeat(130)}com`,
  'a\u202e.com',
  '\ud800.com',
  'a,b',
]
for (const raw of refused) {
  test(`refuses ${JSON.stringify(raw).slice(0, 60)}`, () =>
    assert.throws(
      () => canonicalHost(raw),
      (error) => error instanceof Refusal && error.code === 'malformed-request',
    ))
}

test('reads ports, and refuses what is no port', () => {
  assert.deepEqual(parseAuthority('example.com:8443', 443), { host: 'example.com', port: 8443 })
  assert.deepEqual(parseAuthority('[::1]:80', 443), { host: '::1', port: 80 })
  assert.deepEqual(parseAuthority('example.com', 443), { host: 'example.com', port: 443 })
  eachCase(
    ['example.com:', 'example.com:0', 'example.com:65536', 'example.com:80x', 'example.com:080:1', 'example.com: 80', '::1:80', 'a:b:80'],
    (raw) => assert.throws(() => parseAuthority(raw, 443), Refusal),
  )
  assert.throws(() => parseAuthority('example.com', null), Refusal)
})

test('what is accepted is a fixed point', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.webAuthority(), fc.ipV6(), fc.ipV4Extended(), fc.domain(), fc.string({ unit: 'binary', maxLength: 12 })),
      (raw) => {
        let host: string
        try {
          host = canonicalHost(raw.includes(':') ? `[${raw}]` : raw)
        } catch {
          return
        }
        assert.deepEqual(parseAuthority(formatAuthority(host, 81, 80), 80), { host, port: 81 })
      },
    ),
    { numRuns: 20_000 },
  )
})
