/** What is wrong with a policy, a manifest or a bundle is told in one line with its place; what decides stays active. */

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { SignJWT } from 'jose'
import { bundleOf, type Files } from '../support/bundles.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import {
  type Child,
  createInstallation,
  exchangeRaw,
  type Installation,
  main,
  manifest,
  networkTo,
  proxyHeader,
  startChild,
  startHere,
} from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const sallyport = ({ folder, configFile }: Installation, ...args: string[]) =>
  command(process.execPath, ['--no-warnings', main, ...args, '--config', configFile], { cwd: folder })

const rules = 'package sallyport.rules\n\n'
/** Of an integration of its own: one name in two manifests takes what they do not agree on from both, tokens first. */
const newcomer = 'apiVersion: sallyport/v1\nkind: Integration\nname: newcomer\nowner: tests\n'
const fiftyMegabytes = Buffer.alloc(50 * 1024 * 1024, '#')

interface Bad {
  readonly what: string
  readonly file: string
  readonly content: string | Buffer
  /** The whole message, its `file` without the folder. */
  readonly told: RegExp
}

const badRules: readonly Bad[] = [
  {
    what: 'Rego that does not compile',
    file: 'rules/bad.rego',
    content: `${rules}deny contains if\n`,
    told: /^rules\/bad\.rego:3:15: unexpected if keyword: expected rule key term [^\n]*$/,
  },
  {
    what: 'Rego that asks for a key the input has not',
    file: 'rules/bad.rego',
    content: `${rules}deny contains "x" if input.http.metod == "GET"\n`,
    told: /^rules\/bad\.rego:3:22: undefined ref: input\.http\.metod \(have: "metod", want \(one of\): \["body" [^\n]*\]\)$/,
  },
  {
    what: 'Rego that compares what can never be equal',
    file: 'rules/bad.rego',
    content: `${rules}deny contains "x" if input.http.port == "443"\n`,
    told: /^rules\/bad\.rego:3:22: match error \(left: number, right: string\)$/,
  },
  {
    what: 'a rule that is no set',
    file: 'rules/bad.rego',
    content: `${rules}allow := input.http.method == "GET"\n`,
    told: /^rules\/bad\.rego:3:1: "allow" is a set of strings: write "allow contains …"$/,
  },
  {
    what: 'a function that reaches out of the policy',
    file: 'rules/bad.rego',
    content: `${rules}deny contains "x" if http.send({"url": "http://a", "method": "GET"}).status_code == 200\n`,
    told: /^rules\/bad\.rego:3:22: undefined function http\.send: it reaches out of the policy, and the configuration does not grant it; add it to policy\.grants\.builtins, /,
  },
  {
    what: 'a function that OPA has deprecated',
    file: 'rules/bad.rego',
    content: `${rules}deny contains "x" if re_match("a", input.http.path)\n`,
    told: /^rules\/bad\.rego:3:22: deprecated [^\n]*: re_match: OPA has deprecated it, and refuses it in Rego v1; call regex\.match$/,
  },
  {
    what: 'a call whose answer no policy in the gateway can hold',
    file: 'rules/bad.rego',
    content: `${rules}deny contains "x" if base64.decode("/w==") == input.http.path\n`,
    told: /^rules\/bad\.rego:3:22: base64\.decode gives text that is not UTF-8 here, [^\n]*; compare the encoded text instead$/,
  },
  { what: 'Rego of 50 MB', file: 'rules/bad.rego', content: fiftyMegabytes, told: /^rules\/bad\.rego: is larger than 4194304 bytes$/ },
  { what: 'Rego that is not text', file: 'rules/bad.rego', content: Buffer.from([0xff, 0xfe]), told: /^rules\/bad\.rego: is not UTF-8$/ },
]

const badManifests: readonly Bad[] = [
  {
    what: 'a manifest with an unknown key',
    file: 'integrations/bad.yaml',
    content: `${newcomer}netwrok: []\n`,
    told: /^integrations\/bad\.yaml:5:1 netwrok: unknown key; did you mean "network"\? \(known: [^\n]*\)$/,
  },
  {
    what: 'a manifest with a value of the wrong type',
    file: 'integrations/bad.yaml',
    content: `${newcomer}network: [{ hosts: [a.example], ports: ["443"] }]\n`,
    told: /^integrations\/bad\.yaml:5:41 network\.0\.ports\.0: expected a number, not text: write it without quotes$/,
  },
  {
    what: 'a cyclic manifest',
    file: 'integrations/bad.yaml',
    content: `${newcomer}labels: &a { team: *a }\n`,
    told: /^integrations\/bad\.yaml:5:20: an alias inside its own anchor; write the value out$/,
  },
  {
    what: 'a manifest of 50 MB',
    file: 'integrations/bad.yaml',
    content: fiftyMegabytes,
    told: /^integrations\/bad\.yaml: is larger than 262144 bytes$/,
  },
  {
    what: 'a manifest that is no YAML',
    file: 'integrations/bad.yaml',
    content: `${newcomer}network: [\n`,
    told: /^integrations\/bad\.yaml:6:1: Flow sequence [^\n]*$/,
  },
]

