/** Reading bundles: what opa makes is read whole, what is wrong or hostile is refused in one line. */

import assert from 'node:assert/strict'
import { symlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { readBundleFolder } from '../../src/bundles/format/read-bundle.ts'
import { readBundle } from '../../src/bundles/index.ts'
import { bundleOf, origin, readFiles, refusalOf, snapshotOf, tarOf } from '../support/bundles.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { opa } from '../support/opa.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const opaTest = await testWith('opa')

const module = rego`
  package acme.hr

  allow if input.user == data.acme.hr.admin
`
const sources = {
  'src/.manifest': '{"revision": "r7", "roots": ["acme/hr"], "metadata": {"team": "hr"}}',
  'src/acme/hr/policy.rego': module,
  'src/acme/hr/data.yaml': 'admin: alice\n',
}
const read = (bytes: Uint8Array, maxBytes = 1024 * 1024) => readBundle(bytes, { origin, verification: null, maxBytes })
const fileProblem = (files: Parameters<typeof bundleOf>[0]) => refusalOf(readFiles(files))

opaTest('reads what "opa build" makes', async (t) => {
  const folder = createFolder(t, sources)
  await opa(folder, 'build', '-b', 'src', '-o', 'bundle.tar.gz')
  const bundle = snapshotOf(await read(await readFile(join(folder, 'bundle.tar.gz'))))
  assert.equal(bundle.revision, 'r7')
  assert.deepEqual(bundle.roots, ['acme/hr'])
  assert.deepEqual(bundle.data, { acme: { hr: { admin: 'alice' } } })
  assert.deepEqual(bundle.metadata, { team: 'hr' })
  assert.deepEqual(Object.values(bundle.rego), [module])
})

opaTest('reads the WebAssembly and the entrypoints of "opa build -t wasm"', async (t) => {
  const folder = createFolder(t, sources)
  await opa(folder, 'build', '-b', 'src', '-t', 'wasm', '-e', 'acme/hr/allow', '-o', 'bundle.tar.gz')
  const { wasm } = snapshotOf(await read(await readFile(join(folder, 'bundle.tar.gz'))))
  assert.deepEqual(
    wasm.map(({ entrypoint }) => entrypoint),
    ['acme/hr/allow'],
  )
  await WebAssembly.compile(wasm[0]?.module ?? new Uint8Array())
})

opaTest('reads the plan of "opa build -t plan"', async (t) => {
  const folder = createFolder(t, sources)
  await opa(folder, 'build', '-b', 'src', '-t', 'plan', '-e', 'acme/hr/allow', '-o', 'bundle.tar.gz')
  const { plan } = snapshotOf(await read(await readFile(join(folder, 'bundle.tar.gz'))))
  assert.ok(typeof plan === 'object' && plan !== null && 'plans' in plan)
})

test('reads a plain tar as it reads a compressed one', async () => {
  assert.deepEqual(snapshotOf(await read(await tarOf({ '/data.json': { a: 1 } }))).data, { a: 1 })
})

test('reads a folder, in Kubernetes’ way of mounting too', async (t) => {
  const folder = createFolder(t, { '..2026/data.json': '{"a": 1}', 'b/data.json': '2' })
  symlinkSync('..2026', join(folder, '..data'))
  symlinkSync('..data/data.json', join(folder, 'data.json'))
  assert.deepEqual(snapshotOf(await readBundleFolder(folder, { verification: null })).data, { a: 1, b: 2 })
})

test('refuses a link that leads out of the folder', async (t) => {
  const folder = createFolder(t, { 'in/data.json': '{}', 'secret.json': '{}' })
  symlinkSync('../secret.json', join(folder, 'in/data.yaml'))
  assert.match(await refusalOf(readBundleFolder(join(folder, 'in'), { verification: null })), /^data\.yaml: is a link that leads out/)
})

test('merges data files by their folders', async () => {
  const { data } = await readFiles({
    'data.json': { a: { x: 1 } },
    'a/data.yaml': 'y: [2]\n',
    'a/b/c/data.json': 'null',
    'd/data.yml': 'true',
  })
  assert.deepEqual(data, { a: { x: 1, y: [2], b: { c: null } }, d: true })
})

test('resolves merge keys and aliases of YAML', async () => {
  const { data } = await readFiles({ 'data.yaml': 'base: &b {x: 1}\nmore: {<<: *b, y: 2}\n1: one\n' })
  assert.deepEqual(data, { base: { x: 1 }, more: { x: 1, y: 2 }, '1': 'one' })
})

test('takes everything for its root where the manifest names none', async () => {
  assert.deepEqual((await readFiles({ 'data.json': {} })).roots, [''])
})

for (const [claim, files, expected] of [
  ['two data files that define one value', { 'data.json': { a: 1 }, 'a/data.json': '2' }, /^a\/data\.json: defines data\.a, which another/],
  [
    'data outside of the roots',
    { '.manifest': { roots: ['a/b'] }, 'a/data.json': { c: 1 } },
    /^a\/data\.json: defines data\.a\.c, outside of the roots a\/b/,
  ],
  [
    'a package outside of the roots',
    { '.manifest': { roots: ['a/b'] }, 'x.rego': rego`package a.bc` },
    /^x\.rego: is package a\.bc, outside/,
  ],
  [
    'a package hidden behind comments',
    {
      '.manifest': { roots: ['a'] },
      'x.rego': rego`
        # package a
          package b["c"]
      `,
    },
    /^x\.rego: is package b\.c, outside/,
  ],
  ['a module without a package', { 'x.rego': rego`allow := true` }, /^x\.rego: expected a module that begins with "package"/],
  ['overlapping roots', { '.manifest': { roots: ['a/b', 'c', '/a/'] } }, /^\.manifest: roots: "a" covers "a\/b"/],
  ['roots that stand twice', { '.manifest': { roots: ['a', 'a/'] } }, /^\.manifest: roots: "a" covers "a"/],
  ['unknown keys of the manifest', { '.manifest': { revison: 'x' } }, /^\.manifest: unknown key "revison"; known are revision, roots/],
  ['Rego of version 0', { '.manifest': { rego_version: 0 } }, /^\.manifest: rego_version: expected 1; rewrite/],
  ['a manifest that is no object', { '.manifest': '[]' }, /^\.manifest: .*expected/],
  [
    'data of the gateway',
    { 'integrations/weather/data.json': {} },
    /^integrations\/weather\/data\.json: defines data\.integrations, which is the gateway's own/,
  ],
  ['data that is not JSON, with the place', { 'a/data.json': '{\n "x": 1,\n}' }, /^a\/data\.json: is not JSON at line 3, column 1$/],
  ['YAML that is none, with the line', { 'data.yaml': 'a: 1\nb: [1\n' }, /^data\.yaml: is not readable as YAML at line 3/],
  [
    'an alias inside its own anchor',
    { 'data.yaml': 'a: 1\nb: &x [*x, *x]\n' },
    /^data\.yaml: has an alias inside its own anchor at line 2/,
  ],
  [
    'more aliases than anybody looks up one by one',
    { 'data.yaml': `a: &a 1\nb: [${Array(100_000).fill('*a').join(',')}]\n` },
    /^data\.yaml: has too many aliases/,
  ],
  [
    'aliases that unfold without end',
    {
      'data.yaml': `a0: &a0 [x]\n${Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`)}]`).join('\n')}\n`,
    },
    /^data\.yaml: has too many aliases/,
  ],
  ['data nested too deeply', { 'data.json': `{"a":${'['.repeat(2000)}${']'.repeat(2000)}}` }, /^data\.json: is nested deeper than 1000/],
  ['YAML nested too deeply', { 'data.yaml': '['.repeat(100_000) }, /^data\.yaml: is n/],
  [
    'numbers beyond all doubles',
    { 'data.json': '{"id": 1e400}' },
    /^data\.json: has a number out of range, 1e400, .* write it as a string/,
  ],
  ['text that is not UTF-8', { 'data.json': Buffer.from('{"a": "\xff"}', 'latin1') }, /^data\.json: is not UTF-8/],
  ['a key that would change what objects are', { 'data.json': '{"a": {"__proto__": {"x": 1}}}' }, /^data\.json: has the key "__proto__"/],
  ['a top that is no object', { 'data.json': '[1]' }, /^data\.json: expected an object at the top/],
  ['WebAssembly that the manifest does not name', { 'policy.wasm': '\0asm\x01\0\0\0' }, /^policy\.wasm: is named by no entrypoint/],
  [
    'WebAssembly that is named but missing',
    { '.manifest': { wasm: [{ entrypoint: 'a/b', module: '/policy.wasm' }] } },
    /^\.manifest: wasm: names the module/,
  ],
  [
    'WebAssembly that is none',
    { '.manifest': { wasm: [{ entrypoint: 'a', module: '/policy.wasm' }] }, 'policy.wasm': 'text' },
    /^policy\.wasm: is not a WebAssembly/,
  ],
  ['a manifest below the top', { 'a/.manifest': {} }, /^a\/\.manifest: expected \.manifest at the top/],
  ['a manifest in protobuf', { '.manifest.pb': 'x' }, /^\.manifest\.pb: is in protobuf/],
  ['a delta without operations, which OPA takes for an empty bundle', { 'patch.json': { data: [] } }, /^patch\.json: holds no operation/],
  ['a delta that brings policies', { 'patch.json': { data: [] }, 'x.rego': 'package a' }, /^x\.rego: is beside patch\.json/],
  ['a delta with another operation', { 'patch.json': { data: [{ op: 'add', path: '/a', value: 1 }] } }, /^patch\.json: data\.0\.op/],
  [
    'a delta that replaces everything',
    { 'patch.json': { data: [{ op: 'replace', path: '/', value: {} }] } },
    /^patch\.json: data\.0\.path: expected a path below the top/,
  ],
  [
    'a delta of the gateway’s data',
    { 'patch.json': { data: [{ op: 'remove', path: '/%69ntegrations/x' }] } },
    /^patch\.json: changes data\.integrations/,
  ],
  ['a name that leads out of the bundle', { 'a/../../data.json': {} }, /^the name "a\/\.\.\/\.\.\/data\.json" leads out/],
  ['a name with a line end', { 'a\nb.rego': '' }, /^the name "a\\u000ab\.rego" has a control character/],
  ['one file under two spellings of its name', { '/data.json': {}, './data.json': {} }, /^data\.json: is in the archive twice/],
  ['a bundle without files', {}, /^the archive holds no file/],
] as const)
  test(`refuses ${claim}`, async () => assert.match(await fileProblem(files), expected))

