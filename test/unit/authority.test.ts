/** The CA on disk, wherever a rotation is cut off, and when its overlap is over. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { rotateAuthority } from '../../src/certs/authority.ts'
import { createAuthorityKeeper, openAuthority, readAuthority } from '../../src/certs/index.ts'
import { stateFolder } from '../../src/config/index.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'

const hour = 3_600_000

async function arrange(t: TestContext) {
  const files = stateFolder(createFolder(t)).ca
  const { certificate } = await openAuthority(files)
  return { files, first: certificate.fingerprint256, published: () => new X509Certificate(readFileSync(files.certificate)).fingerprint256 }
}

test('a rotation that is cut off before its key leaves the CA as it was; one after its key is published by the next start', async (t) => {
  const { files, first, published } = await arrange(t)
  const key = readFileSync(files.key)
  const { certificate } = await rotateAuthority(files, hour, Date.now())
  const rotatedKey = readFileSync(files.key)
  assert.equal(published(), first)

  writeFileSync(files.key, key)
  const before = await readAuthority(files, Date.now())
  assert.deepEqual([before?.certificate.fingerprint256, before?.overlap], [first, null])

  writeFileSync(files.key, rotatedKey)
  const after = await openAuthority(files)
  assert.equal(after.certificate.fingerprint256, certificate.fingerprint256)
  assert.equal(after.overlap?.previous.fingerprint256, first)
  assert.equal(published(), certificate.fingerprint256)
})

test('a start that changes nothing leaves the files that clients may be reading, and puts right what somebody has changed', async (t) => {
  const { files } = await arrange(t)
  const places = [files.certificate, files.der, files.bundle, files.truststore, files.aptConfig]
  const inodes = () => places.map((file) => statSync(file).ino)
  const first = inodes()
  await openAuthority(files)
  assert.deepEqual(inodes(), first)
  const content = readFileSync(files.bundle)
  chmodSync(files.bundle, 0o600)
  writeFileSync(files.der, 'other')
  await openAuthority(files)
  assert.deepEqual([statSync(files.bundle).mode & 0o777, readFileSync(files.bundle)], [0o644, content])
  assert.ok(new X509Certificate(readFileSync(files.der)).ca)
})

test('what a process that was killed as it wrote has left, which may be a key, is removed by the next start', async (t) => {
  const { files } = await arrange(t)
  const names = readdirSync(files.folder)
  writeFileSync(join(files.folder, `.4711.${crypto.randomUUID()}.tmp`), 'key', { mode: 0o600 })
  await openAuthority(files)
  assert.deepEqual(readdirSync(files.folder), names)
})

test('a pair that an operator puts in place of the rotated one is the CA', async (t) => {
  const { files } = await arrange(t)
  const other = await arrange(t)
  writeFileSync(files.key, readFileSync(other.files.key))
  writeFileSync(files.certificate, readFileSync(other.files.certificate))
  assert.equal((await openAuthority(files)).certificate.fingerprint256, other.first)
})

test('an expired CA stops the start and says how a new one is made; the new one has no overlap with it', async (t) => {
  const { files, published } = await arrange(t)
  const later = Date.now() + 6 * 365 * 24 * hour
  await assert.rejects(
    openAuthority(files, files, () => later),
    /ca\.crt expired on .*: "sallyport ca rotate" makes a new one/,
  )
  const { overlap } = await rotateAuthority(files, hour, later)
  assert.equal(overlap, null)
  const opened = await openAuthority(files, files, () => later)
  assert.equal(published(), opened.certificate.fingerprint256)
})

test('when an overlap is over, the CA before is no longer published, and the next rotation is possible', async (t) => {
  const { files, first } = await arrange(t)
  const keeper = createAuthorityKeeper({
    files,
    trust: files,
    record: async () => {},
    onUnpublished: (error) => assert.fail(String(error)),
  })
  t.after(keeper.close)
  const bundle = () => readFileSync(files.bundle, 'utf8').match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []
  const holds = (fingerprint: string) => bundle().some((pem) => new X509Certificate(pem).fingerprint256 === fingerprint)
  const { certificate } = await keeper.rotate(2000)
  assert.ok(holds(first))
  await eventually('it is taken out', () => !holds(first))
  assert.ok(holds(certificate.fingerprint256))
  assert.equal((await keeper.current()).overlap, null)
  await keeper.rotate(hour)
})