/** At once: a gateway that watches the folder never sees half a file. */
function put({ folder }: Installation, { file, content }: Pick<Bad, 'file' | 'content'>): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, 'new'), content)
  renameSync(join(folder, 'new'), join(folder, file))
}

const withRules = (t: TestContext, manifests: Record<string, string>) => {
  const installation = createInstallation(t, { config: 'policy: { rules: ./rules }', manifests })
  put(installation, { file: 'rules/good.rego', content: `${rules}deny contains "no" if input.http.path == "/secret"\n` })
  return installation
}

const oneLine = (text: string, { folder }: Installation) => text.replaceAll(`${folder}/`, '').replace(/\n$/, '')

for (const [bad, args, code] of [
  ...badRules.map((bad) => [bad, ['policy', 'check'], 1] as const),
  ...badManifests.map((bad) => [bad, ['check'], 78] as const),
]) {
  const run = args[0] === 'policy' ? compilerTest : test
  run(`the command line tells ${bad.what} with its place`, async (t) => {
    const installation = withRules(t, {})
    put(installation, bad)
    const said = await sallyport(installation, ...args)
    assert.equal(said.code, code)
    assert.equal(said.stdout, '')
    assert.match(oneLine(said.stderr, installation), bad.told)
  })
}

const wasm = (abi: number) => {
  // One i32 global of the value, exported as OPA's version of the ABI (W3C WebAssembly Core 2.0, §5.5).
  const name = [...Buffer.from('opa_wasm_abi_version')]
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 6, 6, 1, 0x7f, 0, 0x41, abi, 0x0b, 7, 24, 1, 20, ...name, 3, 0])
}
const wasmManifest = { roots: ['acme'], wasm: [{ entrypoint: 'acme/allow', module: '/policy.wasm' }] }
const module_ = rego`
  package acme

  allow := true
`

const badBundles: readonly (readonly [what: string, files: Files, told: RegExp])[] = [
  [
    'a bundle whose Wasm is missing',
    { '.manifest': wasmManifest, 'acme/a.rego': module_ },
    /^b\.tar\.gz: \.manifest: wasm: names the module "\/policy\.wasm", which the bundle has not; build it again$/,
  ],
  [
    'Wasm of an unknown ABI',
    { '.manifest': wasmManifest, 'acme/a.rego': module_, 'policy.wasm': wasm(2) },
    /^b\.tar\.gz: policy\.wasm: is for OPA's ABI 2\.0; expected 1\.2 or later of 1, build the bundle with OPA 1$/,
  ],
  [
    'a plan of an unknown version',
    { 'acme/a.rego': module_, 'plan.json': { plans: { plans: [{ name: 'a', blocks: [{ stmts: [{ type: 'LeapStmt', stmt: {} }] }] }] } } },
    /^b\.tar\.gz: plan\.json: is of a version that is not known here: unknown statement "LeapStmt"; build the bundle with OPA [^\n]*$/,
  ],
  [
    'a plan with an unknown part',
    { 'acme/a.rego': module_, 'plan.json': { version: 2, plans: {} } },
    /^b\.tar\.gz: plan\.json: is of a version that is not known here: unknown key "version"; [^\n]*$/,
  ],
  [
    'a bundle’s manifest with an unknown key',
    { '.manifest': { rots: ['acme'] }, 'acme/a.rego': module_ },
    /^b\.tar\.gz: \.manifest: unknown key "rots"; known are [^\n]*$/,
  ],
  [
    'data of the wrong type',
    { 'data.json': [1], 'acme/a.rego': module_ },
    /^b\.tar\.gz: data\.json: expected an object at the top of the data$/,
  ],
  [
    'cyclic data',
    { 'data.yaml': 'a: 1\nb: &x\n  - *x\n', 'acme/a.rego': module_ },
    /^b\.tar\.gz: data\.yaml: has an alias inside its own anchor at line 3; write the value out$/,
  ],
  [
    'data of more than 50 MB',
    { 'data.json': Buffer.alloc(50 * 1024 * 1024 + 1, ' '), 'acme/a.rego': module_ },
    /^b\.tar\.gz: data\.json: is larger than 52428800 bytes; split it$/,
  ],
  [
    'Rego in a bundle that does not compile',
    {
      'acme/a.rego': rego`
        package acme

        allow if
      `,
    },
    /^acme\/a\.rego:\d:\d+: [^\n]*$/,
  ],
]

