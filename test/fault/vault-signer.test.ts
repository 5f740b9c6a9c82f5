/** Checkpoints that are signed by a key which Vault keeps: what waits while it is out of reach, and which key goes on with a log. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig, type VaultKeyConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { parseVerifierKey, verifyAudit } from '../../src/proof/index.ts'
import { signerOf } from '../../src/signing/index.ts'
import { eachCase } from '../support/cases.ts'
import { createClientCertificate, createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { createInstallation } from '../support/installation.ts'
import { openTestLog, signer as ownSigner, recordPaths } from '../support/test-log.ts'
import { startVault, type TestVault } from '../support/vault.ts'

const token = 'hvs.the-token-of-the-log'

/** A log's folder, and what signs it by a key of this Vault. */
async function arrange(t: TestContext, options: Partial<VaultKeyConfig> = {}) {
  const vault = await startVault(t)
  vault.tokens.add(token)
  const folder = createFolder(t)
  const config: VaultKeyConfig = {
    ...{ url: new URL(vault.url), mount: 'transit', key: 'log', namespace: null, ca: null, clientCertificate: null, timeoutMs: 5000 },
    token: { value: token, file: null },
    ...options,
  }
  return { vault, folder, config, signer: signerOf({ vault: config }) }
}

const verifierKeyOf = (folder: string) => parseVerifierKey(readFileSync(join(folder, 'verifier-key'), 'utf8'))

async function verified(folder: string) {
  const { findings, signed, records } = await verifyAudit(folder, { key: verifierKeyOf(folder) })
  return { findings, isAllSigned: signed?.size === records }
}

/** A log that is open, with the problems of publishing that it told. */
async function open(folder: string, signer: ReturnType<typeof signerOf>) {
  const told: (string | null)[] = []
  const audit = await openTestLog(folder, { signer, onUnpublished: (error) => void told.push(error?.message ?? null) })
  return { audit, told }
}

test('a log is signed by the version of the key that it was begun with, whichever is the newest', async (t) => {
  const { vault, folder, signer } = await arrange(t)
  await recordPaths(folder, ['/a'], { signer })
  vault.rotate()
  await recordPaths(folder, ['/b'], { signer })
  assert.deepEqual(await verified(folder), { findings: [], isAllSigned: true })
  assert.ok(
    readFileSync(join(folder, 'verifier-key'), 'utf8')
      .trim()
      .endsWith(Buffer.concat([Buffer.of(1), vault.publicKey(1)]).toString('base64')),
  )
  const other = createFolder(t)
  await recordPaths(other, ['/c'], { signer })
  assert.deepEqual(await verified(other), { findings: [], isAllSigned: true })
  assert.ok(
    readFileSync(join(other, 'verifier-key'), 'utf8')
      .trim()
      .endsWith(Buffer.concat([Buffer.of(1), vault.publicKey(2)]).toString('base64')),
  )
})

test('while Vault is out of reach records are written and checkpoints wait, also over a start', async (t) => {
  const { vault, folder, signer } = await arrange(t)
  await recordPaths(folder, ['/a'], { signer })
  const signed = readFileSync(join(folder, 'checkpoint'), 'utf8')
  await vault.shut()
  const { audit, told } = await open(folder, signer)
  audit.note('rejected', { problem: 'x' })
  await audit.noted()
  await eventually('that is told', () => told.length > 0)
  assert.match(String(told[0]), /^http:\/\/localhost:\d+\/v1\/transit\/keys\/log: nothing listens there/)
  assert.equal(readFileSync(join(folder, 'checkpoint'), 'utf8'), signed)
  assert.equal(audit.status().broken, false)
  await vault.open()
  await eventually('all is signed', () => told.length === 2)
  assert.deepEqual([told[1], audit.status().checkpoint.size], [null, audit.status().records])
  await audit.close()
  assert.deepEqual(await verified(folder), { findings: [], isAllSigned: true })
})

