/** The YAML that configuration and manifests may be: nothing that two readers could take for different things. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { decodeYaml } from '../../src/config/index.ts'
import { problemsOf } from '../support/folder.ts'

const schema = z.strictObject({
  name: z.string(),
  count: z.int().optional(),
  free: z.record(z.string(), z.string()).optional(),
  items: z.array(z.strictObject({ id: z.int() })).optional(),
})
const decode = (text: string) => decodeYaml({ file: '/x/a.yaml', text }, schema)
const problems = (text: string) => problemsOf('/x', () => decode(text))

const refused: readonly (readonly [string, string, readonly string[]])[] = [
  ['an unknown tag', 'name: !env SECRET', ['a.yaml:1:7: a tag that means nothing here; only plain YAML is read']],
  [
    'YAML 1.1, whose words mean other things',
    '%YAML 1.1\n---\nname: a',
    ['a.yaml: another version of YAML than 1.2, in which words mean other things'],
  ],
  ['a second document', 'name: a\n---\nname: b', ['a.yaml:2:1: more than one document in one file']],
  ['a merge key', 'name: a\n<<: { count: 1 }', ['a.yaml:2:1 <<: unknown key (known: name, count, free, items)']],
  ['a key that is there twice, deep inside', 'name: a\nfree:\n  x: a\n  x: b', ['a.yaml:4:3: the key "x" is there twice']],
  ['a map as a key', 'name: a\nfree: { ? { a: b } : c }', ['a.yaml:2:11: a key must be a plain word']],
  ['a key that changes what maps are', 'name: a\nfree: { __proto__: x }', ['a.yaml:2:9: a key must be a plain word']],
  ['half a surrogate pair', 'name: "\\uD800"', ['a.yaml:1:7: a NUL or half a surrogate pair, which no text has']],
  ['a NUL', 'name: "a\\0b"', ['a.yaml:1:7: a NUL or half a surrogate pair, which no text has']],
  ['an alias without anchor', 'name: *nowhere', ['a.yaml:1:7: an alias before its anchor, or without one; write the value out']],
  ['a value inside itself', 'name: a\nfree: &x { a: *x }', ['a.yaml:2:15: an alias inside its own anchor; write the value out']],
  ['nesting without end', `name: ${'['.repeat(50_000)}`, []],
  ['a word where a map must be', 'hello', ['a.yaml:1:1: expected keys with values, not text']],
  ['nothing but a comment', '# name: a', ['a.yaml:1:1: the file is empty']],
]
for (const [what, text, expected] of refused)
  test(`refuses ${what}`, async () => {
    const found = await problems(text)
    assert.deepEqual(found.slice(0, expected.length), expected)
  })

test('every problem is told at once, in the order of the file', async () => {
  assert.deepEqual(await problems('cuont: 1\nname: 7\nfree: { a: 1, a: b }\nitems: [{ id: 1 }, { idd: 2 }]'), [
    'a.yaml:1:1 cuont: unknown key; did you mean "count"? (known: name, count, free, items)',
    'a.yaml:2:1 name: expected text, not a number: put it in quotes',
    'a.yaml:3:15: the key "a" is there twice',
    'a.yaml:4:20 items.1.id: is missing; expected a number',
    'a.yaml:4:22 items.1.idd: unknown key; did you mean "id"? (known: id)',
  ])
})

test('a place is found through an alias', async () => {
  assert.deepEqual(await problems('name: a\nitems: [&one { id: x }, *one]'), [
    'a.yaml:2:16 items.0.id: expected a number, not text',
    'a.yaml:2:16 items.1.id: expected a number, not text',
  ])
})

test('a problem is one line, whatever the words of the file do to a terminal', async () => {
  const found = await problems('name: a\n"x\\n/etc/passwd:1:1 root\\e[31m\\u202e": 1')
  assert.deepEqual(found, ['a.yaml:2:1 x\\u000a/etc/passwd:1:1 root\\u001b[31m\\u202e: unknown key (known: name, count, free, items)'])
})

for (const text of [
  'name: @hunter2',
  'name: [hunter2',
  'name: "hunter2',
  '- a\nname hunter2: [',
  'name: *hunter2',
  'name: !hunter2 x',
  'name: a\n hunter2: b\n}hunter2',
])
  test(`a message about ${JSON.stringify(text)} does not repeat what may be a secret`, async () =>
    assert.doesNotMatch((await problems(text)).join('\n'), /hunter2/))

test('of a hundred thousand problems a hundred are told, and the rest counted', async () => {
  const found = await problems(`name: a\nitems: [${'{},'.repeat(50_000)}]`)
  assert.equal(found.length, 101)
  assert.equal(found.at(-1), 'a.yaml: and 49900 more problems')
})

test('a file larger than 256 KiB is not parsed', async () => {
  assert.equal(decode(`name: a\n#${'x'.repeat(256 * 1024 - 9)}`).name, 'a')
  assert.deepEqual(await problems(`name: a\n#${'x'.repeat(256 * 1024)}`), ['a.yaml: is larger than 262144 bytes'])
})