test('lets a caller allow what the gateway keeps for itself', async () => {
  const bytes = await bundleOf({ 'integrations/data.json': { a: 1 } })
  assert.deepEqual(snapshotOf(await readBundle(bytes, { origin, verification: null, reservedRoots: [] })).data, { integrations: { a: 1 } })
})

for (const type of ['symlink', 'link', 'fifo', 'character-device', 'block-device'] as const)
  test(`refuses an entry that is a ${type}`, async () => {
    const tar = await tarOf({ 'data.json': '' }, { 'data.json': { type, linkname: '/etc/passwd' } })
    assert.match(await refusalOf(read(tar)), new RegExp(`^data\\.json: is a ${type} entry`))
  })

test('refuses a name that is not UTF-8', async () => {
  const tar = Buffer.from(await tarOf({ 'data.json': {} }))
  tar[0] = 0xff
  // The checksum is the sum of the header's bytes (POSIX ustar).
  const sum = tar.subarray(0, 512).reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  assert.match(await refusalOf(read(tar)), /is not UTF-8/)
})

test('stops unpacking a decompression bomb at the limit', async () => {
  assert.match(await refusalOf(read(gzipSync(Buffer.alloc(64 * 1024 * 1024)))), /^is larger than 1048576 bytes unpacked/)
})

