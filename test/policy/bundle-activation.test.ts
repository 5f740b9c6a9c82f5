/** Bundles as part of the policy: what they may define, what needs a compiler, and what the revision depends on. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { buildBundle } from '../../src/authoring/toolchain.ts'
import { type BundleSet, readBundle } from '../../src/bundles/index.ts'
import type { AccessRequest, Claim, Integration } from '../../src/core/index.ts'
import { decodeManifest } from '../../src/manifests/decode.ts'
import { type Compile, createCompile, createLoader, harden } from '../../src/opa/index.ts'
import { libraryNeedOf } from '../../src/opa/library-source.ts'
import { readBodies, readFunctionNames, readImports, readSections, sections } from '../../src/opa/wasm/sections.ts'
import { compiledPolicyFolder } from '../../src/policy/build.ts'
import { noGrants } from '../../src/policy/external-calls/external-caller.ts'
import { createPolicy } from '../../src/policy/policy.ts'
import { requireTests } from '../../src/policy/test-gate.ts'
import { createHistory } from '../../src/rollout/index.ts'
import { bundleOf, type Files, readFiles, snapshotOf } from '../support/bundles.ts'
import { eachCase, times } from '../support/cases.ts'
import { composed } from '../support/composed.ts'
import { smallDefaults } from '../support/defaults.ts'
import { createFolder } from '../support/folder.ts'
import { opa } from '../support/opa.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler', 'opa')

const weather = decodeManifest(
  '/x/weather.yaml',
  'apiVersion: sallyport/v1\nkind: Integration\nname: weather\nowner: maps\nnetwork: [{ hosts: [api.example.com], tls: intercept }]',
  smallDefaults,
)

/** A station that counts how often it compiles. */
function station(t: TestContext, compile: Compile = createCompile(), grants = noGrants) {
  const commands: string[] = []
  const policy = createPolicy({
    cacheFolder: createFolder(t),
    compile: (request) => {
      commands.push(request.command)
      return compile(request)
    },
    maxMemoryPages: 200,
    maxEvaluationMs: 500,
    grants,
    readContext: () => ({}),
    onFailure: (_kind, error) => assert.fail(String(error)),
  })
  async function activate(bundles: BundleSet, rules = {}, integrations: readonly Integration[] = [weather]): Promise<string> {
    const prepared = await policy.prepare(composed({ integrations, rules, bundles }))
    prepared.activate()
    return prepared.revision
  }
  const allows = (path: string, at = 0) =>
    policy.decide(
      { kind: 'http', id: 'id', door: 'proxy', at, integration: weather, identity: 'token', action: 'GET' } as unknown as AccessRequest,
      {
        facts: { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET', path, segments: path.split('/').slice(1) },
        subject: {},
        origin: null,
      } as unknown as Claim,
    )?.allow
  return { policy, commands, activate, allows }
}

const set = async (files: Readonly<Record<string, Files>>): Promise<BundleSet> => {
  const found = new Map()
  for (const [name, file] of Object.entries(files)) found.set(name, await readFiles(file))
  return found
}

const rule = rego`
  package sallyport.rules

  import rego.v1

  deny contains "closed" if input.http.path in data.acme.closed
`
const acme = (closed: readonly string[], more: Files = {}): Files => ({
  '.manifest': { roots: ['sallyport/rules', 'acme'] },
  'rules.rego': rule,
  'acme/data.json': { closed },
  ...more,
})

compilerTest('new data decides without a compiler, and is another revision', async (t) => {
  const { activate, allows, commands } = station(t)
  const first = await activate(await set({ acme: acme(['/a']) }))
  assert.deepEqual([allows('/a'), allows('/b'), commands], [false, true, ['build']])
  const second = await activate(await set({ acme: acme(['/b']) }))
  assert.deepEqual([allows('/a'), allows('/b'), commands], [true, false, ['build']])
  assert.notEqual(first, second)
  assert.equal(first.split('-')[0], second.split('-')[0])
  assert.equal(await activate(await set({ acme: acme(['/a']) })), first)
})

compilerTest('data too large for the image of each integration decides as well', async (t) => {
  const { activate, allows } = station(t)
  await activate(await set({ acme: acme(Array.from({ length: 10_000 }, (_, index) => `/path/${index}`)) }))
  assert.deepEqual([allows('/path/9999'), allows('/path/10000')], [false, true])
})

for (const entries of [500, 1200, 5000, 12_000, 40_000, 120_000])
  compilerTest(`a request is decided alike among others where the data has ${entries} entries`, async (t) => {
    const { activate, allows } = station(t)
    const users = Object.fromEntries(
      Array.from({ length: entries }, (_, index) => [`user${index}`, { role: `r${index % 50}`, net: `10.0.${index % 250}.0/24` }]),
    )
    const files = acme(['/closed'], {
      'more.rego': rego`
        package sallyport.rules

        import rego.v1

        deny contains "role" if data.acme.users[substring(input.http.path, 1, -1)].role == "r7"
      `,
      '.manifest': { roots: ['sallyport/rules', 'acme'] },
      'acme/users/data.json': users,
    })
    await activate(await set({ acme: files }))
    // Each is another input, so that none is remembered.
    times(20, (round) =>
      assert.deepEqual(
        [allows(`/a${round}`), allows('/closed'), allows('/user7'), allows('/user8')],
        [true, false, false, true],
        `round ${round}`,
      ),
    )
  })

compilerTest('rules of the folder may look at what bundles define, and bundles’ tests see their data', async (t) => {
  const { activate, allows, commands } = station(t)
  const passing = rego`
    package sallyport.rules_test

    import rego.v1

    import data.sallyport.rules

    test_a if count(rules.deny) == 1 with input as {"http": {"path": "/a"}}
  `
  const files = acme(['/a'], {
    '.manifest': { roots: [''] },
    'rules_test.rego': passing,
    'acme/lib.rego': rego`
      package acme.lib

      is_b(path) if path == "/b"
    `,
  })
  const own = {
    'rules/own.rego': rego`
      package sallyport.rules

      import rego.v1

      deny contains "b" if data.acme.lib.is_b(input.http.path)
    `,
  }
  await activate(await set({ acme: files }), own)
  assert.deepEqual([allows('/a'), allows('/b'), allows('/c'), commands], [false, false, true, ['build', 'test', 'build']])
})

compilerTest('two bundles stand side by side where their roots lie apart, and not where they meet', async (t) => {
  const { activate, allows } = station(t)
  const more = (root: string): Files => ({ '.manifest': { roots: [root] }, 'acme/more/data.json': { x: 1 } })
  await activate(await set({ acme: acme(['/a'], { '.manifest': { roots: ['sallyport/rules', 'acme/closed'] } }), more: more('acme/more') }))
  assert.deepEqual([allows('/a'), allows('/b')], [false, true])
  await assert.rejects(
    async () => activate(await set({ acme: acme([]), more: more('acme/more') })),
    /^BundleError: bundle more: \.manifest: roots: "acme" and "acme\/more" overlap between it and the bundle acme; set them apart$/,
  )
})

for (const [claim, text, expected] of [
  [
    'the package of the default policy',
    rego`
      package sallyport

      x := 1
    `,
    /is package sallyport, which is the gateway's own/,
  ],
  ['a package below it', rego`package sallyport.other`, /is package sallyport\.other, which is the gateway's own/],
  ['the manifests', rego`package integrations.weather`, /is package integrations\.weather, which is the gateway's own/],
] as const)
  test(`refuses Rego in ${claim}`, async (t) => {
    const { activate } = station(t)
    await assert.rejects(async () => activate(await set({ acme: { 'x.rego': text } })), expected)
  })

const unable: Compile = () => Promise.reject(new Error('there is no compiler'))

/** The default policy and one rule as `opa build` makes WebAssembly of them. */
async function builtByOpa(t: TestContext, entrypoint: string, text = rule): Promise<Uint8Array> {
  const rego = join(import.meta.dirname, '../../rego/sallyport')
  const names = readdirSync(rego).filter((name) => /(?<!_test)\.rego$/.test(name))
  const files = names.map((name) => [`src/sallyport/${name}`, readFileSync(join(rego, name))] as const)
  const folder = createFolder(t, { ...Object.fromEntries(files), 'src/rules.rego': text, 'src/acme/data.json': '{"closed": ["/a"]}' })
  await opa(folder, 'build', '-b', 'src', '-t', 'wasm', '-e', entrypoint, '-o', 'b.tar.gz')
  return readFileSync(join(folder, 'b.tar.gz'))
}
const whole = async (bytes: Uint8Array): Promise<BundleSet> =>
  new Map([['acme', snapshotOf(await readBundle(bytes, { origin: 'acme', verification: null }))]])

compilerTest('WebAssembly that opa built is asked without the body as well, and reads it where its rules look at it', async (t) => {
  const looking = 'package sallyport.rules\n\ndeny contains "x" if {\n\tinput.http.path == "/judged"\n\tinput.http.body.value.a\n}\n'
  const { policy, activate } = station(t, unable)
  await activate(await whole(await builtByOpa(t, 'sallyport/decision', looking)))
  const decide = (path: string, body: object) =>
    policy.decide(
      { kind: 'http', id: 'id', door: 'proxy', at: 0, integration: weather, identity: 'token', action: 'GET' } as unknown as AccessRequest,
      {
        facts: { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET', path, body },
        subject: {},
        origin: null,
      } as unknown as Claim,
    )?.rule
  assert.match(decide('/free', { type: 'unread' }) ?? '', /^default\//)
  assert.equal(decide('/judged', { type: 'unread' }), undefined)
  assert.equal(decide('/judged', { type: 'json', bytes: 7, value: { a: 1 } }), 'rules/deny')
})

compilerTest('WebAssembly that opa built replaces the policy whole, and needs no compiler', async (t) => {
  const { activate, allows, policy } = station(t, unable)
  const bundles = await whole(await builtByOpa(t, 'sallyport/decision'))
  await activate(bundles)
  assert.deepEqual([allows('/a'), allows('/b')], [false, true])
  // Nothing is known of what it looks at.
  assert.deepEqual(policy.needs, { headers: true, body: true, context: true })
  await assert.rejects(
    activate(bundles, { 'rules/own.rego': rule }),
    /bundle acme: brings a policy that replaces all rules, so rules\/own\.rego would not count/,
  )
})

const hostileRules = rego`
  package sallyport.rules

  deny contains "inside" if {
    contains(input.http.segments[0], ".")
    net.cidr_contains("10.0.0.0/8", input.http.segments[0])
  }

  deny contains "valid" if json.is_valid(input.http.segments[0])

  deny contains "text" if base64.is_valid(input.http.segments[1])

  deny contains "place" if indexof(input.http.segments[1], "é") == 1

  deny contains "glob" if glob.match("a*c", [], input.http.segments[1])
`

compilerTest('WebAssembly that opa built is asked for OPA’s own functions, not for those that it brings', async (t) => {
  const { activate, allows } = station(t, unable)
  await activate(await whole(await builtByOpa(t, 'sallyport/decision', hostileRules)))
  // json.is_valid inside frees a value that is shared: what it said before must not change what comes behind.
  eachCase(['x', 'y', 'z'], (round) => {
    assert.deepEqual(
      ['true', 'true x', '[1', '::ffff:10.1.2.3', '11.1.2.3', 'a'].map((first) => allows(`/${first}/_${round}`)),
      [false, true, true, false, true, true],
      round,
    )
    assert.deepEqual(
      ['aGVsbG8=', 'aGVs\nbG8=', 'aé', 'a\nc', '_'].map((second) => allows(`/a${round}/${second}`)),
      [false, false, false, false, true],
      round,
    )
  })
})

compilerTest('a function inside WebAssembly whose code is another than ours is asked of OPA’s library', async (t) => {
  const bundles = await whole(
    await builtByOpa(t, 'sallyport/decision', rule.replace('input.http.path in data.acme.closed', 'startswith(input.http.path, "/a")')),
  )
  const acme = bundles.get('acme')
  assert.ok(acme !== undefined)
  const changed = acme.wasm.map((item) => {
    const module = Buffer.from(item.module)
    const [index = 0] = [...readFunctionNames(module)].find(([, name]) => name === 'opa_strings_startswith') ?? []
    const sectionsOfModule = readSections(module)
    const body = readBodies(sectionsOfModule.get(sections.code))[index - readImports(sectionsOfModule, null).functions] ?? new Uint8Array()
    // It gives nothing: i32.const 0, then nop until its end.
    const other = Buffer.alloc(body.length, 0x01)
      .fill(Buffer.of(0, 0x41, 0), 0, 3)
      .fill(0x0b, body.length - 1)
    other.copy(module, module.indexOf(body))
    return { ...item, module }
  })
  const { activate, allows } = station(t, unable)
  await activate(new Map([['acme', { ...acme, wasm: changed }]]))
  assert.deepEqual([allows('/a'), allows('/b')], [false, true])
})

test('functions of the default policy are answered inside where they are OPA’s equal', async () => {
  const wasm = readFileSync(join(compiledPolicyFolder, 'policy.wasm'))
  const { base } = createLoader(await WebAssembly.compile(harden(wasm)))
  assert.deepEqual(base.neverInside, [])
  assert.deepEqual(libraryNeedOf(base, {}), { always: [], sometimes: [] })
})

compilerTest('WebAssembly whose rules call what is unknown here is refused', async (t) => {
  const bundles = await whole(await builtByOpa(t, 'sallyport/decision'))
  const acme = bundles.get('acme')
  assert.ok(acme !== undefined)
  const renamed = acme.wasm.map((item) => {
    const module = Buffer.from(item.module)
    const at = module.indexOf('opa_strings_startswith')
    assert.ok(at > 0)
    module.write('opa_strings_starts_wit', at)
    return { ...item, module }
  })
  const { activate } = station(t, unable)
  await assert.rejects(
    activate(new Map([['acme', { ...acme, wasm: renamed }]])),
    /a rule in the policy’s WebAssembly calls opa_strings_starts_wit, which is unknown here/,
  )
})

compilerTest('what a bundle says of its WebAssembly’s reads and clocks is not believed', async (t) => {
  const dated = rule.replace('input.http.path in data.acme.closed', 'time.now_ns() > 1000000000')
  const { bytes } = await buildBundle(createCompile(), { 'rules.rego': dated }, { revision: 'r1' })
  const acme = (await whole(bytes)).get('acme')
  assert.ok(acme !== undefined)
  const [wasm] = acme.wasm
  const policyReads = { reads: [], probes: [], builtins: [], volatile: [], ownOnly: true }
  const sallyport = {
    policyReads,
    wasm: createHash('sha256')
      .update(wasm?.module ?? '')
      .digest('hex'),
  }
  const { activate, allows, policy } = station(t, unable)
  await activate(new Map([['acme', { ...acme, metadata: { sallyport } }]]))
  assert.deepEqual(policy.needs, { headers: true, body: true, context: true })
  assert.deepEqual([allows('/a', 0), allows('/a', 5000)], [true, false])
})

compilerTest('refuses WebAssembly without the entry point, or with functions that no policy may call', async (t) => {
  const { activate } = station(t, unable)
  await assert.rejects(
    async () =>
      activate(
        await whole(
          await builtByOpa(
            t,
            'acme/rules/x',
            rego`
              package acme.rules

              x := 1
            `,
          ),
        ),
      ),
    /bundle acme: \.manifest: wasm: has the entry points acme\/rules\/x; expected sallyport\/decision/,
  )
  const reaching = rego`
    ${rule}
    deny contains "closed" if http.send({"url": "http://a", "method": "get"}).status_code == 1
  `
  await assert.rejects(
    async () => activate(await whole(await builtByOpa(t, 'sallyport/decision', reaching))),
    /the WebAssembly calls http\.send, which no policy may call here/,
  )
  // Where it may, its answer is waited for, though nobody said what the module calls.
  const granted = station(t, unable, { ...noGrants, builtins: ['http.send'] })
  await granted.activate(await whole(await builtByOpa(t, 'sallyport/decision', reaching)))
  assert.notEqual(granted.policy.decideAsync, null)
})

compilerTest('the history gives back what a bundle said, its WebAssembly included', async (t) => {
  const history = createHistory(createFolder(t))
  const rego = snapshotOf(await readBundle(await bundleOf(acme(['/a'])), { origin: 'acme', verification: null }))
  const bundles = new Map([...(await whole(await builtByOpa(t, 'sallyport/decision'))), ['rego', rego] as const])
  const revision = '0123456789ab-0123456789ab'
  await history.keep(revision, { manifests: {}, rules: {}, bundles })
  const { bundles: found } = await history.read(revision)
  assert.deepEqual([...found.keys()], ['acme', 'rego'])
  assert.deepEqual([found.get('rego')?.rego, found.get('rego')?.data], [rego.rego, rego.data])
  assert.deepEqual(Buffer.from(found.get('acme')?.wasm[0]?.module ?? []), Buffer.from(bundles.get('acme')?.wasm[0]?.module ?? []))
})

test('the history gives back data of any keys, whatever was read before (nodejs/node#63785)', async (t) => {
  const history = createHistory(createFolder(t))
  const bundle = snapshotOf(await readBundle(await bundleOf(acme([])), { origin: 'acme', verification: null }))
  await eachCase(
    [
      ['0123456789ab-000000000000', { first: 1, '\\': 2 }],
      ['0123456789ab-000000000001', { first: 1, '"': 2 }],
    ] as const,
    async ([revision, data]) => {
      await history.keep(revision, { manifests: {}, rules: {}, bundles: new Map([['acme', { ...bundle, data }]]) })
      assert.deepEqual((await history.read(revision)).bundles.get('acme')?.data, data)
    },
  )
})

test('the history of data that changes all the time stays bounded, and what was chosen stays', async (t) => {
  const folder = createFolder(t)
  const history = createHistory(folder)
  const bundle = snapshotOf(await readBundle(await bundleOf(acme([])), { origin: 'acme', verification: null }))
  const revisionOf = (index: number) => `0123456789ab-${String(index).padStart(12, '0')}`
  await history.pin(revisionOf(3))
  await times(150 + 1, async (index) => {
    const bundles = new Map([['acme', { ...bundle, data: { index } }]])
    await history.keep(revisionOf(index), { manifests: {}, rules: {}, bundles })
    await history.record({ revision: revisionOf(index), at: '', how: 'bundle' })
  })
  const kept = (await history.list()).map(({ revision }) => revision)
  assert.deepEqual([kept.length, kept[0], kept[99], kept[100]], [101, revisionOf(150), revisionOf(51), revisionOf(3)])
  assert.deepEqual((await history.read(revisionOf(3))).bundles.get('acme')?.data, { index: 3 })
  await assert.rejects(history.read(revisionOf(4)), /is unknown/)
  assert.deepEqual(readdirSync(folder).sort(), [...kept, 'activations.jsonl', 'pinned'].sort())
})

test('masks that a bundle brings as data are refused, not passed over', async (t) => {
  const { activate } = station(t)
  const masks = { 'system/log/data.json': '{"mask":["/input"]}' }
  await assert.rejects(
    async () => activate(await set({ acme: masks })),
    /bundle acme: defines data\.system\.log, which would not count; write mask and drop as rules/,
  )
  await activate(await set({ acme: { 'system/other/data.json': '{"a":1}' } }))
})

const atLists = rego`
  package acme.lists

  blocked := ["/a"]

  by[name] := 1 if some name in ["x"]
`

for (const [what, document, expected] of [
  [
    'a document where a rule stands',
    { blocked: [] },
    /^BundleError: bundle lists: defines data\.acme\.lists\.blocked, where rules are defined as well/,
  ],
  [
    'a document where a computed rule stands',
    { by: { y: 2 } },
    /bundle lists: defines data\.acme\.lists\.by, where rules are defined as well/,
  ],
  [
    'no object on the way to a rule',
    ['x'],
    /bundle lists: defines data\.acme\.lists, where rules are defined as well \(data\.acme\.lists\.blocked\)/,
  ],
  [
    'a number with a spelling of its own on the way to a rule',
    '1.0',
    /bundle lists: defines data\.acme\.lists, where rules are defined as well \(data\.acme\.lists\.blocked\)/,
  ],
] as const)
  compilerTest(`refuses ${what}, and takes data beside it`, async (t) => {
    const { activate, allows, commands } = station(t)
    const rules = { 'rules/lists.rego': atLists, 'rules/own.rego': rule.replace('data.acme.closed', 'data.acme.lists.blocked') }
    const bundle = async (data: unknown) =>
      set({ lists: { '.manifest': { roots: ['acme'] }, 'acme/lists/data.json': data as Files[string] } })
    await activate(await bundle({ other: 1 }), rules)
    assert.equal(allows('/a'), false)
    await assert.rejects(async () => activate(await bundle(document), rules), expected)
    // New data was held against rules that were compiled before.
    assert.deepEqual(commands, ['build'])
    assert.equal(allows('/a'), false)
  })

compilerTest('a rule where the manifests stand is refused', async (t) => {
  const { activate } = station(t)
  await assert.rejects(
    async () =>
      activate(new Map(), {
        'rules/x.rego': rego`
          package integrations.weather

          owner := "me"
        `,
      }),
    /data\.integrations\.weather\.owner is defined by a rule, and data\.integrations is where the manifests stand/,
  )
})

compilerTest('a compiler that does not tell where rules stand leaves whole packages to them', async (t) => {
  const compile = createCompile()
  const silent: Compile = async (request) => {
    const { rules: _told, ...answer } = await compile(request)
    return answer
  }
  const { activate } = station(t, silent)
  const own = { 'rules/own.rego': rule, 'rules/lists.rego': atLists }
  const beside: Files = { '.manifest': { roots: ['acme'] }, 'acme/data.json': { closed: ['/a'] } }
  await activate(await set({ acme: beside }), own)
  await assert.rejects(
    async () => activate(await set({ acme: { ...beside, 'acme/lists/data.json': { other: 1 } } }), own),
    /bundle acme: defines data\.acme\.lists, where rules are defined as well/,
  )
})

compilerTest('rules and masks that are both new are tested once', async () => {
  const compile = createCompile()
  const commands: string[] = []
  const counted: Compile = (request) => {
    commands.push(request.command)
    return compile(request)
  }
  const sources = {
    'a_test.rego': rego`
      package a_test

      test_a if true
    `,
  }
  await requireTests(counted, sources)
  await requireTests(counted, { ...sources })
  assert.deepEqual(commands, ['test', 'build'])
  const failing = {
    'a_test.rego': rego`
      package a_test

      test_a if false
    `,
  }
  await times(2, () => assert.rejects(requireTests(counted, failing), /test_a fails/))
  assert.deepEqual(commands, ['test', 'build', 'test', 'build', 'test', 'build'])
})
