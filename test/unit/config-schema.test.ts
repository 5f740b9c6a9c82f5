/** The JSON Schema of sallyport.yaml, as an editor's language server applies it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { root } from '../support/installation.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')
// ajv brings no formats of its own; editors do.
const validate = new Ajv2020({ allErrors: true, formats: { uri: true } }).compile(JSON.parse(read('docs/schemas/sallyport.schema.json')))

function problems(text: string): readonly string[] {
  validate(parse(text))
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message}`)
}

const start = 'apiVersion: sallyport/v1\nkind: Gateway\n'

test('the quick start’s configuration is of the schema', () => assert.deepEqual(problems(read('examples/quickstart/sallyport.yaml')), []))

for (const [what, text, problem] of [
  ['an unknown key', `${start}listners: []`, ': must NOT have additional properties'],
  ['a value of the wrong type', `${start}policy: { maxMemoryPages: many }`, '/policy/maxMemoryPages: must be integer'],
  [
    'a word that is none of the known',
    `${start}audit: { durability: later }`,
    '/audit/durability: must be equal to one of the allowed values',
  ],
  ['another kind of file', start.replace('Gateway', 'Integration'), '/kind: must be equal to constant'],
] as const)
  test(`${what} is told`, () => assert.ok(problems(text).includes(problem), problems(text).join('; ')))
