/** Numbers keep their spelling from the text to the value and back. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isRawNumber, NumberOutOfRange, parseExactJson, parseJson, parseJudgedJson } from '../../src/text/index.ts'
import { eachCase } from '../support/cases.ts'

const odd = [
  '9007199254740993',
  '-9007199254740993',
  '123456789.123456789',
  '0.1000000000000000055511151231257827',
  '1.0',
  '1.50',
  '-0',
  '-0.0',
  '0e0',
  '1e3',
  '1E+3',
  '1e-7',
  '0.0000001',
  '0.000000',
  '100000000000000000000',
  '1000000000000000000000',
  `1${'0'.repeat(300)}`,
]

for (const spelling of odd)
  test(`${spelling.slice(0, 40)} is written as it was read, wherever it stands`, () => {
    eachCase([spelling, `[${spelling},"${spelling}",1]`, `{"__proto__":${spelling},"\\"":{"a":[${spelling}]}}`], (text) => {
      assert.equal(JSON.stringify(parseExactJson(text)), text)
      assert.equal(JSON.stringify(parseJudgedJson(text)), text)
    })
  })

for (const spelling of ['0', '-1', '1.5', '-0.5', '0.000001', '9007199254740991', '1e+21', '1e-7', '12345678901234567000'])
  test(`a number that JavaScript writes as it was read is a number: ${spelling}`, () => {
    assert.deepEqual([spelling, isRawNumber(parseExactJson(spelling))], [spelling, false])
  })

test('an object that looks like a number with a spelling is an object', () => {
  assert.equal(isRawNumber(parseExactJson('{"rawJSON":"1.0"}')), false)
})

test('a number beyond all doubles is kept in what is read, and refused in what is judged', () => {
  eachCase(['1e400', '-1E400', '1e-400', `1${'0'.repeat(400)}`, '1e99999999999', `0.${'0'.repeat(400)}1`], (spelling) => {
    assert.equal(JSON.stringify(parseExactJson(spelling)), spelling)
    assert.throws(() => parseJudgedJson(`{"a":["x",${spelling}]}`), NumberOutOfRange)
  })
  eachCase(['0e999', '0.0e-999', '-0e400'], (zero) => assert.equal(JSON.stringify(parseJudgedJson(zero)), zero))
})

for (const text of ['1.', '1e', '-', '01.0', '[1.0,]', '1.0 1.0', '+1.0', '.5000', '1.0e', '--1.0'])
  test(`what is not JSON is refused as JSON.parse refuses it: ${text}`, () => {
    assert.throws(() => parseExactJson(text), SyntaxError)
  })

test('strings of megabytes and deep documents are read', () => {
  const text = `{"a":${JSON.stringify('"\\'.repeat(4 * 1024 * 1024))},"b":1.0}`
  assert.equal(JSON.stringify(parseExactJson(text)) === text, true)
  assert.doesNotThrow(() => parseExactJson(`${'['.repeat(20_000)}1.0${']'.repeat(20_000)}`))
})

test('every document of any spelling is written as it was read, and reads as JSON.parse reads it', () => {
  const digits = fc.string({ unit: fc.constantFrom('0', '1', '9'), minLength: 1, maxLength: 22 })
  const number = fc
    .tuple(fc.constantFrom('', '-'), digits, fc.constantFrom('', '.'), digits, fc.constantFrom('', 'e', 'E+', 'e-'), fc.nat(200))
    .map(
      ([sign, whole, point, part, e, exponent]) =>
        `${sign}${String(BigInt(whole))}${point === '' ? '' : `.${part}`}${e === '' ? '' : `${e}${exponent}`}`,
    )
  const string = fc
    .string({ unit: fc.constantFrom('"', '\\', '1.0', '-', 'e', 'é', '\u2028'), maxLength: 6 })
    .map((value) => JSON.stringify(value))
  const document = fc.letrec<{ value: string; list: string; object: string }>((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, string, number, fc.constantFrom('true', 'false', 'null'), tie('list'), tie('object')),
    list: fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join()}]`),
    object: fc
      .uniqueArray(fc.tuple(string, tie('value')), { maxLength: 3, selector: ([key]) => key })
      .map((members) => `{${members.map(([key, value]) => `${key}:${value}`).join()}}`),
  })).value
  fc.assert(
    fc.property(document, (text) => {
      const written = JSON.stringify(parseExactJson(text))
      assert.equal(written, text)
      assert.deepEqual(parseJson(written), parseJson(text))
    }),
    { numRuns: 5000, seed: 9 },
  )
})