test('refuses more than 100,000 entries', async () => {
  const entry = Buffer.from(await tarOf({ 'd/': '' }, { 'd/': { type: 'directory' } })).subarray(0, 512)
  const tar = Buffer.concat([...Array(100_001).fill(entry), Buffer.alloc(1024)])
  assert.match(await refusalOf(read(tar, 64 * 1024 * 1024)), /^has more than 100000 entries/)
})

test('refuses an archive that was cut anywhere', async () => {
  const whole = await bundleOf({ 'data.json': { a: 'x'.repeat(5000) } })
  await eachCase([1, 5, 12, whole.length >> 1, whole.length - 4], (length) => refusalOf(read(whole.subarray(0, length))))
  const plain = await tarOf({ 'data.json': { a: 'x'.repeat(5000) } })
  await eachCase([1, 511, 512, 2000, 6000], async (length) => assert.match(await refusalOf(read(plain.subarray(0, length))), /tar archive/))
})

test('refuses what is no archive, in one line', async () => {
  assert.match(await refusalOf(read(Buffer.from('<html>\n<body>Sign in</body>'))), /^is not a readable tar archive/)
})

test('refuses documents of more than 50 MB', async () => {
  const bytes = await bundleOf({ 'data.json': Buffer.alloc(50 * 1024 * 1024 + 1, ' ') })
  assert.match(await refusalOf(read(bytes, 100 * 1024 * 1024)), /^data\.json: is larger than 52428800 bytes; split it/)
})
