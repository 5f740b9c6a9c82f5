/** What the dashboard makes of names, paths and reasons that others chose. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { root } from '../support/installation.ts'

const { csv, subjectOf } = await import(join(root, 'src/dashboard/assets/lib/format.js'))
const { visible } = await import(join(root, 'src/dashboard/assets/lib/dom.js'))
const { queryOf } = await import(join(root, 'src/dashboard/assets/lib/filter.js'))

test('controls, marks of direction and what is not seen are written out, and all else stays', () => {
  eachCase(
    [
      ['\u001b[2Ja', '\\u{1b}[2Ja'],
      ['a\u202egnp.exe', 'a\\u{202e}gnp.exe'],
      ['a\u200bb\ufeff\n', 'a\\u{200b}b\\u{feff}\\u{a}'],
      ['\u{e0041}\ud800', '\\u{e0041}\\u{d800}'],
      ['ünï שלום <b>&amp;', 'ünï שלום <b>&amp;'],
    ],
    ([given, shown]) => assert.equal(visible(given), shown),
  )
})

test('no cell of a CSV file is a formula, and numbers stay numbers', () => {
  assert.equal(
    csv([['=cmd|calc', '+1+1', '-2+3', '@a', '\ta', '-1.5', 7, null, 'a"b,c']]),
    `"'=cmd|calc","'+1+1","'-2+3","'@a","'\ta","-1.5","7","","a""b,c"\r\n`,
  )
})

test('words of a filter that name nothing known are looked for as text', () => {
  assert.equal(
    String(queryOf('integration:weather host:*.example.org hello http://a')),
    'integration=weather&host=*.example.org&text=hello&text=http%3A%2F%2Fa',
  )
  assert.equal(String(queryOf('', { sample: '80' })), 'sample=80')
})

test('a request is named by what it touches, from an entry of the index and from a record', () => {
  const subject = { scheme: 'https', host: 'a.example', port: 443, method: 'GET', path: '/b', query: 'c=1' }
  assert.equal(subjectOf({ kind: 'http', action: 'GET', subject }), 'GET https://a.example/b?c=1')
  assert.equal(subjectOf({ ...subject, port: 8443, action: 'GET' }), 'GET https://a.example:8443/b?c=1')
  assert.equal(subjectOf({ kind: 'file', action: 'read', subject: { root: 'notes', path: '/a' } }), 'read file:notes/a')
})
