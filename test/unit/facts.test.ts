/** What the policy sees of a body: one reading, or none that an origin could contradict (security case 11). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { segmentsOf } from '../../src/canonical/index.ts'
import type { RequestBody } from '../../src/core/index.ts'
import { bodyOf } from '../../src/resources/http/body-facts.ts'
import { headersOf, queryOf } from '../../src/text/index.ts'
import { eachCase } from '../support/cases.ts'

const body = (whole: Buffer | string | null): RequestBody => ({
  declaredBytes: null,
  arrived: async () => whole !== null,
  whole: typeof whole === 'string' ? Buffer.from(whole) : whole,
  watch: () => {},
  count: () => null,
  async *chunks() {},
})
const json = ['Content-Type', 'application/json']

for (const [what, text] of [
  ['is not JSON', '{"a":'],
  ['has a key twice', '{"role":"user","role":"admin"}'],
  ['has a key twice, once escaped', '{"role":"user","r\\u006fle":"admin"}'],
  ['has a key in two cases', '{"role":"user","Role":"admin"}'],
  ['has a key in two cases of Unicode', '{"pass":"x","pa\u017f\u017f":"y"}'],
  ['has a key twice, deep inside', '{"a":[{"b":{"c":1,"c":2}}]}'],
  ['has two values', '{} {}'],
  ['is not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ['is compressed', gzipSync('{"a":1}')],
] as const) {
  test(`JSON that ${what} is refused`, () => {
    assert.throws(() => bodyOf(body(text as Buffer | string), json), { code: 'malformed-request' })
  })
}

test('a body of two types is refused, whichever comes first', () => {
  eachCase(
    [
      [...json, 'content-type', 'text/plain'],
      ['CONTENT-TYPE', 'text/plain', ...json],
    ],
    (headers) => assert.throws(() => bodyOf(body('{"a":1}'), headers), { code: 'malformed-request' }),
  )
})

test('JSON, forms and texts are read, the rest is not', () => {
  const value = { a: [{ b: 1 }, { b: 2 }], ['__proto__']: { c: 1 } }
  assert.deepEqual(bodyOf(body(JSON.stringify(value)), ['content-type', 'application/problem+JSON; charset=utf-8'])['value'], value)
  assert.deepEqual(
    { ...(bodyOf(body('a=1&a=2'), ['content-type', 'application/x-www-form-urlencoded'])['value'] as object) },
    { a: ['1', '2'] },
  )
  assert.deepEqual(bodyOf(body('x'), ['content-type', 'text/plain']), { type: 'text', bytes: 1, value: 'x' })
  assert.deepEqual(bodyOf(body('x'), []), { type: 'binary', bytes: 1 })
})

test('a body that was not read says how long it will be, where it is known', () => {
  assert.deepEqual(bodyOf(body(null), json), { type: 'unread' })
  assert.deepEqual(bodyOf({ ...body(null), declaredBytes: 7 }, json), { type: 'unread', bytes: 7 })
})

const types = ['application/json', 'application/problem+json', 'application/x-www-form-urlencoded', 'text/plain', 'application/x-ndjson']
for (const type of types)
  for (const [header, encoding] of [
    ['gzip', 'gzip'],
    ['X-GZIP', 'x-gzip'],
    ['br', 'br'],
    ['deflate, identity, gzip', 'deflate, gzip'],
    ['unknown', 'unknown'],
  ] as const)
    test(`${type} in ${header} is binary, with its coding named`, () => {
      const whole = gzipSync('{"a":1}')
      assert.deepEqual(bodyOf(body(whole), ['content-type', type, 'content-encoding', header]), {
        type: 'binary',
        bytes: whole.byteLength,
        encoding,
      })
    })

test('codings of several headers are all named, and “identity” is not one of them', () => {
  const headers = (...values: string[]) => [...json, ...values.flatMap((value) => ['Content-Encoding', value])]
  assert.equal(bodyOf(body('{}'), headers('identity', 'gzip', ' br'))['encoding'], 'gzip, br')
  assert.deepEqual(bodyOf(body('{}'), headers('identity', '')), { type: 'json', bytes: 2, value: {} })
})

for (const [type, charset] of [
  ['application/json; charset=utf-16', 'utf-16'],
  ['text/plain; charset="UTF-16LE"', 'utf-16le'],
  ['application/x-www-form-urlencoded;charset=ISO-8859-1; x=1', 'iso-8859-1'],
  ['text/html; charset=utf-7', 'utf-7'],
] as const)
  test(`${type} is binary, with its character set named`, () => {
    const whole = Buffer.from('{"a":1}', 'utf16le')
    assert.deepEqual(bodyOf(body(whole), ['content-type', type]), { type: 'binary', bytes: whole.byteLength, charset })
  })

for (const [what, whole] of [
  ['UTF-16 with a mark', Buffer.from('\ufeffpassword=1', 'utf16le')],
  ['UTF-16 without one', Buffer.from('password=1', 'utf16le')],
  ['ISO 8859-1', Buffer.from('pässword=1', 'latin1')],
] as const)
  for (const type of ['application/x-www-form-urlencoded', 'text/plain'])
    test(`a form or text that is ${what}, and does not say so, is binary: ${type}`, () => {
      assert.deepEqual(bodyOf(body(whole), ['content-type', type]), { type: 'binary', bytes: whole.byteLength })
    })

test('XML that declares another character set is binary, with it named', () => {
  const xml = (encoding: string) => `<?xml version="1.0" encoding="${encoding}"?><a/>`
  assert.equal(bodyOf(body(xml('UTF-7')), ['content-type', 'text/xml'])['charset'], 'utf-7')
  assert.deepEqual(bodyOf(body(xml('utf-8')), ['content-type', 'text/xml'])['value'], xml('utf-8'))
})

test('two character sets are refused, and one that is there twice is not', () => {
  const typed = (type: string) => bodyOf(body('x'), ['content-type', type])
  assert.throws(() => typed('text/plain; charset=utf-8; charset=utf-16'), { code: 'malformed-request' })
  assert.throws(() => typed('text/plain, application/json'), { code: 'malformed-request' })
  assert.equal(typed('text/plain; charset=utf-8; charset="UTF-8"')['value'], 'x')
  assert.equal(typed('text/plain;  CharSet = utf-8 ; x="charset=a"')['value'], 'x')
  assert.throws(() => typed('text/plain; charset="utf-8"utf-16'), { code: 'malformed-request' })
})

test('a query and a form are read as URLSearchParams reads them, but for a “?” at the beginning, which is part of the first key', () => {
  const pieces = fc.constantFrom(...'&&==++?;#a', '%41', '%', '%f', '%C3%A9', '%ff', '%26', '%3D', '%00', 'é', '😀', '__proto__')
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      const query = parts.join('')
      const expected = new Map<string, string[]>()
      for (const [key, value] of new URLSearchParams(`?${query}`)) expected.set(key, [...(expected.get(key) ?? []), value])
      assert.deepEqual(Object.entries(queryOf(query)), [...expected])
    }),
    { numRuns: 5000 },
  )
})

test('keys without a value cost what they are long, and not that squared', () => {
  const { user } = process.cpuUsage()
  const many = 4_000_000
  assert.equal(queryOf('a&'.repeat(many))['a']?.length, many)
  // To look for the next “=” from each key takes two minutes; this takes half a second.
  assert.ok(process.cpuUsage().user - user < 10_000_000)
})

test('a character set in a megabyte of blanks costs what it is long, and not that squared', () => {
  const { user } = process.cpuUsage()
  const blanks = ' '.repeat(1024 * 1024)
  assert.equal(bodyOf(body('x'), ['content-type', `text/plain;${blanks}charset${blanks}=${blanks}utf-8${blanks}`])['value'], 'x')
  assert.equal(bodyOf(body('x'), ['content-type', `text/plain; charset=utf-16${blanks}x`])['type'], 'binary')
  // An expression that tries each blank within each other one takes ten minutes; this takes a hundredth of a second.
  assert.ok(process.cpuUsage().user - user < 10_000_000)
})

const lines = '{"index":{}}\n{"a":1}\r\n\n[2]\n'

test('several JSON values, each on a line of its own, are binary where they say so', () => {
  eachCase(
    ['application/x-ndjson', 'application/ndjson', 'application/jsonl', 'application/json-seq', 'application/geo+json-seq'],
    (type) => assert.deepEqual(bodyOf(body(lines), ['content-type', type]), { type: 'binary', bytes: lines.length }),
  )
  assert.equal(bodyOf(body(lines), ['content-type', 'text/x-ndjson'])['type'], 'text')
})

// An origin that reads the first value of a body (Go's json.Decoder) would act on what no rule has seen.
for (const type of [
  'application/json',
  'application/json; charset=utf-8',
  'application/vnd.api+json',
  'application/stream+json',
  'text/json',
])
  test(`${type} that is not one JSON value is refused, and the caller is told what to send instead`, () => {
    eachCase(
      [
        lines,
        '{"a":1}{"b":2}',
        '{"a":1} x',
        '{"a":1}\0',
        '{"a":1}\n{',
        '\x1e{"a":1}\n',
        '',
        ' ',
        "{'a':1}",
        '{a:1}',
        '{"a":1,}',
        '// c\n{"a":1}',
      ],
      (odd) =>
        assert.throws(
          () => bodyOf(body(odd), ['content-type', type]),
          { code: 'malformed-request', message: /calls itself JSON, and is not one JSON value.*application\/x-ndjson/ },
          odd,
        ),
    )
  })

for (const type of [
  'text/json',
  'TEXT/JSON',
  'application/x-json',
  'text/x-json',
  'application/jsonrequest',
  'application/ld+json ; profile="x"',
])
  test(`${type} is JSON, as servers take it`, () => {
    assert.deepEqual(bodyOf(body('{"a":1}'), ['content-type', type])['value'], { a: 1 })
  })

test('an invalid Content-Type is refused: a parser that looks at its beginning alone sees another one', () => {
  eachCase(
    ['application/json x', 'application/json\tx', 'application/json/x', 'application /json', 'application/json:x', '"application/json"'],
    (type) => {
      assert.throws(() => bodyOf(body('{"a":1}'), ['content-type', type]), { code: 'malformed-request' }, type)
    },
  )
  eachCase(['', ' ', 'json', ';charset=utf-8'], (type) => {
    assert.equal(bodyOf(body('x'), ['content-type', type])['type'], 'binary', type)
  })
})

test('JSON with a string of sixteen megabytes is read, and a key twice behind it is seen', () => {
  const long = JSON.stringify('x"\n'.repeat(4 * 1024 * 1024))
  assert.equal((bodyOf(body(`{"a":${long},"b":1}`), json)['value'] as { b: number }).b, 1)
  assert.throws(() => bodyOf(body(`{"a":${long},"A":1}`), json), { code: 'malformed-request' })
})

test('every duplicate of a header and of a query key is seen, and no name is special', () => {
  assert.deepEqual(
    { ...headersOf(['X-Role', 'user', 'x-role', 'admin', '__proto__', 'x']) },
    { 'x-role': ['user', 'admin'], ['__proto__']: ['x'] },
  )
  assert.deepEqual({ ...queryOf('role=user&role=admin&%72ole=root') }, { role: ['user', 'admin', 'root'] })
  assert.deepEqual(segmentsOf('/v1/items/'), ['v1', 'items', ''])
})
