/** What a text says is what is read, whatever was read before (nodejs/node#63785). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseJson } from '../../src/text/index.ts'
import { eachCase } from '../support/cases.ts'

const keysOf = (text: string) => Object.keys(parseJson(text) as object)

test('a key is not read as one that was met before', () => {
  eachCase(['{"x":1,"\\\\":2}', '{"x":1,"\\\\u":2}', '{"x":1,"\\\\u0061":2}'], (earlier) => {
    parseJson(earlier)
  })
  assert.deepEqual(keysOf('{"x":1,"\\"":2}'), ['x', '"'])
  assert.deepEqual(keysOf('{"x":1,"\\n":2}'), ['x', '\n'])
  assert.deepEqual(keysOf('{"x":1,"\\u0061d":2}'), ['x', 'ad'])
  assert.deepEqual(keysOf('{"x":1,"\\u0061dmini":2}'), ['x', 'admini'])
})

test('escaped keys are own members, the last of a name counts, and values keep theirs', () => {
  const text = '{"\\u005f_proto__":{"a":1},"1":"one","\\u0031":"\\u0041: \\"b\\":","l":[{"\\t":null},"\\\\"]}'
  const value = parseJson(text) as Record<string, unknown>
  assert.deepEqual(Object.entries(value), [
    ['1', 'A: "b":'],
    ['__proto__', { a: 1 }],
    ['l', [{ '\t': null }, '\\']],
  ])
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
})

test('a reviver sees names, values and the source of numbers', () => {
  const seen: [string, unknown, string | undefined][] = []
  parseJson('{"\\u0061":1.0,"b":[2]}', (key, value, context) => {
    if (typeof value === 'number') seen.push([key, value, context?.source])
    return value
  })
  // Without escaped keys each value is seen once; with them the text is read twice.
  assert.deepEqual(seen.slice(-2), [
    ['a', 1, '1.0'],
    ['0', 2, '2'],
  ])
})

for (const text of ['', '{', '{"a\\":1}', '{"\\x":1}', '{"a":1}x', '{"\\u00":1}'])
  test(`what is not JSON is refused as JSON.parse refuses it: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseJson(text), SyntaxError)
  })

test('strings of megabytes, and texts within texts, are read', () => {
  const quotes = '"'.repeat(16 * 1024 * 1024)
  assert.equal((parseJson(JSON.stringify({ text: quotes })) as { text: string }).text === quotes, true)
  const long = 'a'.repeat(32 * 1024 * 1024)
  assert.equal((parseJson(`{"\\u0061":"${long}"}`) as { a: string }).a === long, true)
})

test('every document is read back as it was written, with any characters of its strings escaped', () => {
  const string = fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\u0000', 'a', 'u', '0', 'é', '\u2028', '😀'), maxLength: 8 })
  const document = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, string, fc.integer(), fc.constantFrom(true, false, null), tie('list'), tie('object')),
    list: fc.array(tie('value'), { maxLength: 3 }),
    object: fc.dictionary(string, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  })).value
  fc.assert(
    fc.property(document, fc.infiniteStream(fc.boolean()), (value, coins) => {
      const text = JSON.stringify(value).replace(/[au0](?=[^\\]*")/g, (character, at: number, whole: string) =>
        whole[at - 1] !== '\\' && /^[^\\]*$/.test(whole.slice(Math.max(0, at - 6), at)) && coins.next().value
          ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
          : character,
      )
      let reference: unknown
      try {
        JSON.parse(text)
        reference = value
      } catch {
        return // an escape that fell on a word outside of strings
      }
      assert.deepEqual(parseJson(text), reference)
    }),
    { numRuns: 5000, seed: 5 },
  )
})