for (const [what, files, told] of badBundles) {
  const run = what.startsWith('Rego') ? compilerTest : test
  run(`the command line tells ${what} with the bundle and the file`, async (t) => {
    const installation = createInstallation(t)
    put(installation, { file: 'b.tar.gz', content: Buffer.from(await bundleOf(files)) })
    const said = await sallyport(installation, 'policy', 'check', 'b.tar.gz')
    assert.equal(said.code, 1)
    assert.equal(said.stdout, '')
    assert.match(oneLine(said.stderr, installation), told)
  })
}

test('the command line tells a signature by the wrong key', async (t) => {
  const installation = createInstallation(t)
  const [author, stranger] = [generateKeyPairSync('rsa', { modulusLength: 2048 }), generateKeyPairSync('rsa', { modulusLength: 2048 })]
  const token = await new SignJWT({ files: [] }).setProtectedHeader({ alg: 'RS256' }).sign(stranger.privateKey)
  const bundle = await bundleOf({ 'acme/a.rego': module_, '.signatures.json': { signatures: [token] } })
  put(installation, { file: 'b.tar.gz', content: Buffer.from(bundle) })
  put(installation, { file: 'key.pem', content: author.publicKey.export({ type: 'spki', format: 'pem' }) })
  const said = await sallyport(installation, 'policy', 'check', 'b.tar.gz', '--verification-key', 'key.pem')
  assert.equal(said.code, 1)
  assert.equal(
    said.stderr,
    'b.tar.gz: .signatures.json: the signature does not verify with the key "default" (RS256); check the key, or sign the bundle again\n',
  )
})

/** Resolves when the gateway has written a line of this kind behind `from`. */
async function logged({ process: child, stderr }: Child, from: number, line: RegExp): Promise<string> {
  for (;;) {
    const found = stderr()
      .slice(from)
      .split('\n')
      .slice(0, -1)
      .find((written) => line.test(written))
    if (found !== undefined) return found
    await once(child.stderr as NonNullable<typeof child.stderr>, 'data')
  }
}

async function health({ healthPort }: Child): Promise<{ ready: number; manifests: boolean; rejected: string }> {
  const get = (path: string) => fetch(`http://127.0.0.1:${healthPort}${path}`)
  const ready = await get('/readyz')
  const { checks } = (await ready.json()) as { checks: { manifests: boolean } }
  const metrics = await (await get('/metrics')).text()
  return { ready: ready.status, manifests: checks.manifests, rejected: /^sallyport_policy_rejected (\d)$/m.exec(metrics)?.[1] ?? '' }
}

