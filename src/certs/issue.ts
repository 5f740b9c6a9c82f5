/** Writes certificates, through @peculiar/x509. Loaded when the first is made: most of a start goes without. */
import { createPublicKey, randomBytes, type webcrypto } from 'node:crypto'
import { isIP } from 'node:net'

// @peculiar/x509 resolves its parts through decorators' metadata, which must be there before it.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { type CertificateAuthority, type MadeAuthority, RotationRefused } from './certificate-authority.ts'

/** Of the CA and its leaves. */
export const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const day = 86_400_000
const authorityLivesMs = 5 * 365 * day
const leavesLiveMs = 7 * day

export async function makeAuthority(nowMs: number): Promise<MadeAuthority> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: createSerialNumber(),
    // Two of the same day have different names: a chain is built by them.
    name: `CN=Sallyport interception CA ${new Date(nowMs).toISOString().slice(0, 10)} ${randomBytes(4).toString('hex')}, O=Sallyport`,
    notBefore: new Date(nowMs - 3_600_000),
    notAfter: new Date(nowMs + authorityLivesMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      // One CA below it: that which takes its place (`createCross`).
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { key: await privatePem(keys.privateKey), certificate: `${certificate.toString('pem')}\n` }
}

/**
 * PEM of the new CA's certificate as the one before it signs it, for as long as the overlap lasts: clients that trust only that one
 * then trust leaves of the new one. Throws an Error where it may sign no CA (RFC 5280 §4.2.1.9).
 */
export async function createCross(
  before: Pick<CertificateAuthority, 'certificate' | 'privateKey'>,
  certificate: string,
  nowMs: number,
  overlapMs: number,
): Promise<string> {
  const issuer = new x509.X509Certificate(before.certificate.raw)
  if ((issuer.getExtension(x509.BasicConstraintsExtension)?.pathLength ?? 1) < 1)
    throw new RotationRefused(
      'the CA may sign no other CA (path length 0), so clients that trust only it cannot be kept working: rotate with --no-overlap, and restart them with what "sallyport env NAME" prints',
    )
  const subject = new x509.X509Certificate(certificate)
  const publicKey = await subject.publicKey.export(algorithm, ['verify'])
  const cross = await x509.X509CertificateGenerator.create({
    serialNumber: createSerialNumber(),
    subject: subject.subject,
    issuer: issuer.subject,
    notBefore: new Date(nowMs - 3_600_000),
    notAfter: new Date(Math.min(nowMs + overlapMs, issuer.notAfter.getTime())),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: before.privateKey.toCryptoKey(algorithm, false, ['sign']),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(createPublicKey(before.privateKey).toCryptoKey(algorithm, true, ['verify'])),
    ],
  })
  return cross.toString('pem')
}

/** PEM of a leaf for `host`, with `publicKey`. */
export type Issue = (publicKey: webcrypto.CryptoKey, host: string, nowMs: number) => Promise<string>

export async function createIssue({ certificate, privateKey }: CertificateAuthority): Promise<Issue> {
  const issuer = new x509.X509Certificate(certificate.raw)
  const signingKey = privateKey.toCryptoKey(algorithm, false, ['sign'])
  const issuerKey = await x509.AuthorityKeyIdentifierExtension.create(createPublicKey(privateKey).toCryptoKey(algorithm, true, ['verify']))
  return async (publicKey, host, nowMs) => {
    const leaf = await x509.X509CertificateGenerator.create({
      serialNumber: createSerialNumber(),
      // A common name holds 64 characters at most; the SAN is what clients check.
      subject: new x509.Name([{ CN: [{ utf8String: host.slice(0, 64) }] }]).toString(),
      issuer: issuer.subject,
      notBefore: new Date(nowMs - day / 24),
      notAfter: new Date(Math.min(nowMs + leavesLiveMs, issuer.notAfter.getTime())),
      signingAlgorithm: algorithm,
      publicKey,
      signingKey,
      extensions: [
        new x509.SubjectAlternativeNameExtension([{ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }]),
        new x509.BasicConstraintsExtension(false),
        new x509.KeyUsagesExtension(usageOf(publicKey), true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        issuerKey,
      ],
    })
    return leaf.toString('pem')
  }
}

/** RFC 5246 §7.4.2: an old client may send its secret encrypted to an RSA key. */
function usageOf({ algorithm: { name } }: webcrypto.CryptoKey): x509.KeyUsageFlags {
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags
  return name === algorithm.name ? digitalSignature : digitalSignature | keyEncipherment
}

/** PKCS #8. */
export async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
}

/**
 * Sixteen random bytes in hex, of which the first lies between 0x40 and 0x7f: positive and minimal in DER whatever
 * writes it (X.690 §8.3, RFC 5280 §4.1.2.2).
 */
export function createSerialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}
