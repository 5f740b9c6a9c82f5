/** The key that signs the log: made once, kept from others, and the only one that goes on with its log. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { signerFrom } from '../../src/audit/index.ts'
import { loadConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { parseVerifierKey, verifyAudit } from '../../src/proof/index.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { createInstallation } from '../support/installation.ts'
import { openTestLog, recordPaths } from '../support/test-log.ts'

const pemOf = (type: 'ed25519' | 'ed448' = 'ed25519') =>
  generateKeyPairSync(type as 'ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string

/** A log with records, and its key in a file. */
async function logWithKey(t: TestContext) {
  const folder = createFolder(t)
  const key = join(createFolder(t), 'audit.key')
  const signer = signerFrom({ file: key })
  await recordPaths(folder, ['/a'], { signer })
  return { folder, key, signer }
}

test('the first start makes a key that others cannot read, and each later start signs with it', async (t) => {
  const { folder, key, signer } = await logWithKey(t)
  assert.equal(statSync(key).mode & 0o777, 0o600)
  const made = readFileSync(key, 'utf8')
  const verifierKey = readFileSync(join(folder, 'verifier-key'), 'utf8')
  await recordPaths(folder, ['/b'], { signer })
  assert.deepEqual([readFileSync(key, 'utf8'), readFileSync(join(folder, 'verifier-key'), 'utf8')], [made, verifierKey])
  assert.deepEqual((await verifyAudit(folder, { key: parseVerifierKey(verifierKey) })).findings, [])
})

for (const mode of [0o640, 0o604, 0o620])
  test(`a key file that is open to others (${mode.toString(8)}) is refused, and the message says what to do`, async (t) => {
    const { folder, key, signer } = await logWithKey(t)
    chmodSync(key, mode)
    await assert.rejects(openTestLog(folder, { signer }), {
      name: 'AuditError',
      message: new RegExp(`audit\\.key can be read by others \\(mode ${mode.toString(8)}\\).*: chmod 600 it`),
    })
    chmodSync(key, 0o600)
    await recordPaths(folder, ['/b'], { signer })
  })

test('the log of another gateway is refused, whole or in parts', async (t) => {
  const [own, other] = [await logWithKey(t), await logWithKey(t)]
  await assert.rejects(
    openTestLog(other.folder, { signer: own.signer }),
    /checkpoint: the key of this gateway did not sign it: it is the log of another gateway/,
  )
  rmSync(join(own.folder, 'verifier-key'))
  cpSync(join(other.folder, 'verifier-key'), join(own.folder, 'verifier-key'))
  await assert.rejects(openTestLog(own.folder, { signer: own.signer }), /verifier-key: it is not the key of this log/)
  rmSync(join(own.folder, 'verifier-key'))
  await recordPaths(own.folder, ['/b'], { signer: own.signer })
  cpSync(join(other.folder, 'wal'), join(own.folder, 'wal'), { recursive: true })
  await assert.rejects(openTestLog(own.folder, { signer: own.signer }), { name: 'AuditError' })
})

test('what is no key of Ed25519 is refused', async (t) => {
  const folder = createFolder(t)
  const file = join(createFolder(t), 'audit.key')
  await eachCase(['', 'not a key', pemOf('ed448')], async (text) => {
    writeFileSync(file, text, { mode: 0o600 })
    await assert.rejects(openTestLog(folder, { signer: signerFrom({ file }) }), /does not hold a private key of Ed25519 in PEM/)
  })
})

test('a key from a variable signs the log as one from a file does', async (t) => {
  const pem = pemOf()
  const file = join(createFolder(t), 'own.key')
  const log = createInstallation(t, { config: 'audit: { key: { env: AUDIT_KEY } }' })
  const config = loadConfig(log.configFile, { AUDIT_KEY: pem })
  assert.deepEqual([config.audit.key, config.secrets.includes(pem)], [{ pem }, true])
  assert.throws(() => loadConfig(log.configFile, {}), /audit\.key.*the environment has no AUDIT_KEY/s)
  assert.throws(() => loadConfig(log.configFile, { AUDIT_KEY: 'x' }), /audit\.key.*no private key in PEM/s)
  await (await startGateway(config, { logTo: { write: () => {} } })).close()
  writeFileSync(file, pem, { mode: 0o600 })
  log.write('sallyport.yaml', log.read('sallyport.yaml').replace('{ env: AUDIT_KEY }', `{ file: ${file} }`))
  await (await startGateway(loadConfig(log.configFile), { logTo: { write: () => {} } })).close()
  const { findings, signed, records } = await verifyAudit(join(log.folder, 'state/audit'))
  assert.deepEqual([findings, signed?.size], [[], records])
})
