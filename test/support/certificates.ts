/** Certificates of test origins: a CA of their own and a leaf, as files. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { openAuthority } from '../../src/certs/index.ts'
import { createLeafPem } from '../../src/certs/leaves.ts'
import { stateFolder } from '../../src/config/index.ts'

export interface OriginCertificate {
  /** Holds `origin.key` and `origin.crt`. */
  readonly folder: string
  readonly key: string
  readonly certificate: string
  /** PEM of the CA that issued it; also written to `origin-ca.crt` beside the folder. */
  readonly ca: string
}

/** For `host`, in `<parent>/origin`; the CA's certificate goes to `<parent>/origin-ca.crt`. */
export async function createOriginCertificate(parent: string, host: string): Promise<OriginCertificate> {
  const folder = join(parent, 'origin')
  mkdirSync(folder, { recursive: true })
  const authority = await openAuthority(stateFolder(folder).ca)
  const { key, certificate } = await createLeafPem(authority, host)
  const ca = authority.certificate.toString().trimEnd()
  writeFileSync(join(folder, 'origin.key'), key)
  writeFileSync(join(folder, 'origin.crt'), certificate)
  writeFileSync(join(parent, 'origin-ca.crt'), ca)
  return { folder, key, certificate, ca }
}

/** A client's certificate that signs itself, and is therefore the CA that a server has to trust. */
export async function createClientCertificate(name: string): Promise<{ key: string; certificate: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    signingAlgorithm: algorithm,
    keys,
    extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])],
  })
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'), certificate: certificate.toString('pem') }
}
