/** Nothing that an author writes is left aside without a word: it counts, or it is refused by its name. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { requireNoRulesInTests } from '../../src/policy/left-aside.ts'
import { installationWithRules, sallyport } from '../support/author.ts'
import { bundleOf } from '../support/bundles.ts'
import { createDecider } from '../support/decide.ts'
import { createInstallation, manifest, networkTo, startHere } from '../support/installation.ts'

const deny = 'package sallyport.rules\n\nimport rego.v1\n\ndeny contains "closed" if input.http.path in data.acme.closed\n'

test('data beside the rules is refused by the gateway and by check', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': manifest('weather', networkTo(8080)) })
  installation.write('rules/deny.rego', deny)
  for (const name of ['data.json', 'acme/data.yaml', 'data.yml']) {
    const { write, folder } = installationWithRules(t)
    mkdirSync(join(folder, 'rules/acme'))
    write(`rules/${name}`, '{}')
    await assert.rejects(createDecider(t, [], { rulesFolder: join(folder, 'rules') }), new RegExp(`rules/${name}.*is data`, 's'))
  }
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
  for (const command of ['check', 'test']) {
    const { code, stderr } = await sallyport(installation, command)
    assert.notEqual(code, 0)
    assert.match(stderr, /deny_test\.rego:5.*does not decide/)
  }
})

test('a part of a rule, or what another rests on, is refused in a file of tests; what only tests use is not', async () => {
  const rules = {
    'a.rego': `package acme\n\nblocked contains "/a"\n\nshut if data.acme.lib.all\n`,
    'deny.rego': 'package sallyport.rules\n\nimport data.acme.lib\n\ndeny contains "no" if lib.hidden(input.http.path)\n',
    'deny_test.rego':
      'package sallyport.rules\n\nrequest(path) := {"http": {"path": path}}\n\ntest_a if deny with input as request("/a")\n',
  }
  requireNoRulesInTests(rules)
  for (const [text, expected] of [
    ['package acme\n\nblocked contains "/b"\n', /b_test\.rego:3.*"blocked" in a file of tests does not decide/],
    ['package acme.lib\n\ndefault all := false\n', /"all"/],
    ['package acme.lib\n\nhidden(path) if path == "/c"\n', /"hidden"/],
    ['package system.log\n\nmask contains "/input/x"\n', /"mask"/],
  ] as const)
    assert.throws(() => requireNoRulesInTests({ ...rules, 'b_test.rego': text }), expected)
})

const tests =
  'package acme_test\n\nimport rego.v1\n\ntest_closed if data.sallyport.rules.deny with input as {"http": {"path": "/closed"}}\n\ntest_count if count(data.sallyport.rules.deny) == 1 with input as {"http": {"path": "/closed"}}\n'

test('commands see the rules and data of the bundles that are configured', async (t) => {
  const installation = createInstallation(t, {
    config: 'policy: { rules: ./rules, bundles: [{ name: acme, file: ./acme.tar.gz }] }',
    manifests: { 'weather.yaml': manifest('weather', networkTo(8080)) },
  })
  const place = (closed: readonly string[], revision: string) =>
    bundleOf({
      '.manifest': { revision, roots: ['acme'] },
      'acme/data.json': { closed },
      'acme.rego': 'package acme.lib\n\nimport rego.v1\n\nis_closed(path) if path in data.acme.closed\n',
    }).then((bytes) => writeFileSync(join(installation.folder, 'acme.tar.gz'), bytes))
  await place(['/closed'], 'r1')
  mkdirSync(join(installation.folder, 'rules'))
  installation.write(
    'rules/deny.rego',
    'package sallyport.rules\n\nimport rego.v1\n\ndeny contains "closed" if data.acme.lib.is_closed(input.http.path)\n',
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

test('test and eval read the data of what they are given; build refuses to leave it out', async (t) => {
  const installation = installationWithRules(t)
  mkdirSync(join(installation.folder, 'src/acme'), { recursive: true })
  installation.write('src/deny.rego', deny)
  installation.write('src/deny_test.rego', tests)
  installation.write('src/acme/data.json', '{"closed":["/closed"]}')
  const tested = await sallyport(installation, 'test', 'src')
  assert.deepEqual([tested.code, tested.stderr], [0, ''])
  const built = await sallyport(installation, 'build', 'src')
  assert.notEqual(built.code, 0)
  assert.match(built.stderr, /define data\.acme: rules alone are built here; build a bundle with data by "opa build -b"/)
})