test('a log is not begun without Vault: it has no key to be verified by', async (t) => {
  const { vault, folder, signer } = await arrange(t)
  await vault.shut()
  await assert.rejects(openTestLog(folder, { signer }), {
    name: 'AuditError',
    message:
      /^the audit log cannot be begun without the key that signs it: http:\/\/localhost:\d+\/v1\/transit\/keys\/log: nothing listens there/,
  })
  await vault.open()
  await recordPaths(folder, ['/a'], { signer })
  assert.deepEqual(await verified(folder), { findings: [], isAllSigned: true })
})

const failures: readonly (readonly [what: string, how: Partial<TestVault>, problem: RegExp])[] = [
  ['is sealed', { isSealed: true }, /keys\/log answers with 503: Vault is sealed$/],
  ['does not know the token', { tokens: new Set<string>() }, /keys\/log answers with 403: 1 error occurred:\s+\* permission denied$/],
  [
    'has a key of another type',
    { misbehave: (data) => ({ ...data, type: 'aes256-gcm96' }) },
    /is of the type aes256-gcm96: expected one of the type ed25519 that is not derived \("vault write -f transit\/keys\/log type=ed25519" makes one\)/,
  ],
  ['has a derived key', { misbehave: (data) => ({ ...data, derived: true }) }, /is a derived key: expected/],
  ['gives no public key', { misbehave: () => ({ type: 'ed25519', keys: { 1: {} } }) }, /without public keys of Ed25519/],
  ['says nothing that is its', { misbehave: () => ({ type: 'ed25519' }) }, /without public keys of Ed25519/],
]
for (const [what, how, problem] of failures)
  test(`a log is not begun where Vault ${what}, and no message has the token`, async (t) => {
    const { vault, folder, signer } = await arrange(t)
    Object.assign(vault, how)
    await assert.rejects(openTestLog(folder, { signer }), (error: Error) => {
      assert.match(error.message, problem)
      assert.ok(!error.message.includes(token))
      return true
    })
  })

test('no signature is taken that is not by the key of the log', async (t) => {
  const { vault, folder, signer } = await arrange(t)
  await recordPaths(folder, ['/a'], { signer })
  const { audit, told } = await open(folder, signer)
  const wrong = [
    ['vault:v1:AAAA', /without a signature of Ed25519 by version 1/],
    [`vault:v2:${Buffer.alloc(64).toString('base64')}`, /without a signature of Ed25519 by version 1/],
    [`vault:v1:${Buffer.alloc(64).toString('base64')}`, /a signature that is not by the key of this log/],
    [7, /without a signature of Ed25519/],
  ] as const
  await eachCase(wrong, async ([signature, problem]) => {
    vault.misbehave = (data) => ({ ...data, signature })
    const before = vault.asked.length
    audit.note('rejected', { problem: 'x' })
    await eventually('it was asked', () => vault.asked.length > before)
    await eventually('that is told', () => told.length % 2 === 1)
    assert.match(String(told.at(-1)), problem)
    vault.misbehave = null
    await eventually('it is published', () => told.length % 2 === 0)
  })
  await audit.close()
  assert.deepEqual(await verified(folder), { findings: [], isAllSigned: true })
})

test('a log that was put in place of this one is refused, and never signed where Vault could not say so at the start', async (t) => {
  const { vault, folder, signer } = await arrange(t)
  await recordPaths(folder, ['/a'], { signer })
  rmSync(folder, { recursive: true })
  const forged = createFolder(t)
  await recordPaths(forged, ['/forged'], { signer: ownSigner })
  cpSync(forged, folder, { recursive: true })
  await assert.rejects(
    openTestLog(folder, { signer }),
    /checkpoint: the key of this gateway did not sign it: it is the log of another gateway/,
  )
  await vault.shut()
  const { audit, told } = await open(folder, signer)
  audit.note('rejected', { problem: 'x' })
  await eventually('that is told', () => told.length > 0)
  await vault.open()
  const before = vault.asked.length
  await eventually('Vault was asked twice more', () => vault.asked.length > before + 1)
  assert.deepEqual([...new Set(vault.asked.slice(before))], ['GET v1/transit/keys/log'])
  await audit.close()
})

