/** Signatures: what opa signs verifies, and nothing else does. */

import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { readBundleFolder } from '../../src/bundles/format/read-bundle.ts'
import { readBundle, type SignatureAlgorithm, type Verification } from '../../src/bundles/index.ts'
import { bundleOf, type Files, origin, refusalOf, snapshotOf } from '../support/bundles.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { opa } from '../support/opa.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const opaTest = await testWith('opa')

const pem = (key: KeyObject) => key.export({ type: key.type === 'public' ? 'spki' : 'pkcs8', format: 'pem' }).toString()
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const keysOf: Readonly<Record<string, { publicKey: KeyObject; privateKey: KeyObject }>> = {
  RS256: rsa,
  RS512: rsa,
  PS256: rsa,
  PS384: rsa,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
}
const ed25519 = generateKeyPairSync('ed25519')

const trust = (algorithm: SignatureAlgorithm, key: string, more: Partial<Verification> = {}): Verification => ({
  keys: { main: { algorithm, key } },
  keyId: 'main',
  ...more,
})
const trusted = trust('EdDSA', pem(ed25519.publicKey))

// What structured files may hold that hashes differently if it is written differently.
const sources = {
  'src/.manifest': '{"roots": ["acme"],\n "revision": "r1", "metadata": {"z": 1.50, "a": 1e3}}',
  'src/acme/p.rego': rego`
    package acme

    allow := true
  `,
  'src/acme/data.json':
    '{"b": 1.0, "a": [1E2, -0, 0.10, 12345.678e-3], "é": "\\u2028<&>\\u0007\\u007f", "\\ud83d\\ude00": 1, "\\uffee": 2}',
  'src/acme/more/data.yaml': 'x: 1\ny: 2.50\nz: 1e3\nwhen: 2026-01-01\nhuge: 1e30\nsmall: 0.0000001\n',
}

for (const algorithm of Object.keys(keysOf) as SignatureAlgorithm[])
  opaTest(`verifies what "opa build" signed with ${algorithm}`, async (t) => {
    const { publicKey, privateKey } = keysOf[algorithm] ?? rsa
    const folder = createFolder(t, { ...sources, 'key.pem': pem(privateKey) })
    await opa(folder, 'build', '-b', 'src', '--signing-key', 'key.pem', '--signing-alg', algorithm, '-o', 'bundle.tar.gz')
    const bytes = await readFile(join(folder, 'bundle.tar.gz'))
    const verification = trust(algorithm, pem(publicKey))
    assert.equal(snapshotOf(await readBundle(bytes, { origin, verification })).revision, 'r1')
  })

opaTest('verifies a folder that "opa sign" signed, every structured file by its value', async (t) => {
  const folder = createFolder(t, { ...sources, 'key.pem': pem(rsa.privateKey) })
  await opa(join(folder, 'src'), 'sign', '-b', '.', '--signing-key', '../key.pem')
  const bundle = await readBundleFolder(join(folder, 'src'), { verification: trust('RS256', pem(rsa.publicKey)) })
  assert.equal(snapshotOf(bundle).revision, 'r1')
})

opaTest('verifies what opa signed with a secret', async (t) => {
  const folder = createFolder(t, sources)
  await opa(folder, 'build', '-b', 'src', '--signing-key', 'not-a-secret-at-all', '--signing-alg', 'HS256', '-o', 'bundle.tar.gz')
  const bytes = await readFile(join(folder, 'bundle.tar.gz'))
  const read = (secret: string) => readBundle(bytes, { origin, verification: trust('HS256', secret) })
  assert.equal((await read('not-a-secret-at-all')).revision, 'r1')
  assert.match(await refusalOf(read('another secret')), /does not verify with the key "main"/)
})

opaTest('verifies the WebAssembly and the scope that opa signed', async (t) => {
  const folder = createFolder(t, {
    ...sources,
    'claims.json': '{"scope": "read", "keyid": "main", "iat": 1, "iss": "ci"}',
    'key.pem': pem(rsa.privateKey),
  })
  const wasm = ['-t', 'wasm', '-e', 'acme/allow', '--claims-file', 'claims.json']
  await opa(folder, 'build', '-b', 'src', ...wasm, '--signing-key', 'key.pem', '-o', 'bundle.tar.gz')
  const bytes = await readFile(join(folder, 'bundle.tar.gz'))
  const keys = { main: { algorithm: 'RS256', key: pem(rsa.publicKey), scope: 'read' } } as const
  assert.equal(snapshotOf(await readBundle(bytes, { origin, verification: { keys } })).wasm.length, 1)
  const refusal = await refusalOf(readBundle(bytes, { origin, verification: { keys, scope: 'write' } }))
  assert.match(refusal, /^\.signatures\.json: is signed for the scope "read"; expected "write"/)
})

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const data = '{"a":1}'
const dataEntry = { name: 'data.json', hash: sha256(data), algorithm: 'SHA-256' }

