/** A rule that looks at data which nothing provides is told of, with its place: what rests on it never holds. */

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { warningsOf } from '../../src/policy/missing-data.ts'
import { installationWithRules, sallyport } from '../support/author.ts'
import { bundleOf } from '../support/bundles.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, startHere } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const rules = rego`
  package sallyport.rules

  import data.acme.lib
  import data.lists as known

  deny contains "closed" if input.http.path in data.acme.closd

  deny contains "listed" if known.paths[input.http.path]

  deny contains "mapped" if lib.is_mapped(input.http.path)

  deny contains "own" if data.integrations[input.integration.name].nothing == input.http.path

  deny contains "helper" if data.sallyport.rules.is_odd

  deny contains "tests" if count(data.sallyport.rules.obligations) > 9

  is_even if input.http.port == 2
`
const library = rego`
  package acme.lib

  is_mapped(path) if data.acme.mapped[path] == data.acme.marks[0].name
`
const places =
  /rules\/r\.rego:6:46: nothing provides data\.acme\.closd: .*policy\.bundles.*rules\/r\.rego:8:27: nothing provides data\.lists\.paths: .*rules\/r\.rego:14:27: nothing provides data\.sallyport\.rules\.is_odd: /s

compilerTest('check warns of each place that looks at data which is not there, and of no other', async (t) => {
  const installation = installationWithRules(t)
  installation.write('rules/r.rego', rules)
  installation.write('rules/lib.rego', library)
  mkdirSync(join(installation.folder, 'given/acme'), { recursive: true })
  installation.write('given/acme/data.json', '{"mapped":{},"marks":[]}')
  const { code, stdout } = await sallyport(installation, 'check', 'rules', 'given')
  assert.equal(code, 0)
  assert.match(stdout, places)
  assert.equal(stdout.match(/^warning: /gm)?.length, 3)
  assert.match(stdout, /^OK: 2 files$/m)
  const { warnings } = JSON.parse((await sallyport(installation, 'check', 'rules', 'given', '--json')).stdout)
  assert.equal(warnings.length, 3)
  installation.write('given/data.json', '{"lists":{"paths":{}}}')
  installation.write('rules/r.rego', rules.replace('closd', 'mapped').replace('is_odd', 'is_even'))
  assert.equal((await sallyport(installation, 'check', 'rules', 'given')).stdout, 'OK: 2 files\n')
})

compilerTest('an activation warns in the log, its record and the status, and a bundle that brings the data ends it', async (t) => {
  const installation = createInstallation(t, {
    config: 'policy: { rules: ./rules, bundles: [{ name: acme, file: ./acme.tar.gz }] }',
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(8080)] }) },
  })
  const place = async (data: object) =>
    writeFileSync(
      join(installation.folder, 'acme.tar.gz'),
      await bundleOf({ '.manifest': { revision: 'r1', roots: ['acme'] }, 'acme/data.json': data }),
    )
  await place({})
  mkdirSync(join(installation.folder, 'rules'))
  installation.write(
    'rules/r.rego',
    rego`
      package sallyport.rules

      deny contains "closed" if input.http.path in data.acme.closed
    `,
  )
  const { gateway, log } = await startHere(t, installation)
  const status = async () =>
    (await askGateway(join(installation.folder, 'state/admin.sock'), 'GET', '/v1/status')).body as { warnings: string[] }
  const warned = /^rules\/r\.rego:3:46: nothing provides data\.acme\.closed: /
  assert.match((await status()).warnings.join('\n'), warned)
  const told = log.map((line) => JSON.parse(line)).filter(({ problem }) => warned.test(problem ?? ''))
  assert.deepEqual(
    told.map(({ level }) => level),
    ['warn'],
  )
  await gateway.close()
  await place({ closed: [] })
  const again = await startHere(t, installation)
  assert.deepEqual((await status()).warnings, [])
  await again.gateway.close()
})

test('a place in a list, and what lies below a key that is computed, may be there', () => {
  const at = (...path: string[]) => ({ path, file: 'r.rego', row: 1, column: 1 })
  const warned = (...path: string[]) => warningsOf([at(...path)], { 'r.rego': '' }, { a: { list: [], text: 'x', none: {} } }).length
  assert.deepEqual([warned('a'), warned('a', 'list'), warned('a', 'list', 'x'), warned('a', 'none')], [0, 0, 0, 0])
  assert.deepEqual([warned('b'), warned('a', 'other'), warned('a', 'text', 'x'), warned('a', 'none', 'toString')], [1, 1, 1, 1])
  assert.equal(warned('integrations', 'whoever'), 0)
})

test('of many places the first are told, and the number of the others', () => {
  const many = Array.from({ length: 300 }, (_, row) => ({ path: ['x'], file: 'r.rego', row, column: 1 }))
  const warnings = warningsOf(many, { 'r.rego': '' }, {})
  assert.equal(warnings.length, 21)
  assert.match(warnings.at(-1) ?? '', /^280 more places/)
})
