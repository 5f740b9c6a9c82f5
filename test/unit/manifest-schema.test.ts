/** The JSON Schema of manifests, as an editor's language server applies it. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { blocks } from '../support/guide.ts'
import { root } from '../support/installation.ts'

const file = join(root, 'docs/schemas/integration.schema.json')
const validate = new Ajv2020({ allErrors: true }).compile(JSON.parse(readFileSync(file, 'utf8')))

/** `path: what is wrong`. */
function problems(text: string): readonly string[] {
  validate(parse(text))
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath}: ${message} ${params['additionalProperty'] ?? ''}`,
  )
}

const examples = join(root, 'examples/quickstart/integrations')
const valid = [
  ...readdirSync(examples)
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => [name, readFileSync(join(examples, name), 'utf8')] as const),
  ...blocks
    .filter(({ language, text }) => language === 'yaml' && /^kind: Integration$/m.test(text))
    .map(({ page, line, text }) => [`docs/policy/${page}:${line}`, text] as const),
]
for (const [name, text] of valid) test(`${name} is of the schema`, () => assert.deepEqual(problems(text), []))

const start = 'apiVersion: sallyport/v1\nkind: Integration\nname: weather\nowner: tests\n'
const invalid: readonly (readonly [what: string, text: string, problem: string])[] = [
  ['an unknown key', `${start}netwrok: []`, ': must NOT have additional properties netwrok'],
  [
    'an unknown key deep inside',
    `${start}network: [{ hosts: [a.example], port: 1 }]`,
    '/network/0: must NOT have additional properties port',
  ],
  ['a value of the wrong type', `${start}network: [{ hosts: [a.example], ports: ["443"] }]`, '/network/0/ports/0: must be integer '],
  [
    'a word that is none of the known',
    `${start}network: [{ hosts: [a.example], tls: open }]`,
    '/network/0/tls: must be equal to one of the allowed values ',
  ],
  ['a missing key', `${start}network: [{}]`, "/network/0: must have required property 'hosts' "],
  ['another kind of file', start.replace('Integration', 'Gateway'), '/kind: must be equal to constant '],
  ['a capability that is not available', `${start}kv: []`, '/kv: must NOT be valid '],
]
for (const [what, text, problem] of invalid)
  test(`the schema tells ${what} and where it is`, () => assert.ok(problems(text).includes(problem), JSON.stringify(problems(text))))
