/** What is personal in records, and what of it an answer or a filter could still show. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readQuestion, refuseHidden } from '../../src/admin/log/filter.ts'
import { createMask } from '../../src/admin/log/masks.ts'
import { createMatches } from '../../src/admin/log/matches.ts'
import { eachCase } from '../support/cases.ts'

test('a personal member is masked at any depth, with what stood in it elsewhere', () => {
  const mask = createMask(['path', 'peer'])
  assert.deepEqual(
    mask({
      type: 'decided',
      peer: '192.0.2.7',
      subject: { path: '/people/anna', host: 'a.example', list: [{ path: ['/people/bert'] }] },
      detail: 'GET a.example/people/anna from 192.0.2.7; also /people/bert',
      reasons: ['/people/anna is private'],
      asked: { request: { path: null } },
      input: { http: { segments: ['people', 'anna'] } },
    }),
    {
      type: 'decided',
      peer: '[personal]',
      subject: { path: '[personal]', host: 'a.example', list: [{ path: '[personal]' }] },
      detail: 'GET a.example[personal] from [personal]; also [personal]',
      reasons: ['[personal] is private'],
      asked: { request: { path: null } },
      input: '[personal]',
    },
  )
})

test('a member named __proto__ is a member, and a path of one character masks no other text', () => {
  const mask = createMask(['path'])
  const masked = mask(JSON.parse('{"__proto__":{"path":"/secret-path"},"path":"/","url":"http://a/b"}'))
  assert.equal(JSON.stringify(masked), '{"__proto__":{"path":"[personal]"},"path":"[personal]","url":"http://a/b"}')
})

test('nothing is masked where nothing is personal', () => {
  const record = { type: 'read', asked: { text: 'anna' } }
  assert.deepEqual(createMask([])(record), record)
  assert.deepEqual(createMask(['peer'])(record), { type: 'read', asked: { text: '[personal]' } })
})

test('no filter and no sum looks at what is masked', () => {
  const refuse =
    (query: string, hidden: readonly string[], by: string | null = null) =>
    () =>
      refuseHidden(readQuestion(new URLSearchParams(query), []).filter, by, hidden)
  const personal = /is personal/
  assert.throws(refuse('path=/a', ['path']), personal)
  assert.throws(refuse('text=a', ['path']), personal)
  assert.throws(refuse('problem=a', ['code']), personal)
  assert.throws(refuse('decision=allow', ['allow']), personal)
  assert.throws(refuse('since=2026-01-01', ['time']), personal)
  assert.throws(refuse('', ['host'], 'host'), personal)
  assert.doesNotThrow(refuse('host=a&rule=b', ['path', 'peer']))
  assert.doesNotThrow(refuse('text=a&path=/a', []))
})

test('a question has known names, one value of those that can have one, and times that are times', () => {
  const read = (query: string) => readQuestion(new URLSearchParams(query), ['limit'])
  assert.deepEqual(read('host=a&host=b&since=2026-01-01&until=2026-01-01T00:00:01Z&limit=5'), {
    filter: { host: ['a', 'b'], since: 1_767_225_600_000, until: 1_767_225_601_000 },
    given: new Map([['limit', '5']]),
  })
  eachCase(
    ['text=%22', 'hots=a', 'host=', 'limit=1&limit=2', 'since=1', 'since=2026-13-01', 'until=2026-01-01 00:00', '__proto__=1', 'HOST=a'],
    (query) => {
      assert.throws(() => read(query), { status: 400 })
    },
  )
})

test('a stream finds by the members of a record, and a settlement by its request', () => {
  const decided = {
    type: 'decided',
    id: '1',
    integration: 'weather',
    allow: true,
    rule: 'r',
    subject: { host: 'api.example.com', path: '/v1/a', method: 'GET' },
  }
  const settled = { type: 'settled', id: '1', status: 503, problem: 'breaker-open' }
  const found = (query: string) => {
    const matches = createMatches(readQuestion(new URLSearchParams(query), []).filter)
    return [decided, settled].map((record) => Number(matches(record))).join('')
  }
  eachCase(
    [
      ['', '11'],
      ['integration=weather', '11'],
      ['integration=other&integration=weather', '11'],
      ['integration=Weather', '00'],
      ['host=*.example.com&path=/v1/*&method=GET', '11'],
      ['host=example.com', '00'],
      ['path=/v1', '00'],
      ['status=5xx', '01'],
      ['status=503&host=api.example.com', '01'],
      ['status=50', '00'],
      ['problem=breaker-open', '01'],
      ['decision=allow', '11'],
      ['decision=deny', '00'],
      ['type=settled', '01'],
      ['type=decided', '10'],
      ['id=1', '11'],
      ['text=BREAKER', '01'],
      ['text=api.example', '11'],
      ['text=examp', '00'],
      ['text=examp*', '11'],
      ['text=%C3%89xample', '11'],
      ['text=GET%20v1', '00'],
      ['text=v1%20a', '11'],
      ['text=subject', '00'],
      ['text=breaker&text=weather', '01'],
    ] as const,
    ([query, expected]) => assert.equal(found(query), expected),
  )
})
