/** Nothing that an author writes is left aside without a word: it counts, or it is refused by its name. */

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readArchive } from '../../src/bundles/format/read-archive.ts'
import { requireNoRulesInTests } from '../../src/policy/refuse-unread-files.ts'
import { installationWithRules, sallyport } from '../support/author.ts'
import { startBundleGateway } from '../support/bundle-gateway.ts'
import { bundleOf } from '../support/bundles.ts'
import { eachCase } from '../support/cases.ts'
import { createDecider } from '../support/decide.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, startHere } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const deny = rego`
  package sallyport.rules

  import rego.v1

  deny contains "closed" if input.http.path in data.acme.closed
`

test('data beside the rules is refused by the gateway and by check', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(8080)] }) })
  installation.write('rules/deny.rego', deny)
  await eachCase(['data.json', 'acme/data.yaml', 'data.yml'], async (name) => {
    const { write, folder } = installationWithRules(t)
    mkdirSync(join(folder, 'rules/acme'))
    write(`rules/${name}`, '{}')
    await assert.rejects(createDecider(t, [], { rulesFolder: join(folder, 'rules') }), new RegExp(`rules/${name}.*is data`, 's'))
  })
  installation.write('rules/data.json', '{"acme":{"closed":["/closed"]}}')
  const checked = await sallyport(installation, 'check')
  assert.notEqual(checked.code, 0)
  assert.match(checked.stderr, /rules\/data\.json.*is data, which the gateway does not read beside rules; put it into a bundle/)
})

test('a rule in a file of tests is refused, where it stands', async (t) => {
  const installation = installationWithRules(t)
  installation.write('rules/deny_test.rego', deny)
  await assert.rejects(
    createDecider(t, [], { rulesFolder: join(installation.folder, 'rules') }),
    /deny_test\.rego:5.*"deny" in a file of tests does not decide/s,
  )
  await eachCase(['check', 'test'], async (command) => {
    const { code, stderr } = await sallyport(installation, command)
    assert.notEqual(code, 0)
    assert.match(stderr, /deny_test\.rego:5.*does not decide/)
  })
})

test('a part of a rule, or what another rests on, is refused in a file of tests; what only tests use is not', async () => {
  const rules = {
    'a.rego': rego`
      package acme

      blocked contains "/a"

      shut if data.acme.lib.all
    `,
    'deny.rego': rego`
      package sallyport.rules

      import data.acme.lib

      deny contains "no" if lib.hidden(input.http.path)
    `,
    'deny_test.rego': rego`
      package sallyport.rules

      request(path) := {"http": {"path": path}}

      test_a if deny with input as request("/a")
    `,
  }
  requireNoRulesInTests(rules)
  eachCase(
    [
      [
        rego`
        package acme

        blocked contains "/b"
      `,
        /b_test\.rego:3.*"blocked" in a file of tests does not decide/,
      ],
      [
        rego`
        package acme.lib

        default all := false
      `,
        /"all"/,
      ],
      [
        rego`
        package acme.lib

        hidden(path) if path == "/c"
      `,
        /"hidden"/,
      ],
      [
        rego`
        package system.log

        mask contains "/input/x"
      `,
        /"mask"/,
      ],
    ] as const,
    ([text, expected]) => assert.throws(() => requireNoRulesInTests({ ...rules, 'b_test.rego': text }), expected),
  )
})

const account = rego`
  package sallyport.rules

  deny contains "account" if input.http.query.account[0] == sprintf("%v", [data.acme.account])
`

const tests = rego`
  package acme_test

  import rego.v1

  test_closed if data.sallyport.rules.deny with input as {"http": {"path": "/closed"}}

  test_count if count(data.sallyport.rules.deny) == 1 with input as {"http": {"path": "/closed"}}