test('a token that is put into its file is used from the next signature on', async (t) => {
  const file = join(createFolder(t), 'token')
  writeFileSync(file, `${token}\n`)
  const { vault, folder, signer } = await arrange(t, { token: { value: 'the one before', file } })
  const { audit, told } = await open(folder, signer)
  vault.tokens.clear()
  vault.tokens.add('hvs.renewed')
  audit.note('rejected', { problem: 'x' })
  await eventually('that is told', () => told.length === 1)
  writeFileSync(file, 'hvs.renewed\n')
  await eventually('it is published', () => told.length === 2)
  rmSync(file)
  audit.note('rejected', { problem: 'x' })
  await eventually('all is signed', () => audit.status().checkpoint.size === audit.status().records)
  await audit.close()
  assert.deepEqual(await verified(folder), { findings: [], isAllSigned: true })
})

test('a gateway signs by Vault as sallyport.yaml says: its address, TLS, namespace, mount, key and token', async (t) => {
  const folder = createFolder(t)
  const origin = await createOriginCertificate(folder, 'localhost')
  const client = await createClientCertificate('gateway')
  const tls = { key: origin.key, cert: origin.certificate, ca: client.certificate, requestCert: true }
  const vault = await startVault(t, { mount: 'teams/audit', namespace: 'admin/eu', key: 'gateway-1', tls })
  vault.tokens.add(token)
  const installation = createInstallation(t, {
    config: `audit: { signer: { vault: {
      url: "${vault.url}", mount: teams/audit, namespace: admin/eu, key: gateway-1, token: { env: VAULT_TOKEN }, timeout: 2s,
      ca: ${join(folder, 'origin-ca.crt')}, clientCertificate: { certificate: ./client.crt, key: ./client.key } } } }`,
  })
  installation.write('client.crt', client.certificate)
  installation.write('client.key', client.key)
  const config = loadConfig(installation.configFile, { VAULT_TOKEN: token })
  assert.ok(config.secrets.includes(token))
  await (await startGateway(config, { logTo: { write: () => {} } })).close()
  const log = join(installation.folder, 'state/audit')
  assert.deepEqual(await verified(log), { findings: [], isAllSigned: true })
  assert.ok(
    readFileSync(join(log, 'verifier-key'), 'utf8')
      .trim()
      .endsWith(Buffer.concat([Buffer.of(1), vault.publicKey(1)]).toString('base64')),
  )
})

test('who signs is said once, and no token goes to another machine in the clear', (t) => {
  const written = (audit: string) => createInstallation(t, { config: `audit: ${audit}` }).configFile
  const env = { T: token }
  const vault = (more: string) => `{ signer: { vault: { key: log, token: { env: T }, ${more} } } }`
  assert.throws(() => loadConfig(written(vault('url: "http://vault.example:8200"')), env), /audit\.signer\.vault\.url.*expected https/s)
  assert.throws(() => loadConfig(written(vault('url: "https://vault.example", mount: "../sys"')), env), /audit\.signer\.vault\.mount/)
  assert.throws(
    () => loadConfig(written(`{ key: { file: k }, signer: { vault: { url: "https://v.example", key: log, token: { env: T } } } }`), env),
    /audit\.signer.*expected one of audit\.key and audit\.signer/s,
  )
  const { key } = loadConfig(written(vault('url: "https://vault.example"')), env).audit
  assert.ok('vault' in key)
  assert.deepEqual([key.vault.mount, key.vault.timeoutMs, key.vault.token], ['transit', 5000, { value: token, file: null }])
})
