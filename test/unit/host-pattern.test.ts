/** Patterns of hosts: the spelling that the doors give a host, and one answer to which hosts a pattern stands for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressesFor } from '../../src/authoring/explain.ts'
import { canonicalAddress, canonicalHost, canonicalHostPattern, hostCovers } from '../../src/canonical/index.ts'
import type { Integration } from '../../src/core/index.ts'

const hosts = fc.oneof(fc.domain(), fc.ipV4Extended(), fc.ipV6(), fc.string({ unit: 'binary', maxLength: 12 }))

function atTheDoor(host: string): string | null {
  try {
    return canonicalHost(host.includes(':') ? `[${host}]` : host)
  } catch {
    return null
  }
}

test('a manifest and the doors spell every host alike, and refuse the same', () => {
  fc.assert(
    fc.property(
      hosts.filter((host) => !host.startsWith('*')),
      (host) => assert.equal(canonicalHostPattern(host), atTheDoor(host)),
    ),
    { numRuns: 20_000 },
  )
})

test('a wildcard needs at least two labels behind it', () => {
  assert.equal(canonicalHostPattern('*.EXAMPLE.com.'), '*.example.com')
  assert.equal(canonicalHostPattern('*'), '*')
  const refused = ['*.com', '*.10.0.0.1', '*.0x7f.1', '*.[::1]', '*.::1', '**.example.com', 'a.*.example.com', '*example.com', '[::1]', '']
  assert.deepEqual(
    refused.map((pattern) => canonicalHostPattern(pattern)),
    refused.map(() => null),
  )
})

test('an address has one spelling, an IPv4-mapped one that of IPv4, and one with a zone none', () => {
  const spellings = ['10.0.0.1', '::ffff:10.0.0.1', '::FFFF:a00:1', '0:0:0:0:0:0:0:1', '2001:DB8::1', 'fe80::1%eth0', '10.0.0', 'a.example']
  assert.deepEqual(spellings.map(canonicalAddress), ['10.0.0.1', '10.0.0.1', '10.0.0.1', '::1', '2001:db8::1', null, null, null])
})

test('a wildcard never matches an address', () => {
  const addresses = ['10.0.0.1', '::1', '2001:db8::1']
  assert.deepEqual(
    addresses.filter((address) => hostCovers('*', address) || hostCovers('*.0.1', address)),
    [],
  )
  assert.ok(hostCovers('*', 'a.example') && hostCovers('*', '*.a.example') && hostCovers('*.a.example', '*.b.a.example'))
  assert.ok(!hostCovers('*.a.example', 'a.example') && !hostCovers('*.a.example', 'ba.example'))
})

test('a suggestion for an address takes no blocks from a capability whose "*" does not stand for it', () => {
  const network = [
    { hosts: ['*'], addresses: ['10.0.0.0/8'] },
    { hosts: ['10.0.0.1'], addresses: ['10.0.0.1/32'] },
  ] as unknown as Integration['network']
  assert.deepEqual(addressesFor({ network }, '10.0.0.1'), ['10.0.0.1/32'])
})
