/** How authors write, check, format, test and build rules, by the commands they type. */

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installationWithRules, sallyport, sallyportWith } from '../support/author.ts'
import { command } from '../support/command.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

test('“new” writes a manifest, a rule and its test, which check, format, test and build accept', async (t) => {
  const installation = installationWithRules(t)
  const made = await sallyport(installation, 'new', 'shop', '--owner', 'me@example.com')
  assert.equal(made.code, 0, made.stderr)
  assert.deepEqual(readdirSync(join(installation.folder, 'rules')), ['shop.rego', 'shop_test.rego'])
  const again = await sallyport(installation, 'new', 'shop', '--owner', 'me@example.com')
  assert.equal(again.code, 66)
  assert.match(again.stderr, /shop\.yaml exists already, and nothing is overwritten/)
  assert.match((await sallyport(installation, 'new', '../evil', '--owner', 'x')).stderr, /is not a name for an integration/)

  assert.equal((await sallyport(installation, 'check')).stdout, 'OK: 2 files\n')
  assert.deepEqual(await sallyport(installation, 'fmt', '--check'), { code: 0, stdout: '', stderr: '' })
  const tested = await sallyport(installation, 'test', '-v', '--coverage', '--threshold', '100')
  assert.equal(tested.code, 0, tested.stderr)
  assert.match(tested.stdout, /PASS rules\/shop_test\.rego:13 test_shop_admin_is_denied/)
  assert.match(tested.stdout, /2 of 2 tests pass, 100\.0 % of lines covered\nrules\/shop\.rego: 100\.0 %/)
  const built = await sallyport(installation, 'build', '-o', 'b.tar.gz', '--revision', 'r1')
  assert.match(built.stdout, /^b\.tar\.gz: revision r1, \d+ bytes\n$/)
  assert.deepEqual(await sallyport(installation, 'build', '-o', 'nowhere/b.tar.gz'), {
    code: 1,
    stdout: '',
    stderr: 'nowhere/b.tar.gz cannot be written: ENOENT\n',
  })
  const listed = await command('tar', ['-tzf', join(installation.folder, 'b.tar.gz')])
  assert.match(listed.stdout, /policy\.wasm/)
  assert.match(listed.stdout, /\.manifest/)
  // The author’s rule alone: the default policy is not his, and tests are not built.
  assert.equal((await sallyport(installation, 'check', 'b.tar.gz')).stdout, 'OK: 1 file\n')
  const whole = readFileSync(join(installation.folder, 'b.tar.gz'))
  writeFileSync(join(installation.folder, 'cut.tar.gz'), whole.subarray(0, whole.length / 2))
  const cut = await sallyport(installation, 'check', 'cut.tar.gz')
  assert.equal(cut.code, 1)
  assert.match(cut.stderr, /^cut\.tar\.gz: [^\n]+\n$/)
  const { publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  installation.write('key.pem', publicKey)
  const unsigned = await sallyport(installation, 'check', 'b.tar.gz', '--verification-key', 'key.pem')
  assert.equal(unsigned.code, 1)
  assert.match(unsigned.stderr, /^b\.tar\.gz: .*sign/)
})

test('bad Rego is told with file, line and column, and fmt puts a file right', async (t) => {
  const installation = installationWithRules(t)
  installation.write(
    'rules/bad.rego',
    rego`
      package sallyport.rules
      import rego.v1
      deny contains "x" if {input.http.methd=="GET"}
    `,
  )
  assert.match((await sallyport(installation, 'check')).stderr, /^rules\/bad\.rego:3:\d+: undefined ref: input\.http\.methd/)
  assert.equal((await sallyport(installation, 'fmt', '--check')).code, 1)
  assert.equal((await sallyport(installation, 'fmt')).stdout, 'rules/bad.rego\n')
  assert.equal((await sallyport(installation, 'fmt', '--check')).code, 0)
  assert.match((await sallyport(installation, 'check', 'nowhere')).stderr, /^nowhere cannot be read: ENOENT\n$/)
  assert.match((await sallyport(installation, 'test')).stderr, /no test was found/)
  installation.write(
    'rules/deep.rego',
    rego`
      package sallyport.rules

      import rego.v1

      helper if input.http.path

      deny contains "x" if helper with input.http.body.value as 1
    `,
  )
  installation.write('rules/bad.rego', rego`package sallyport.rules`)
  assert.match((await sallyport(installation, 'check')).stderr, /rules\/deep\.rego:7:\d+: a with may replace/)
})

test('eval answers over the manifests on disk, and says what is wrong with its input', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(8080)] }) })
  rmSync(join(installation.folder, 'rules'), { recursive: true })
  mkdirSync(join(installation.folder, 'rules'))
  installation.write(
    'rules/a.rego',
    rego`
      package sallyport.rules

      import rego.v1

      deny contains "never" if input.http.path == "/never"
    `,
  )
  const input = (path: string) =>
    JSON.stringify({
      integration: { name: 'weather' },
      request: { kind: 'http' },
      http: { scheme: 'http', host: 'localhost', port: 8080, method: 'GET', path },
    })
  installation.write('in.json', input('/never'))
  const denied = await sallyport(installation, 'eval', '-i', 'in.json', '--explain')
  assert.match(denied.stdout, /rules\/a\.rego:5 +Exit +data\.sallyport\.rules\.deny/)
  assert.match(denied.stdout, /"rule": "rules\/deny"/)
  installation.write('in.json', input('/a'))
  assert.match((await sallyport(installation, 'eval', '-i', 'in.json')).stdout, /"rule": "default\/network\/0"/)
  installation.write('in.json', '{')
  const bad = await sallyport(installation, 'eval', '-i', 'in.json')
  assert.equal(bad.code, 64)
  assert.match(bad.stderr, /^the input in\.json is not JSON: /)
})