interface Signing {
  readonly algorithm?: string
  readonly key?: KeyObject | Uint8Array
  readonly entries?: readonly object[]
  readonly header?: object
  readonly claims?: object
}

const tokenOf = ({ algorithm = 'EdDSA', key = ed25519.privateKey, entries = [dataEntry], header = {}, claims = {} }: Signing) =>
  new SignJWT({ files: entries, ...claims }).setProtectedHeader({ alg: algorithm, ...header }).sign(key)
const signed = async (signing: Signing, files: Files = { 'data.json': data }) => ({
  ...files,
  '.signatures.json': { signatures: [await tokenOf(signing)] },
})
const refusal = async (files: Files, verification: Verification | null = trusted) =>
  refusalOf(readBundle(await bundleOf(files), { origin, verification }))

test('verifies EdDSA, with the key that the token names', async () => {
  const { keys } = trusted
  await eachCase([{ header: { kid: 'main' } }, { claims: { keyid: 'main' } }], async (naming) =>
    assert.equal((await readBundle(await bundleOf(await signed(naming)), { origin, verification: { keys } })).kind, 'snapshot'),
  )
})

test('refuses a token that names a key that is not configured, or none', async () => {
  const { keys } = trusted
  assert.match(
    await refusal(await signed({ header: { kid: 'other' } }), { keys }),
    /is signed with the key "other", which is not configured/,
  )
  assert.match(await refusal(await signed({ header: { kid: '__proto__' } }), { keys }), /key "__proto__", which is not configured/)
  assert.match(await refusal(await signed({}), { keys }), /names no key/)
})

test('refuses HS256 with the public key as its secret', async () => {
  const key = pem(rsa.publicKey)
  const forged = await signed({ algorithm: 'HS256', key: new TextEncoder().encode(key) })
  assert.match(await refusal(forged, trust('RS256', key)), /is signed with another algorithm than RS256/)
  assert.match(await refusal(forged, trust('HS256', key)), /is PEM, which is not a secret for HS256/)
})

test('refuses a token without a signature', async () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = `${part({ alg: 'none', kid: 'main' })}.${part({ files: [dataEntry] })}.`
  assert.match(
    await refusal({ 'data.json': data, '.signatures.json': { signatures: [token] } }),
    /another algorithm than EdDSA|does not verify/,
  )
})

test('refuses a private key where a public one belongs', async () =>
  assert.match(await refusal(await signed({}), trust('EdDSA', pem(ed25519.privateKey))), /is a private key; configure the public one/))

for (const [claim, files, expected] of [
  ['a bundle that is not signed', { 'data.json': data }, /^\.signatures\.json: is missing/],
  ['a file that was changed', await signed({}, { 'data.json': '{"a":2}' }), /^data\.json: is not what was signed/],
  ['a file that is not listed', await signed({}, { 'data.json': data, 'x.rego': 'package x' }), /^x\.rego: is not listed/],
  [
    'a listed file that is missing',
    await signed({ entries: [dataEntry, { ...dataEntry, name: 'x.rego' }] }),
    /lists "x\.rego", which the bundle has not/,
  ],
  ['a file that is listed twice', await signed({ entries: [dataEntry, { ...dataEntry, name: '/data.json' }] }), /lists a file twice/],
  [
    'a broken hash',
    await signed({ entries: [{ ...dataEntry, algorithm: 'MD5' }] }),
    /^data\.json: is hashed with "MD5"; expected one of SHA-224/,
  ],
  ['a scope that nobody asked for', await signed({ claims: { scope: 'write' } }), /signed for the scope "write"; expected ""/],
  [
    'another key’s signature',
    await signed({ key: generateKeyPairSync('ed25519').privateKey }),
    /does not verify with the key "main" \(EdDSA\)/,
  ],
  ['two signatures', { 'data.json': data, '.signatures.json': { signatures: ['a', 'b'] } }, /holds 2 signatures; expected exactly one/],
  ['no signature', { 'data.json': data, '.signatures.json': { signatures: [] } }, /holds 0 signatures/],
  ['a signature that is none', { 'data.json': data, '.signatures.json': { signatures: ['a.b'] } }, /does not verify/],
  [
    'a plugin’s signature',
    { 'data.json': data, '.signatures.json': { signatures: ['a'], plugin: 'x' } },
    /the plugin "x" is not known here/,
  ],
  ['an unsigned delta', { 'patch.json': { data: [{ op: 'remove', path: 'a' }] } }, /^\.signatures\.json: is missing/],
] as const)
  test(`refuses ${claim}`, async () => assert.match(await refusal(files), expected))

test('refuses a signed bundle where no key is configured', async () =>
  assert.match(await refusal(await signed({}), null), /is signed, but no key is configured/))

test('takes whatever spelling of structured files has the signed value', async () => {
  const bytes = await bundleOf(await signed({}, { '/data.json': '{\n  "a": 1\n}\n' }))
  assert.deepEqual(snapshotOf(await readBundle(bytes, { origin, verification: trusted })).data, { a: 1 })
})
