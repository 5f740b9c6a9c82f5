/** One spelling for each path: what two parsers could read differently is refused (security cases 6 and 9). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalPath } from '../../src/canonical/index.ts'
import { Refusal } from '../../src/core/index.ts'
import { eachCase } from '../support/cases.ts'

const kept: readonly (readonly [string, string, string])[] = [
  ['/', '/', ''],
  ['/v1/items', '/v1/items', ''],
  ['/v1/items/', '/v1/items/', ''],
  ['/v1/items?page=1&x=%2F', '/v1/items', 'page=1&x=%2F'],
  ['/v1/items?a=../..', '/v1/items', 'a=../..'],
  ['/a;v=1/b', '/a;v=1/b', ''],
  ['/...', '/...', ''],
  ['/.well-known/x', '/.well-known/x', ''],
  ['/a..b/c', '/a..b/c', ''],
  ['/%41%2d%7e', '/A-~', ''],
  ['/caf%c3%a9', '/caf%C3%A9', ''],
  ['/x%20y', '/x%20y', ''],
  ['/@scope/name', '/@scope/name', ''],
  ['/./Packages', '/Packages', ''],
  ['/debs/./pool/./a.deb?x=/./', '/debs/pool/a.deb', 'x=/./'],
  ['/a/.', '/a/', ''],
  ['/a/./', '/a/', ''],
  ['/.', '/', ''],
  ['/./.', '/', ''],
  ['/./%41', '/A', ''],
]
for (const [raw, path, query] of kept) {
  test(`reads ${raw} as ${path}`, () => assert.deepEqual(canonicalPath(raw, []), { path, query }))
}

const literal = [{ encodedSlash: 'literal' }, { emptySegments: 'literal' }] as const
const chosen: readonly (readonly [string, string])[] = [
  ['/@types%2fnode', '/@types%2Fnode'],
  ['/%41%2F', '/A%2F'],
  ['/r/https%3a%2f%2fexample.com%2f', '/r/https%3A%2F%2Fexample.com%2F'],
  ['//', '//'],
  ['//a/key', '//a/key'],
  ['/a///b//', '/a///b//'],
  ['/.//a', '//a'],
  ['/a/.//./b%2fc', '/a//b%2Fc'],
]
for (const [raw, path] of chosen) {
  test(`reads ${raw} as ${path} where a capability takes it literally`, () => {
    assert.deepEqual(canonicalPath(raw, literal), { path, query: '' })
    assert.throws(() => canonicalPath(raw, []), /needs a capability with (?:encodedSlash|emptySegments): literal/)
  })
}

for (const [raw] of chosen.filter(([, path]) => path.includes('%2F') && path.includes('//')))
  test(`${raw} needs both choices`, () => eachCase(literal, (choice) => assert.throws(() => canonicalPath(raw, [choice]), Refusal)))

const refused = [
  '',
  'v1',
  '/..',
  '/../x',
  '/a/../b',
  '/a/..',
  '/./../a',
  '/a/./%2e%2e/b',
  '/%2e/a',
  '/a/%2e',
  './a',
  '/.//a',
  '/.%2e/./a',
  '/a/%2e%2e/b',
  '/a/%2E./b',
  '/a/.%2e',
  '/%2e',
  '//',
  '//evil',
  '/a//b',
  '/a/b//',
  '/a\\b',
  '/a%5cb',
  '/a%2fb',
  '/a%2Fb',
  '/..;x=1/a',
  '/a/..;/b',
  '/a/.;/b',
  '/a/..%3b/b',
  '/a/%2e%2e;x/b',
  '/a#frag',
  '/a?b#c',
  '/a b',
  '/a\tb',
  '/a\0b',
  '/a%00b',
  '/%c0%ae%c0%ae/admin',
  '/a%C1%9Cb',
  '/a%e0%80%afb',
  '/a%F0%80%80%AFb',
  '/a%0ab',
  '/a%',
  '/a%4',
  '/a%zz',
  '/é',
  '/a\u202eb',
  '/a?b c',
  '/a?\n',
]
for (const raw of refused) {
  test(`refuses ${JSON.stringify(raw)}`, () =>
    assert.throws(
      () => canonicalPath(raw, []),
      (error) => error instanceof Refusal && error.code === 'malformed-request',
    ))
}

const neverLiteral = refused.filter((raw) => !['//', '//evil', '/a//b', '/a/b//', '/a%2fb', '/a%2Fb', '/.//a'].includes(raw))
const climbing = ['/a/..%2f', '/..%2fa', '/a%2f..', '/a%2F..%2Fb', '/%2e%2e%2fa', '/a%2f%2e%2E', '/a%2f.%2fb', '/%2f.', '/a//..', '//../a']
const disguised = ['/a%2f..;x=1/b', '/..;%2fa', '/a;x=1%2f..%3bv/b', '/a%2f%5c..', '/a%2f%00', '/%c0%af%2f', '/.%2fa', '//%2e']
for (const raw of [...neverLiteral, ...climbing, ...disguised]) {
  test(`refuses ${JSON.stringify(raw)} whatever is taken literally`, () => assert.throws(() => canonicalPath(raw, literal), Refusal))
}

const fragments = fc.array(
  fc.constantFrom(
    '/',
    '.',
    '..',
    '%2e',
    '%2E',
    '%2f',
    '%2F',
    '//',
    '%5c',
    'a',
    'B',
    '~',
    '%41',
    '%c3%a9',
    ';',
    '=',
    '%',
    '?',
    '#',
    '\\',
    '%00',
    ' ',
    '%3b',
  ),
  { maxLength: 12 },
)

test('what is accepted is a fixed point, and WHATWG URL reads the same path', () => {
  fc.assert(
    fc.property(fragments, (parts) => {
      let result: { path: string; query: string }
      try {
        result = canonicalPath(`/${parts.join('')}`, literal)
      } catch {
        return
      }
      assert.deepEqual(canonicalPath(result.path, literal), { path: result.path, query: '' })
      assert.equal(new URL(`http://x${result.path}`).pathname, result.path)
      for (const segment of result.path.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))).split('/'))
        assert.ok(segment !== '.' && segment !== '..')
    }),
    { numRuns: 20_000 },
  )
})