test('eval and test allow nothing that the gateway denies: no made-up answer from outside, no evaluation without end', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(8080)] }) })
  const asking = (more: string) =>
    rego`
      package sallyport.rules

      deny contains "no" if http.send({"method": "GET", "url": "http://localhost:1/", "raise_error": false}).status_code == ${more}
    `
  installation.write('rules/a.rego', asking('200'))
  installation.write('in.json', '{"request": {"kind": "http"}, "integration": {"name": "weather"}}')
  const allowed = ['--grant', 'http.send']
  const asked = await sallyport(installation, 'eval', '-i', 'in.json', ...allowed)
  assert.deepEqual([asked.code, asked.stdout], [1, ''])
  assert.match(asked.stderr, /^rules\/a\.rego:3: .*http\.send reaches out, and there is no network here/)
  const test = (body: string) =>
    installation.write(
      'rules/a_test.rego',
      rego`
        package sallyport.rules_test

        import data.sallyport.rules

        ${body}
      `,
    )
  test(rego`test_made_up if count(rules.deny) == 0`)
  assert.match((await sallyport(installation, 'test', ...allowed)).stdout, /FAIL rules\/a_test\.rego:5 test_made_up.*no network here/s)
  test(rego`test_given if count(rules.deny) == 1 with http.send as {"status_code": 200}`)
  assert.equal((await sallyport(installation, 'test', ...allowed)).code, 0)

  installation.write(
    'rules/a.rego',
    rego`
      package sallyport.rules

      many := numbers.range(1, 30000)

      deny contains "no" if {
        some a in many
        some b in many
        a == b
        b == 0
      }
    `,
  )
  rmSync(join(installation.folder, 'rules/a_test.rego'))
  const endless = await sallyport(installation, 'eval', '-i', 'in.json')
  assert.equal(endless.code, 1)
  assert.match(endless.stderr, /did not end within 5s/)
})

test('fmt takes standard input and prints, as editors want it', async (t) => {
  const installation = installationWithRules(t)
  const tidy = rego`
    package x

    import rego.v1

    a if input.b
  `
  const formatted = await sallyportWith(
    {
      input: rego`
        package x
        import rego.v1
        a if {input.b}
      `,
    },
    installation,
    'fmt',
    '-',
  )
  assert.deepEqual(formatted, { code: 0, stdout: tidy, stderr: '' })
  assert.equal((await sallyportWith({ input: tidy }, installation, 'fmt', '-')).stdout, tidy)
  assert.equal((await sallyportWith({ input: `${tidy}\n\n` }, installation, 'fmt', '--check', '-')).code, 1)
  const bad = await sallyportWith(
    {
      input: rego`
        package x
        a if {
      `,
    },
    installation,
    'fmt',
    '-',
  )
  assert.deepEqual([bad.code, bad.stdout], [1, ''])
  assert.match(bad.stderr, /^<stdin>:3:\d+: /)
  assert.equal((await sallyport(installation, 'fmt', '-', 'rules')).code, 64)
  assert.equal((await sallyport(installation, 'fmt', 'b.tar.gz')).code, 64)
})

