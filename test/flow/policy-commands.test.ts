/** What authors and operators do with policies, by the commands they type. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { command } from '../support/command.ts'
import {
  createInstallation,
  exchangeRaw,
  type Installation,
  main,
  manifest,
  networkTo,
  proxyHeader,
  startHere,
} from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

const sallyport = (installation: Installation, ...args: string[]) =>
  command(process.execPath, ['--no-warnings', main, 'policy', ...args, '--config', installation.configFile], { cwd: installation.folder })

function installationWithRules(t: TestContext, manifests: Record<string, string> = {}): Installation {
  const installation = createInstallation(t, { config: 'policy: { rules: ./rules }', manifests })
  mkdirSync(join(installation.folder, 'rules'))
  return installation
}

/** Status line and request id. */
async function ask(proxyPort: number, originPort: number, path: string): Promise<{ status: number; id: string; text: string }> {
  const text = await exchangeRaw(
    proxyPort,
    `GET http://localhost:${originPort}${path} HTTP/1.1\r\nHost: localhost:${originPort}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
  )
  return { status: Number(text.slice(9, 12)), id: /sallyport-request-id: (\S+)/i.exec(text)?.[1] ?? '', text }
}

test('“new” writes a manifest, a rule and its test, which check, format, test and build accept', async (t) => {
  const installation = installationWithRules(t)
  const made = await sallyport(installation, 'new', 'shop', '--owner', 'me@example.com')
  assert.equal(made.code, 0, made.stderr)
  assert.deepEqual(readdirSync(join(installation.folder, 'rules')), ['shop.rego', 'shop_test.rego'])
  const again = await sallyport(installation, 'new', 'shop', '--owner', 'me@example.com')
  assert.equal(again.code, 66)
  assert.match(again.stderr, /shop\.yaml exists already, and nothing is overwritten/)
  assert.match((await sallyport(installation, 'new', '../evil', '--owner', 'x')).stderr, /is no name for an integration/)

  assert.equal((await sallyport(installation, 'check')).stdout, 'OK: 2 files\n')
  assert.deepEqual(await sallyport(installation, 'fmt', '--check'), { code: 0, stdout: '', stderr: '' })
  const tested = await sallyport(installation, 'test', '-v', '--coverage', '--threshold', '100')
  assert.equal(tested.code, 0, tested.stderr)
  assert.match(tested.stdout, /PASS rules\/shop_test\.rego:13 test_shop_admin_is_denied/)
  assert.match(tested.stdout, /2 of 2 tests pass, 100\.0 % of lines covered\nrules\/shop\.rego: 100\.0 %/)
  const built = await sallyport(installation, 'build', '-o', 'b.tar.gz', '--revision', 'r1')
  assert.match(built.stdout, /^b\.tar\.gz: revision r1, \d+ bytes\n$/)
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
  installation.write('rules/bad.rego', 'package sallyport.rules\nimport rego.v1\ndeny contains "x" if {input.http.methd=="GET"}\n')
  assert.match((await sallyport(installation, 'check')).stderr, /^rules\/bad\.rego:3:\d+: undefined ref: input\.http\.methd/)
  assert.equal((await sallyport(installation, 'fmt', '--check')).code, 1)
  assert.equal((await sallyport(installation, 'fmt')).stdout, 'rules/bad.rego\n')
  assert.equal((await sallyport(installation, 'fmt', '--check')).code, 0)
  assert.match((await sallyport(installation, 'check', 'nowhere')).stderr, /^nowhere cannot be read: ENOENT\n$/)
  assert.match((await sallyport(installation, 'test')).stderr, /no test was found/)
  installation.write(
    'rules/deep.rego',
    'package sallyport.rules\n\nimport rego.v1\n\nhelper if input.http.path\n\ndeny contains "x" if helper with input.http.body.value as 1\n',
  )
  installation.write('rules/bad.rego', 'package sallyport.rules\n')
  assert.match((await sallyport(installation, 'check')).stderr, /rules\/deep\.rego:7:\d+: a with may replace/)
})

test('eval answers over the manifests on disk, and says what is wrong with its input', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': manifest('weather', networkTo(8080)) })
  rmSync(join(installation.folder, 'rules'), { recursive: true })
  mkdirSync(join(installation.folder, 'rules'))
  installation.write('rules/a.rego', 'package sallyport.rules\n\nimport rego.v1\n\ndeny contains "never" if input.http.path == "/never"\n')
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
  assert.match(bad.stderr, /^the input in\.json is no JSON: /)
})

test('explain and replay tell of recorded requests why, what would change it, and what now differs', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = installationWithRules(t, {
    'weather.yaml': manifest(
      'weather',
      `network: [{ hosts: [localhost], ports: [${origin.port}], tls: none, paths: [/v1/**], addresses: [127.0.0.0/8, "::1/128"] }]`,
    ),
  })
  const { proxyPort, gateway } = await startHere(t, installation)
  const allowed = await ask(proxyPort, origin.port, '/v1/a')
  const denied = await ask(proxyPort, origin.port, '/admin/keys')
  assert.deepEqual([allowed.status, denied.status], [200, 403])

  const why = await sallyport(installation, 'explain', denied.id)
  assert.match(why.stdout, /denied by default\/deny/)
  assert.match(why.stdout, /network\/0 does not allow the path \/admin\/keys/)
  assert.match(
    why.stdout,
    /The smallest change that would allow it, in integrations\/weather\.yaml:\n {2}\{"network":\[\{"hosts":\["localhost"\]/,
  )
  assert.match(why.stdout, /decide the same/)
  assert.match((await sallyport(installation, 'explain', 'nosuch')).stderr, /the log has no decision about nosuch/)

  assert.match((await sallyport(installation, 'replay')).stdout, /^2 decisions in .*, 0 differ\n$/)
  installation.write('rules/a.rego', 'package sallyport.rules\n\nimport rego.v1\n\ndeny contains "not a" if input.http.path == "/v1/a"\n')
  const replayed = await sallyport(installation, 'replay')
  assert.equal(replayed.code, 1)
  assert.match(
    replayed.stdout,
    new RegExp(`${allowed.id} weather http .*: allowed by default/network/0 .* denied by rules/deny\n2 decisions in .*, 1 differ`),
  )
  assert.equal((await gateway.reload()).ok, true)
  const ruled = await ask(proxyPort, origin.port, '/v1/a')
  assert.match((await sallyport(installation, 'explain', ruled.id)).stdout, /rule that held: rules\/a\.rego:5/)
})

test('rules whose own tests fail are not activated, and revisions can be listed, chosen and rolled back', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = installationWithRules(t, { 'weather.yaml': manifest('weather', networkTo(origin.port)) })
  const { proxyPort, gateway } = await startHere(t, installation)
  const rule = (path: string) => `package sallyport.rules\n\nimport rego.v1\n\ndeny contains "no" if input.http.path == "${path}"\n`
  const status = async (path: string) => (await ask(proxyPort, origin.port, path)).status
  installation.write('rules/a.rego', rule('/one'))
  const first = await gateway.reload()
  installation.write('rules/a_test.rego', 'package sallyport.rules_test\n\nimport rego.v1\n\ntest_never if false\n')
  installation.write('rules/a.rego', rule('/two'))
  const rejected = await gateway.reload()
  assert.equal(rejected.ok, false)
  assert.match(rejected.problem ?? '', /^rules\/a_test\.rego:5:1: the test test_never fails/)
  assert.deepEqual([await status('/one'), await status('/two')], [403, 200])

  rmSync(join(installation.folder, 'rules/a_test.rego'))
  const second = await gateway.reload()
  assert.equal(second.ok, true)
  assert.deepEqual([await status('/one'), await status('/two')], [200, 403])
  const listed = await sallyport(installation, 'list')
  assert.match(
    listed.stdout,
    new RegExp(`^\\S+ {2}${second.revision} {2}reload +active\n\\S+ {2}${first.revision} {2}reload *\n\\S+ {2}\\S+ {2}start`),
  )

  assert.equal((await sallyport(installation, 'rollback')).stdout, `active: revision ${first.revision}\n`)
  assert.deepEqual([await status('/one'), await status('/two')], [403, 200])
  assert.deepEqual(await gateway.reload(), { ok: true, revision: first.revision, pinned: first.revision })
  assert.match((await sallyport(installation, 'list')).stdout, /rollback +active, pinned/)
  assert.match((await sallyport(installation, 'activate', '../../etc')).stderr, /is unknown; "sallyport policy list" shows/)
  assert.equal((await sallyport(installation, 'activate', second.revision)).code, 0)
  assert.deepEqual([await status('/one'), await status('/two')], [200, 403])
  assert.equal((await sallyport(installation, 'activate', 'latest')).code, 0)

  // What is kept of a revision was tampered with: it is not activated.
  const objects = join(installation.folder, 'state/policies/history/objects')
  for (const name of readdirSync(objects)) {
    const path = join(objects, name)
    if (readFileSync(path, 'utf8') === rule('/one')) writeFileSync(path, rule('/three'))
  }
  const tampered = await sallyport(installation, 'activate', first.revision)
  assert.equal(tampered.code, 1)
  assert.match(tampered.stderr, /what is kept of a\.rego was changed since|what is kept of rules\/a\.rego was changed since/)
  assert.deepEqual([await status('/one'), await status('/two')], [200, 403])
})

test('a chosen revision is chosen again after a restart', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': manifest('weather', networkTo(8080)) })
  const { gateway } = await startHere(t, installation)
  const [before] = JSON.parse((await sallyport(installation, 'list', '--json')).stdout).activations as { revision: string }[]
  installation.write('integrations/weather.yaml', manifest('weather', networkTo(8081)))
  assert.notEqual((await gateway.reload()).revision, before?.revision)
  assert.equal((await sallyport(installation, 'rollback')).code, 0)
  await gateway.close()
  assert.ok(existsSync(join(installation.folder, 'state/policies/history/pinned')))
  const again = await startHere(t, installation)
  assert.equal((await again.gateway.reload()).pinned, before?.revision)
})

test('“check”, “test” and “build” take masks of the decision log for what they are', async (t) => {
  const installation = installationWithRules(t)
  installation.write('rules/rules.rego', 'package sallyport.rules\n\ndeny contains "x" if input.http.path == "/x"\n')
  installation.write('rules/mask.rego', 'package system.log\n\nmask contains "/input/http/path" if input.input.http.path == "/y"\n')
  installation.write(
    'rules/mask_test.rego',
    'package system.log_test\n\nimport data.system.log\n\ntest_mask if "/input/http/path" in log.mask with input as {"input": {"http": {"path": "/y"}}}\n',
  )
  assert.equal((await sallyport(installation, 'check')).stdout, 'OK: 3 files\n')
  assert.match((await sallyport(installation, 'test')).stdout, /1 of 1 tests pass/)
  const built = await sallyport(installation, 'build', '-o', 'b.tar.gz')
  assert.equal(built.code, 0, built.stderr)
  assert.match((await command('tar', ['-tzf', join(installation.folder, 'b.tar.gz')])).stdout, /mask\.rego/)

  installation.write('rules/mask.rego', 'package system.log\n\nmask contains "/input" if no_such_function(1)\n')
  const checked = await sallyport(installation, 'check')
  assert.notEqual(checked.code, 0)
  assert.match(checked.stderr, /mask\.rego:3:\d+: .*no_such_function/)
})
