/** Leaf certificates for intercepted hosts: one short-lived leaf a host, kept in an LRU. */
import type { webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
// @peculiar/x509 resolves its parts through decorators' metadata, which must be there before it.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { LRUCache } from 'lru-cache'
import { algorithm, type CertificateAuthority, pemOf } from './authority.ts'
import { createSerialNumber } from './serial-number.ts'

const day = 86_400_000

/**
 * Server contexts by canonical host. Leaves live seven days and are made anew after one;
 * all share one key that never leaves the process.
 */
export async function createLeaves(
  authority: CertificateAuthority,
  now: () => number = Date.now,
): Promise<(host: string) => Promise<SecureContext>> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const keyPem = pemOf(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
  const contexts = new LRUCache<string, Promise<SecureContext>>({ max: 1000, ttl: day })

  return (host) => {
    const known = contexts.get(host)
    if (known !== undefined) return known
    const made = issue(authority, keys, host, now()).then((leaf) =>
      createSecureContext({ key: keyPem, cert: leaf.toString('pem'), minVersion: 'TLSv1.2' }),
    )
    contexts.set(host, made)
    made.catch(() => contexts.delete(host))
    return made
  }
}

/** A leaf and its key as PEM, valid for `host` for seven days; for servers of tests and the quick start. */
export async function createLeafPem(authority: CertificateAuthority, host: string): Promise<{ key: string; certificate: string }> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const leaf = await issue(authority, keys, host, Date.now())
  return { key: pemOf(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY'), certificate: leaf.toString('pem') }
}

async function issue(
  authority: CertificateAuthority,
  keys: webcrypto.CryptoKeyPair,
  host: string,
  nowMs: number,
): Promise<x509.X509Certificate> {
  const { certificate: issuer } = authority
  return x509.X509CertificateGenerator.create({
    serialNumber: createSerialNumber(),
    // A common name holds 64 characters at most; the SAN is what clients check.
    subject: new x509.Name([{ CN: [{ utf8String: host.slice(0, 64) }] }]).toString(),
    issuer: issuer.subject,
    notBefore: new Date(nowMs - day / 24),
    notAfter: new Date(Math.min(nowMs + 7 * day, issuer.notAfter.getTime())),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }]),
      new x509.BasicConstraintsExtension(false),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
}