compilerTest('a running gateway rejects each of them, tells why, and decides by the last good policy as before', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = withRules(t, { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) })
  const child = await startChild(t, installation)
  const status = async (path: string) =>
    (
      await exchangeRaw(
        child.proxyPort,
        `GET http://localhost:${origin.port}${path} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
      )
    ).slice(9, 12)
  const kept = await sallyport(installation, 'policy', 'list')
  const hangUp = () => {
    const from = child.stderr().length
    child.process.kill('SIGHUP')
    return from
  }
  await eachCase([...badRules, ...badManifests], async (bad) => {
    put(installation, bad)
    const line = await logged(child, hangUp(), /"problem":/)
    assert.match(oneLine((JSON.parse(line) as { problem: string }).problem, installation), bad.told, bad.what)
    assert.deepEqual(await health(child), { ready: 200, manifests: false, rejected: '1' }, bad.what)
    assert.deepEqual([await status('/open'), await status('/secret')], ['200', '403'], bad.what)
    const reload = await sallyport(installation, 'reload')
    assert.equal(reload.code, 1, bad.what)
    assert.match(reload.stderr, /^rejected; revision \S+ stays active:\n/)
    rmSync(join(installation.folder, bad.file))
    await logged(child, hangUp(), /"msg":"policy active"/)
    assert.deepEqual(await health(child), { ready: 200, manifests: true, rejected: '0' }, bad.what)
  })
  assert.equal((await sallyport(installation, 'policy', 'list')).stdout, kept.stdout)
  child.process.kill('SIGTERM')
  assert.deepEqual(await child.exited(), { code: 0, signal: null })
  assert.equal((await sallyport(installation, 'audit', 'verify')).code, 0)
})

const damages: readonly (readonly [what: string, file: string, change: (content: Buffer) => string | Buffer])[] = [
  ['is not JSON', 'policy.json', () => '{'],
  ['is empty', 'policy.json', () => ''],
  ['is of a later version', 'policy.json', (content) => JSON.stringify({ ...JSON.parse(content.toString()), format: 99 })],
  [
    'says nothing of what the policy looks at',
    'policy.json',
    (content) => JSON.stringify({ ...JSON.parse(content.toString()), policyReads: {} }),
  ],
  ['is cut', 'policy.wasm', (content) => content.subarray(0, content.length / 2)],
  ['is another policy', 'policy.wasm', () => readFileSync(join(import.meta.dirname, '../../rego/sallyport/compiled/policy.wasm'))],
]

compilerTest('a compiled policy in the state folder that is damaged or of another version is built again', async (t) => {
  const installation = withRules(t, { 'weather.yaml': manifest('weather', networkTo(8080)) })
  const decides = async () => {
    const { gateway, proxyPort } = await startHere(t, installation)
    const answer = await exchangeRaw(
      proxyPort,
      `GET http://localhost:8080/secret HTTP/1.1\r\nHost: localhost:8080\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
    )
    await gateway.close()
    return /"rule":"([^"]*)"/.exec(answer)?.[1]
  }
  assert.equal(await decides(), 'rules/deny')
  const cache = join(installation.folder, 'state/policies')
  const [name = ''] = readdirSync(cache).filter((entry) => entry !== 'history')
  await eachCase(damages, async ([what, file, change]) => {
    const path = join(cache, name, file)
    const whole = readFileSync(path)
    writeFileSync(path, change(whole))
    assert.equal(await decides(), 'rules/deny', `${file} ${what}`)
    assert.ok(readFileSync(path).equals(whole), `${file} ${what}: it is whole again`)
  })
})

const starts: readonly (readonly [what: string, change: (installation: Installation) => void, told: RegExp])[] = [
  ['Rego', (installation) => put(installation, badRules[0] as Bad), /^rules\/bad\.rego:3:15: [^\n]*$/],
  ['a manifest', (installation) => put(installation, badManifests[0] as Bad), /^integrations\/bad\.yaml:5:1 netwrok: unknown key[^\n]*$/],
  [
    'a chosen revision that is unknown',
    (installation) => put(installation, { file: 'state/policies/history/pinned', content: 'nosuch\n' }),
    /^the chosen revision cannot be used: the revision "nosuch" is unknown; [^\n]*; to follow the folders, remove state\/policies\/history\/pinned$/,
  ],
  [
    'a chosen revision that is damaged',
    (installation) => {
      put(installation, { file: 'state/policies/history/pinned', content: '0123456789ab-0123456789ab\n' })
      put(installation, { file: 'state/policies/history/0123456789ab-0123456789ab/revision.json', content: '{' })
    },
    /^the chosen revision cannot be used: what is kept of the revision was changed since: state\/policies\/history\/0123456789ab-0123456789ab\/revision\.json; [^\n]*$/,
  ],
  [
    'a chosen revision that an earlier version kept',
    (installation) => {
      put(installation, { file: 'state/policies/history/pinned', content: '0123456789ab-0123456789ab\n' })
      put(installation, { file: 'state/policies/history/0123456789ab-0123456789ab.json', content: '{"manifests":{},"rules":{}}' })
    },
    /^the chosen revision cannot be used: what is kept of the revision is in the form of an earlier version, which this one does not read: [^\n]*; to follow the folders, remove [^\n]*$/,
  ],
]
// Trying again mends none of them: 78 tells a supervisor so.
for (const [what, change, told] of starts) {
  const run = what === 'Rego' ? compilerTest : test
  run(`a gateway does not start with ${what}, and says why in one line`, async (t) => {
    const installation = withRules(t, {})
    change(installation)
    const said = await sallyport(installation, 'run')
    assert.equal(said.code, 78)
    assert.match(oneLine(said.stderr, installation), told)
  })
}

compilerTest('a torn line of the history hides no other, and the next is whole', async (t) => {
  const installation = withRules(t, { 'weather.yaml': manifest('weather', networkTo(8080)) })
  const first = await startHere(t, installation)
  await first.gateway.close()
  const lines = 'state/policies/history/activations.jsonl'
  writeFileSync(join(installation.folder, lines), `${installation.read(lines)}{"revision":"0123`)
  const { gateway } = await startHere(t, installation)
  const listed = await sallyport(installation, 'policy', 'list')
  assert.equal(listed.stdout.match(/ start /g)?.length, 2, listed.stdout + listed.stderr)
  await gateway.close()
})
