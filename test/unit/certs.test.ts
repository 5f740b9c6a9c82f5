/** Certificates that other parsers read: OpenSSL through Node, for many serial numbers. */

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLeaves, openAuthority } from '../../src/certs/index.ts'
import { createSerialNumber } from '../../src/certs/issue.ts'
import { createLeafPem, openRsaKey } from '../../src/certs/leaves.ts'
import { stateFolder } from '../../src/config/index.ts'
import { createCaller } from '../support/caller.ts'
import { eachCase, times } from '../support/cases.ts'

/** A CA that is not rotated. */
function opened(folder: string) {
  const authority = openAuthority(stateFolder(folder).ca)
  return () => authority
}

test('a serial number is positive and has no padding', () => {
  times(2000, () => assert.match(createSerialNumber(), /^[4-7][0-9a-f]{31}$/))
})

test('OpenSSL reads the CA and its leaves, and takes one for the other’s issuer; the key is 0600', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-certs-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const authority = await openAuthority(stateFolder(folder).ca)
  const ca = new X509Certificate(readFileSync(join(folder, 'ca/ca.crt')))
  assert.equal(ca.ca, true)
  assert.equal(statSync(join(folder, 'ca/ca.key')).mode & 0o777, 0o600)
  await eachCase(['a.example.com', '127.0.0.1', '::1', `${'x'.repeat(60)}.${'y'.repeat(60)}.example.com`], async (host) => {
    const leaf = new X509Certificate((await createLeafPem(authority, host)).certificate)
    assert.ok(leaf.checkIssued(ca) && leaf.verify(ca.publicKey), host)
    assert.ok(host.includes(':') || /^[\d.]+$/.test(host) ? leaf.checkIP(host) : leaf.checkHost(host), host)
  })
  assert.equal((await openAuthority(stateFolder(folder).ca)).certificate.serialNumber, authority.certificate.serialNumber)
})

test('the RSA key of leaves is kept, and made again where others could read it or it is none', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-certs-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'leaf-rsa.key')
  const first = await openRsaKey(file)
  assert.equal((await openRsaKey(file)).pem, first.pem)
  chmodSync(file, 0o644)
  const second = await openRsaKey(file)
  assert.notEqual(second.pem, first.pem)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  writeFileSync(file, 'no key')
  assert.notEqual((await openRsaKey(file)).pem, second.pem)
  // Kept nowhere, it serves all the same.
  assert.match((await openRsaKey(join(folder, 'absent/leaf-rsa.key'))).pem, /PRIVATE KEY/)
})

test('one integration that asks forever new hosts waits for leaves, and another does not', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-certs-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const leaves = createLeaves(opened(folder))
  const { hangup } = createCaller()
  const asked = Array.from({ length: 300 }, (_, index) => leaves.contextFor('greedy', `${index}.example.com`, false, hangup))
  const states = asked.map((item) =>
    item.then(
      () => 'made',
      () => 'refused',
    ),
  )
  await leaves.contextFor('weather', 'a.example.com', false, hangup)
  assert.equal(await leaves.contextFor('greedy', '0.example.com', false, hangup), await asked[0])
  await asked[99]
  assert.equal(await Promise.race([states[110], Promise.resolve('waiting')]), 'waiting')
  assert.equal(await states[299], 'refused')
})

test('a caller that leaves waits for its leaf no longer; another that asked for the same still gets it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-certs-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  // Time stands still until it is told to go on: nothing but the hang-up ends a wait.
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const leaves = createLeaves(opened(folder))
  const stays = createCaller()
  times(110, (index) => void leaves.contextFor('greedy', `${index}.example.com`, false, stays.hangup))
  const leaves1 = createCaller()
  const leaves2 = createCaller()
  const alone = leaves.contextFor('greedy', 'alone.example.com', false, leaves1.hangup)
  const shared = leaves.contextFor('greedy', 'shared.example.com', false, leaves2.hangup)
  const other = leaves.contextFor('greedy', 'shared.example.com', false, stays.hangup)
  leaves1.leave()
  leaves2.leave()
  await assert.rejects(alone, { code: 'client-closed' })
  await assert.rejects(shared, { code: 'client-closed' })
  await assert.rejects(leaves.contextFor('greedy', 'alone.example.com', false, leaves1.hangup), { code: 'client-closed' })
  const again = leaves.contextFor('greedy', 'alone.example.com', false, stays.hangup)
  t.mock.timers.tick(10_000)
  assert.ok((await other) !== (await again))
})