test('check --json gives editors each problem with its place', async (t) => {
  const installation = installationWithRules(t)
  installation.write(
    'rules/a.rego',
    rego`
      package sallyport.rules

      import rego.v1

      deny contains "x" if input.http.methd == "GET"
    `,
  )
  const bad = await sallyport(installation, 'check', '--json')
  assert.deepEqual([bad.code, bad.stderr], [1, ''])
  const { ok, problems } = JSON.parse(bad.stdout)
  const [{ file, row, column, message }] = problems
  assert.deepEqual([ok, problems.length, file, row], [false, 1, 'rules/a.rego', 5])
  assert.ok(column > 1)
  assert.match(message, /undefined ref: input\.http\.methd/)
  installation.write('rules/a.rego', rego`package sallyport.rules`)
  assert.deepEqual(JSON.parse((await sallyport(installation, 'check', '--json')).stdout), {
    ok: true,
    files: ['rules/a.rego'],
    problems: [],
    warnings: [],
  })
})

test('test fails below a threshold of all lines or of any one file, and names the lines', async (t) => {
  const installation = installationWithRules(t)
  const rules = (path: string) => rego`
    package sallyport.rules

    import rego.v1

    deny contains "x" if {
      input.http.path == "${path}"
    }
  `
  installation.write('rules/tested.rego', rules('/a'))
  installation.write(
    'rules/untested.rego',
    rego`
      package sallyport.rules

      import rego.v1

      never if {
        input.a
        input.b
      }
    `,
  )
  installation.write(
    'rules/tested_test.rego',
    rego`
      package sallyport.rules_test

      import rego.v1

      import data.sallyport.rules

      test_a if "x" in rules.deny with input as {"http": {"path": "/a"}}
    `,
  )
  const report = JSON.parse((await sallyport(installation, 'test', '--json')).stdout)
  assert.deepEqual(
    report.files.map(({ file, notCovered }: { file: string; notCovered: number[] }) => [file, notCovered]),
    [
      ['rules/tested.rego', []],
      ['rules/untested.rego', [5, 6, 7]],
    ],
  )
  assert.match((await sallyport(installation, 'test', '--coverage')).stdout, /rules\/untested\.rego: 0\.0 %, not covered: 5-7\n/)
  const total = await sallyport(installation, 'test', '--threshold', '90')
  assert.equal(total.code, 1)
  assert.match(total.stderr, /^40\.0 % of lines are covered, and 90 % are asked for\n$/)
  const perFile = await sallyport(installation, 'test', '--threshold', '10', '--file-threshold', '50')
  assert.equal(perFile.code, 1)
  assert.match(perFile.stderr, /^0\.0 % of the lines of rules\/untested\.rego are covered, and 50 % are asked for\n$/)
  assert.equal((await sallyport(installation, 'test', '--threshold', '101')).code, 64)
  assert.match((await sallyport(installation, 'test', '-r', '(')).stderr, /missing closing \)/)
})

test('“check”, “test” and “build” take masks of the decision log for what they are', async (t) => {
  const installation = installationWithRules(t)
  installation.write(
    'rules/rules.rego',
    rego`
      package sallyport.rules

      deny contains "x" if input.http.path == "/x"
    `,
  )
  installation.write(
    'rules/mask.rego',
    rego`
      package system.log

      mask contains "/input/http/path" if input.input.http.path == "/y"
    `,
  )
  installation.write(
    'rules/mask_test.rego',
    rego`
      package system.log_test

      import data.system.log

      test_mask if "/input/http/path" in log.mask with input as {"input": {"http": {"path": "/y"}}}
    `,
  )
  assert.equal((await sallyport(installation, 'check')).stdout, 'OK: 3 files\n')
  assert.match((await sallyport(installation, 'test')).stdout, /1 of 1 tests pass/)
  const built = await sallyport(installation, 'build', '-o', 'b.tar.gz')
  assert.equal(built.code, 0, built.stderr)
  assert.match((await command('tar', ['-tzf', join(installation.folder, 'b.tar.gz')])).stdout, /mask\.rego/)

  installation.write(
    'rules/mask.rego',
    rego`
      package system.log

      mask contains "/input" if no_such_function(1)
    `,
  )
  const checked = await sallyport(installation, 'check')
  assert.notEqual(checked.code, 0)
  assert.match(checked.stderr, /mask\.rego:3:\d+: .*no_such_function/)
})
