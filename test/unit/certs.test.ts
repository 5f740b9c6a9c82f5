/** Certificates that other parsers read: OpenSSL through Node, for many serial numbers. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLeafPem, openAuthority } from '../../src/certs/index.ts'
import { createSerialNumber } from '../../src/certs/serial-number.ts'

test('a serial number is positive and has no padding', () => {
  for (let i = 0; i < 2000; i += 1) assert.match(createSerialNumber(), /^[4-7][0-9a-f]{31}$/)
})

test('OpenSSL reads the CA and its leaves, and takes one for the other’s issuer; the key is 0600', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-certs-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const authority = await openAuthority(folder)
  const ca = new X509Certificate(readFileSync(authority.certificateFile))
  assert.equal(ca.ca, true)
  assert.equal(statSync(join(folder, 'ca.key')).mode & 0o777, 0o600)
  for (const host of ['a.example.com', '127.0.0.1', '::1', `${'x'.repeat(60)}.${'y'.repeat(60)}.example.com`]) {
    const leaf = new X509Certificate((await createLeafPem(authority, host)).certificate)
    assert.ok(leaf.checkIssued(ca) && leaf.verify(ca.publicKey), host)
    assert.ok(host.includes(':') || /^[\d.]+$/.test(host) ? leaf.checkIP(host) : leaf.checkHost(host), host)
  }
  assert.equal((await openAuthority(folder)).certificate.serialNumber, authority.certificate.serialNumber)
})
