/** Leaf certificates for intercepted hosts: short-lived, made when a host is first asked for. */
import type { webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSecureContext, type SecureContext } from 'node:tls'
// @peculiar/x509 resolves its parts through decorators' metadata, which must be there before it.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { createFairCache, createPace } from '../shares/index.ts'
import { algorithm, type CertificateAuthority, pemOf } from './authority.ts'
import { openRsaKey, type RsaKey } from './rsa-key.ts'
import { createSerialNumber } from './serial-number.ts'

const day = 86_400_000

export interface Leaves {
  /**
   * A server context for the canonical host, for a client of the integration. `rsa`: with a second leaf, for clients that
   * know no ECDSA; its key is made when the first of them comes. Throws where the integration asks for too many new hosts.
   */
  contextFor(integration: string, host: string, rsa: boolean): Promise<SecureContext>
}

interface Made {
  readonly context: Promise<SecureContext>
  readonly at: number
}

/** Of all integrations. */
const maxContexts = 1000
/** A leaf takes milliseconds of the event loop: one integration that asks for ever new hosts must not have most of it. */
const pace = { perSecond: 25, burst: 100, maxWaitMs: 5000 }

/** Leaves live seven days and are made anew after one; all of a kind share one key. That of ECDSA never leaves the process. */
export async function createLeaves(authority: CertificateAuthority, now: () => number = Date.now): Promise<Leaves> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const keyPem = pemOf(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
  const contexts = createFairCache<Made>(maxContexts)
  const waitMs = createPace({ ...pace, now: () => performance.now() })
  let rsaKey: Promise<RsaKey> | null = null

  async function make(integration: string, host: string, rsa: boolean): Promise<SecureContext> {
    const wait = waitMs(integration)
    if (wait === null) throw new Error(`${integration} asks for more new hosts than leaves can be made`)
    if (wait > 0) await sleep(wait)
    const leaf = (await issue(authority, keys.publicKey, host, now())).toString('pem')
    if (!rsa) return createSecureContext({ key: keyPem, cert: leaf, minVersion })
    rsaKey ??= openRsaKey(authority.leafKeyFile)
    const key = await rsaKey.catch((error) => {
      rsaKey = null
      throw error
    })
    const second = (await issue(authority, key.publicKey, host, now())).toString('pem')
    // OpenSSL takes the one whose kind the client can check (SSL_CTX_use_certificate(3)).
    return createSecureContext({ key: [keyPem, key.pem], cert: [leaf, second], minVersion })
  }

  return {
    contextFor(integration, host, rsa) {
      const key = rsa ? `rsa ${host}` : host
      const known = contexts.get(integration, key)
      if (known !== undefined && now() - known.at < day) return known.context
      const context = make(integration, host, rsa)
      const made = { context, at: now() }
      contexts.set(integration, key, made)
      context.catch(() => {
        if (contexts.get(integration, key) === made) contexts.delete(integration, key)
      })
      return context
    },
  }
}

const minVersion = 'TLSv1.2'

/** A leaf and its key as PEM, valid for `host` for seven days; for servers of tests and the quick start. */
export async function createLeafPem(authority: CertificateAuthority, host: string): Promise<{ key: string; certificate: string }> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const leaf = await issue(authority, keys.publicKey, host, Date.now())
  return { key: pemOf(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY'), certificate: leaf.toString('pem') }
}

async function issue(
  authority: CertificateAuthority,
  publicKey: webcrypto.CryptoKey,
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
    publicKey,
    signingKey: authority.keys.privateKey,
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }]),
      new x509.BasicConstraintsExtension(false),
      new x509.KeyUsagesExtension(usageOf(publicKey), true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
}

/** RFC 5246 §7.4.2: an old client may send its secret encrypted to an RSA key. */
function usageOf({ algorithm: { name } }: webcrypto.CryptoKey): x509.KeyUsageFlags {
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags
  return name === algorithm.name ? digitalSignature : digitalSignature | keyEncipherment
}
