/** What is said of mistakes that people make in sallyport.yaml and manifests: what was expected, in their words, and what to write. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { ConfigError, decodeYaml } from '../../src/config/index.ts'
import { createConfigSchema } from '../../src/config/schema.ts'
import { noSources } from '../../src/config/sources.ts'
import { manifestSchema } from '../../src/manifests/schema.ts'
import { eachCase } from '../support/cases.ts'

function messageOf(schema: z.ZodType, text: string): string {
  try {
    decodeYaml({ file: 'a.yaml', text }, schema)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return ''
}

const ofManifest = (rest: string) => messageOf(manifestSchema, `apiVersion: sallyport/v1\nkind: Integration\nname: a\nowner: me\n${rest}`)
const ofConfig = (rest: string) => messageOf(createConfigSchema(noSources), `apiVersion: sallyport/v1\nkind: Gateway\n${rest}`)
const network = (rest: string) => ofManifest(`network: [{ hosts: [a.example], ${rest} }]`)

for (const hosts of ['[*.example.com]', '[*]', '*.example.com', '\n      - *.example.com'])
  test(`hosts: ${JSON.stringify(hosts)} without quotes is told to be quoted, and where`, () =>
    assert.match(
      ofManifest(`network:\n  - hosts: ${hosts}`),
      /^a\.yaml:[67]:\d+: what begins with "\*" .*quotes, as in "\*\.example\.com"/,
    ))

for (const [written, meant] of [
  ['32K', '32KiB'],
  ['32k', '32KiB'],
  ['1 MiB', '1MiB'],
  ['1mb', '1MB'],
  ['1g', '1GiB'],
  ['2TB', '2000GB'],
  ['2Ti', '2048GiB'],
  ['512 bytes', '512'],
] as const)
  test(`the size ${written} is told to be written ${meant}`, () =>
    assert.match(network(`maxReply: ${written}`), new RegExp(`maxReply: expected a size .*; did you mean "${meant}"\\?$`)))

for (const [written, meant] of [
  ['30', '30s'],
  ['"30"', '30s'],
  ['5sec', '5s'],
  ['250 milliseconds', '250ms'],
  ['2 hours', '2h'],
  ['1d', '24h'],
  ['1m30s', '90s'],
] as const)
  test(`the duration ${written} is told to be written ${meant}`, () =>
    assert.match(network(`timeout: ${written}`), new RegExp(`timeout: expected a duration .*; did you mean "${meant}"\\?$`)))

for (const [written, meant] of [
  ['10', '10/s'],
  ['10/sec', '10/s'],
  ['10 per minute', '10/m'],
  ['10rps', '10/s'],
  ['10M/s', '10MiB/s'],
  ['240/day', '10/h'],
] as const)
  test(`the rate ${written} is told to be written ${meant}`, () =>
    assert.match(
      ofManifest(`limits: { requests: { rate: ${written} } }`),
      new RegExp(`rate: expected a rate .*; did you mean "${meant}"\\?$`),
    ))

for (const [what, message, said] of [
  ['a list without brackets', ofManifest('network: [{ hosts: a.example }]'), /hosts: expected a list, not text: put it in brackets/],
  ['a number in quotes', network('ports: ["443"]'), /ports\.0: expected a number, not text: write it without quotes/],
  ['a word for true', ofManifest('services: [{ name: s, websocket: yes }]'), /websocket: expected true or false, not text: "yes", "no"/],
  ['a key without value', ofManifest('network:'), /network: is empty; expected a list, or no such key at all/],
  ['a missing key', ofManifest('services: [{}]'), /services\.0\.name: is missing; expected text/],
  ['a word in another case', network('tls: Intercept'), /tls: expected "none", "tunnel" or "intercept"; did you mean "intercept"\?/],
  ['a method in lower case', network('methods: [get]'), /methods\.0: expected a method in upper case.*did you mean "GET"\?/],
  ['every method', network('methods: ["*"]'), /leave "methods" out to allow every one/],
  ['a host with a scheme', ofManifest('network: [{ hosts: ["https://a.example/"] }]'), /expected a name alone, without scheme/],
  ['a host with a port', ofManifest('network: [{ hosts: ["a.example:443"] }]'), /the port is an item of "ports"/],
  ['a wildcard of a top level', ofManifest('network: [{ hosts: ["*.com"] }]'), /needs two labels after it/],
  ['a path with a query', network('paths: ["/a?b=1"]'), /no query, no fragment, nothing special but \* and \*\*/],
  ['a path with a template', network('paths: ["/a/{id}"]'), /nothing special but \* and \*\*: they stand for/],
  ['a path that is not encoded', network('paths: ["/café"]'), /written so: "\/caf%C3%A9"/],
  ['a path with its host', network('paths: ["https://a.example/x"]'), /^[^\n]*begins with "\/", without scheme and host$/],
  ['no listener at all', ofConfig('listeners: []'), /listeners: expected at least 1 item/],
  ['a size that is too small', ofConfig('http: { maxHeader: 1 }'), /expected a size between 1024 and 1048576 bytes/],
  ['a URL without scheme', ofConfig('services: [{ name: a, url: "127.0.0.1:80" }]'), /^[^\n]*expected an http:\/\/ or https:\/\/ URL$/],
] as const)
  test(`${what} is told in plain words`, () => assert.match(message, said))

/** Of every value in the schema, values of every wrong kind. */
function* wrongFiles(): Generator<string> {
  const values = ['1', '"1"', '-1', '1.5', 'true', 'null', 'x', '"x y"', '[]', '[1]', '[x]', '{}', '{ a: 1 }', '""', '1e99', '"\u00e9"']
  const places = (schema: Schema, path: readonly string[] = []): readonly string[][] =>
    [
      [...path],
      ...Object.entries(schema.properties ?? {}).flatMap(([key, item]) => places(item, [...path, key])),
      ...(schema.items === undefined ? [] : places(schema.items, [...path, '[]'])),
    ].filter((item) => item.length > 0)
  for (const schema of [manifestSchema, createConfigSchema(noSources)])
    for (const place of places(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema))
      for (const value of values)
        yield messageOf(
          schema,
          place.reduceRight((inner, key) => (key === '[]' ? `[${inner}]` : `{ ${key}: ${inner} }`), value),
        )
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

test('no wrong value anywhere is answered with a regular expression, or in words of the validation library', () => {
  let problems = 0
  eachCase(wrongFiles(), (message) => {
    problems += message.split('\n').length
    assert.doesNotMatch(
      message,
      /Invalid (?:input|string|option|key|value)|Too (?:small|big)|pattern|\\d|\[A-Z|undefined|NaN|the form that is expected here/,
    )
  })
  assert.ok(problems > 2000, String(problems))
})

for (const http of ['maxPolicyBody: 1M', 'maxPolicyBodies: 1M'])
  test(`a size that is none is told alone, without what else would not fit: ${http}`, () => {
    assert.match(ofConfig(`http: { ${http} }`), /^a\.yaml:3:\d+ http\.maxPolicyBod(?:y|ies): expected a size [^\n]*did you mean "1MiB"\?$/)
  })
