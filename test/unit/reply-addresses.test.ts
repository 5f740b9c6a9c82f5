/** A service's reply names places as callers know them, and no address of the inside. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createReplyAddresses } from '../../src/resources/service/reply-addresses.ts'
import { eachCase } from '../support/cases.ts'

const inner = createReplyAddresses('search', new URL('http://search.internal:8080/base/'))
const rewritten = (name: string, value: string, asked = '/base/v1/items?page=1') => inner.rewrite([name, value], asked)[1] ?? null

for (const name of ['Location', 'content-location', 'URI', 'SourceMap']) {
  for (const [value, expected] of [
    ['http://search.internal:8080/base/v2?q=1#top', '/services/search/v2?q=1#top'],
    ['HTTP://SEARCH.internal:8080/base', '/services/search/'],
    ['//search.internal:8080/base/v2', '/services/search/v2'],
    ['http://search.internal.:8080/base/v2', '/services/search/v2'],
    ['http://user:secret@search.internal:8080/base/v2', '/services/search/v2'],
    ['/base/v2', '/services/search/v2'],
    ['next', '/services/search/v1/next'],
    ['../v2/', '/services/search/v2/'],
    ['?page=2', '/services/search/v1/items?page=2'],
    ['\\base\\v2', '/services/search/v2'],
    ['https://accounts.example.com/login?back=1', 'https://accounts.example.com/login?back=1'],
  ] as const)
    test(`${name} leads where the caller can follow: ${value}`, () => {
      assert.equal(rewritten(name, value), expected, value)
    })

  for (const value of [
    'http://search.internal:9090/base/v2',
    'https://search.internal:8080/base/v2',
    'ws://search.internal:8080/base/v2',
    'http://search.internal/',
    'http://search.internal./',
    'http://10.1.2.3/admin',
    'http://[fd00::1]:80/',
    'http://2130706433/',
    'http://localhost:3000/',
    '/admin',
    '/based',
    '../../admin',
    'http://[',
  ])
    test(`${name} is left out where it leads elsewhere inside, or outside the service’s path: ${value}`, () => {
      assert.equal(rewritten(name, value), null, value)
    })
}

test('Refresh and Link keep what stands around their references', () => {
  assert.equal(rewritten('Refresh', '5'), '5')
  eachCase(['5; url=http://search.internal:8080/base/x', '5;URL="/base/x"', "5, '/base/x'", '5 /base/x'], (value) =>
    assert.equal(rewritten('Refresh', value), '5; url=/services/search/x', value),
  )
  assert.equal(rewritten('Refresh', '0; url=http://10.0.0.1/'), null)
  assert.equal(rewritten('Refresh', 'url=/base/x'), null)
  assert.equal(
    rewritten(
      'Link',
      '<http://search.internal:8080/base/v1?page=2>; rel="next, last", </base/s.css>; rel=preload, <https://cdn.example.com/x>',
    ),
    '</services/search/v1?page=2>; rel="next, last", </services/search/s.css>; rel=preload, <https://cdn.example.com/x>',
  )
  assert.equal(
    rewritten('Link', '<http://10.0.0.1/>; rel=next, </base/x>; anchor="http://search.internal:8080/base/y"'),
    '</services/search/x>; anchor="/services/search/y"',
  )
  assert.equal(rewritten('Link', '<http://10.0.0.1/>; rel=next'), null)
})

test('cookies go back to the service that set them and to no other', () => {
  const cases = [
    ['a=1', 'a=1'],
    ['a=1; Path=/; Domain=search.internal; HttpOnly', 'a=1; HttpOnly; Path=/services/search'],
    ['a=1; path=/base/v1 ; Secure', 'a=1; Secure; Path=/services/search/v1'],
    ['a=1; Path=/base', 'a=1; Path=/services/search'],
    ['a=1; Path=/other', 'a=1; Path=/services/search'],
    ['a=1; Path=/other; Path=relative', 'a=1'],
    ['a=1;DOMAIN=.internal;Max-Age=5', 'a=1;Max-Age=5'],
  ] as const
  eachCase(cases, ([value, expected]) => assert.equal(rewritten('Set-Cookie', value), expected, value))
  const root = createReplyAddresses('s', new URL('http://127.0.0.1:1'))
  assert.deepEqual(root.rewrite(['Set-Cookie', 'a=1; Path=/x'], '/'), ['Set-Cookie', 'a=1; Path=/services/s/x'])
  assert.deepEqual(root.rewrite(['Set-Cookie', 'a=1'], '/?q'), ['Set-Cookie', 'a=1; Path=/services/s'])
})

test('whatever else spells the service’s address out does so no more', () => {
  assert.equal(
    rewritten('X-Self', 'see http://search.internal:8080/base/a and wss://search.internal:8080'),
    'see /services/search/a and /services/search',
  )
  assert.equal(
    rewritten('X-Other', 'http://search.internal:80800/ http://search.internal.example/'),
    'http://search.internal:80800/ http://search.internal.example/',
  )
  assert.equal(rewritten('Alt-Svc', 'h2="search.internal:8443"'), null)
})

test('no reply header that names a place holds the service’s authority', () => {
  const names = fc.constantFrom('Location', 'Content-Location', 'Refresh', 'Link', 'Set-Cookie', 'X-Any')
  const pieces = fc.constantFrom(
    'http:',
    '//',
    'search.internal:8080',
    '/base',
    '/x',
    '<',
    '>',
    ';',
    ',',
    '"',
    ' ',
    '5',
    'url=',
    'a=1',
    'Path=',
    '\\',
    '@',
    '?',
    '#',
    '..',
  )
  fc.assert(
    fc.property(names, fc.array(pieces, { maxLength: 12 }), (name, parts) => {
      assert.doesNotMatch(rewritten(name, parts.join('')) ?? '', /\/\/(?:[^\s/@]*@)?search\.internal:8080(?![\w.:-])/)
    }),
  )
})

for (const unit of ['<', '"', '\\"', '//', ' ', ';', ',', '<">', 'http://search.internal:8080/base'])
  test(`a hostile header costs time that grows as its length: ${JSON.stringify(unit)}`, () => {
    const cost = (unit: string, times: number) => {
      const began = process.cpuUsage().user
      eachCase(['Location', 'Refresh', 'Link', 'Set-Cookie', 'X-Any'], (name) => {
        rewritten(name, `5; url=${unit.repeat(times)}`)
      })
      return process.cpuUsage().user - began
    }
    cost(unit, 1000)
    const small = Math.max(2000, cost(unit, 1000))
    assert.ok(cost(unit, 16_000) / small < 100, unit)
  })

for (const url of ['https://search.internal', 'https://search.internal.', 'https://search.internal:443/'])
  test(`a service is known by its name with and without the last dot, and by its port written out: ${url}`, () => {
    const { rewrite } = createReplyAddresses('search', new URL(url))
    eachCase(['https://search.internal', 'https://search.internal.', 'https://SEARCH.internal:443'], (place) => {
      eachCase(['Location', 'X-Other', 'Refresh', 'Link'], (name) =>
        assert.doesNotMatch(
          rewrite([name, name === 'Link' ? `<${place}/x>` : `${name === 'Refresh' ? '0;url=' : ''}${place}/x`], '/a').join(),
          /internal/i,
        ),
      )
    })
    assert.deepEqual(rewrite(['Location', 'https://search.internal.:443/x'], '/a'), ['Location', '/services/search/x'])
    assert.deepEqual(rewrite(['Location', 'https://search.internal.example/x'], '/a'), ['Location', 'https://search.internal.example/x'])
  })
