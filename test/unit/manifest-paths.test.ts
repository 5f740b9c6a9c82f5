/** Which path patterns, hosts and ports a manifest can say, and what is said of those that nothing could match. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../src/config/index.ts'
import { integrationOf } from '../support/judge.ts'

const start = 'apiVersion: sallyport/v1\nkind: Integration\nname: weather\nowner: tests\n'

function decode(rest: string) {
  return integrationOf(`${start}${rest}`)
}

function messageOf(rest: string): string {
  try {
    decode(rest)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'no problem'
}

test('a pattern writes %2F or // where the capability takes them literally', () => {
  const [network] = decode(
    'network: [{ hosts: [a.example], paths: ["/@types%2F*", /keys//**], encodedSlash: literal, emptySegments: literal }]',
  ).network
  assert.deepEqual(network?.paths, ['/@types%2F*', '/keys//**'])
  assert.equal(network?.tls, 'intercept')
  const [service] = decode('services: [{ name: s, paths: [/keys//**], emptySegments: literal }]').services
  assert.equal(service?.emptySegments, 'literal')
  assert.equal(service?.encodedSlash, undefined)
})

test('"refuse" written out means the same as leaving the key out', () => {
  assert.deepEqual(
    decode('network: [{ hosts: [a.example], paths: [/a], encodedSlash: refuse, emptySegments: refuse }]').network,
    decode('network: [{ hosts: [a.example], paths: [/a] }]').network,
  )
})

test('encodedSlash or emptySegments alone makes a capability intercept TLS', () => {
  assert.equal(decode('network: [{ hosts: [a.example], encodedSlash: literal }]').network[0]?.tls, 'intercept')
  assert.match(messageOf('network: [{ hosts: [a.example], tls: tunnel, emptySegments: literal }]'), /cannot be held inside a blind tunnel/)
})

for (const [what, rest, said] of [
  ['%2F without the choice', 'network: [{ hosts: [a.example], paths: ["/a%2Fb"] }]', /network\.0\.paths\.0.*says "encodedSlash: literal"/s],
  ['// without the choice', 'services: [{ name: s, paths: [/a//b] }]', /services\.0\.paths\.0.*says "emptySegments: literal"/s],
  ['// with the other choice', 'services: [{ name: s, paths: [/a//b], encodedSlash: literal }]', /says "emptySegments: literal"/],
  ['%2f in lower case', 'network: [{ hosts: [a.example], paths: ["/a%2fb"], encodedSlash: literal }]', /upper-case hex/],
  ['.. behind %2F', 'network: [{ hosts: [a.example], paths: ["/a%2F..%2Fb"], encodedSlash: literal }]', /no "\." or "\.\." segment/],
] as const)
  test(`${what} in a pattern is refused: nothing could match it`, () => assert.match(messageOf(rest), said))

for (const [what, rest, said] of [
  ['hosts', 'network: [{ hosts: [] }]', /network\.0\.hosts: expected at least one host/],
  ['actions', 'files: [{ name: data, root: ../data, actions: [] }]', /files\.0\.actions: expected at least one action/],
  ['ports', 'network: [{ hosts: [a.example], ports: [] }]', /network\.0\.ports: expected at least one port/],
] as const)
  test(`an empty list of ${what} is refused: the capability would allow nothing`, () => assert.match(messageOf(rest), said))