`

compilerTest('commands see the rules and data of the bundles that are configured', async (t) => {
  const installation = createInstallation(t, {
    config: 'policy: { rules: ./rules, bundles: [{ name: acme, file: ./acme.tar.gz }] }',
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(8080)] }) },
  })
  const place = (closed: readonly string[], revision: string) =>
    bundleOf({
      '.manifest': { revision, roots: ['acme'] },
      'acme/data.json': { closed },
      'acme.rego': rego`
        package acme.lib

        import rego.v1

        is_closed(path) if path in data.acme.closed
      `,
    }).then((bytes) => writeFileSync(join(installation.folder, 'acme.tar.gz'), bytes))
  await place(['/closed'], 'r1')
  mkdirSync(join(installation.folder, 'rules'))
  installation.write(
    'rules/deny.rego',
    rego`
      package sallyport.rules

      import rego.v1

      deny contains "closed" if data.acme.lib.is_closed(input.http.path)
    `,
  )
  installation.write('rules/deny_test.rego', tests)
  installation.write('input.json', '{"http":{"path":"/closed"}}')
  const checked = await sallyport(installation, 'check')
  assert.deepEqual([checked.code, checked.stderr], [0, ''])
  const tested = await sallyport(installation, 'test')
  assert.deepEqual([tested.code, tested.stderr], [0, ''])
  const asked = await sallyport(installation, 'eval', '-i', 'input.json', '-q', 'data.sallyport.rules.deny')
  assert.deepEqual([asked.stderr, JSON.parse(asked.stdout)], ['', ['closed']])

  installation.write('input.json', '{"n":[9007199254740993,1.0,1e400]}')
  const spelled = await sallyport(installation, 'eval', '-i', 'input.json', '-q', 'input.n')
  assert.equal(spelled.stdout.replace(/\s/g, ''), '[9007199254740993,1.0,1e400]')

  const { gateway } = await startHere(t, installation)
  await gateway.close()
  assert.equal((await sallyport(installation, 'diff')).code, 0)
  await place([], 'r2')
  const { code, stdout } = await sallyport(installation, 'diff')
  assert.equal(code, 1)
  assert.match(stdout, /bundles\/acme\/\.manifest\n.*-\s+"revision": "r1"/s)
  assert.match(stdout, /bundles\/acme\/data\.json\n.*\/closed/s)
})

compilerTest('test and eval read the data of what they are given, and build packs it: the gateway decides by it', async (t) => {
  const installation = installationWithRules(t)
  mkdirSync(join(installation.folder, 'src/acme'), { recursive: true })
  installation.write('src/deny.rego', deny)
  installation.write('src/deny_test.rego', tests)
  installation.write('src/account.rego', account)
  installation.write('src/acme/data.json', '{"closed":["/closed"],"account":9007199254740993,"one":1.0}')
  installation.write('src/data.yaml', 'limits: { most: 1E2 }')
  const tested = await sallyport(installation, 'test', 'src')
  assert.deepEqual([tested.code, tested.stderr], [0, ''])
  const bundle = join(installation.folder, 'acme.tar.gz')
  const built = await sallyport(installation, 'build', 'src', '-o', bundle)
  assert.deepEqual([built.code, built.stderr], [0, ''])
  assert.doesNotMatch(built.stdout, /warning/)
  const { contents } = await readArchive(readFileSync(bundle), 'the bundle')
  const textOf = (name: string) => Buffer.from(contents.get(name) ?? []).toString()
  assert.match(textOf('data.json'), /"account":9007199254740993,"closed":\["\/closed"\],"one":1\.0/)
  assert.deepEqual(JSON.parse(textOf('.manifest')).roots, ['sallyport', 'acme', 'limits'])

  const gateway = await startBundleGateway(t, `{ bundles: [{ name: acme, file: ${bundle} }] }`)
  assert.equal(await gateway.get('/open'), 200)
  assert.equal(await gateway.get('/closed'), 403)
  assert.equal(await gateway.get('/open?account=9007199254740993'), 403)
  assert.equal(await gateway.get('/open?account=9007199254740992'), 200)
})

compilerTest('a bundle is built again from a bundle, with its data', async (t) => {
  const installation = installationWithRules(t)
  const first = await bundleOf({
    '.manifest': { revision: 'r1', roots: ['sallyport/rules', 'acme'] },
    'acme/data.json': { closed: ['/closed'] },
    'deny.rego': deny,
  })
  writeFileSync(join(installation.folder, 'first.tar.gz'), first)
  const built = await sallyport(installation, 'build', 'first.tar.gz', '-o', join(installation.folder, 'second.tar.gz'))
  assert.deepEqual([built.code, built.stderr], [0, ''])
  const { contents } = await readArchive(readFileSync(join(installation.folder, 'second.tar.gz')), 'the bundle')
  assert.deepEqual(JSON.parse(Buffer.from(contents.get('data.json') ?? []).toString()), { acme: { closed: ['/closed'] } })
})
