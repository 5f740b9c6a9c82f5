/** A truststore for the JVM: PKCS #12 (RFC 7292) with certificates alone. */
import { X509Certificate } from 'node:crypto'
import { BmpString, Constructed, Integer, ObjectIdentifier, OctetString, Sequence, Set as SetOf } from 'asn1js'
import type { TrustMaterial } from './startup-process.ts'

/** PEM; the gateway's, the current one first. */
export function trustMaterial(roots: readonly string[], authorities: readonly string[]): TrustMaterial {
  const named = authorities.map((pem, index) => ({ pem, alias: index === 0 ? 'sallyport' : `sallyport-${index}-before` }))
  return { roots, truststore: makeTruststore([...named, ...roots.map((pem) => ({ pem }))]).toString('base64') }
}

interface TrustedCertificate {
  readonly pem: string
  /** What `keytool -list` shows; Java makes one where there is none. Each once. */
  readonly alias?: string
}

/**
 * Neither encrypted nor with a MAC, since nothing in it is secret: Java 12 and later need no password for it
 * (`javax.net.ssl.trustStorePassword`), and take any. What protects it is the mode of its file.
 */
function makeTruststore(certificates: readonly TrustedCertificate[]): Buffer {
  const bags = sequence(...certificates.map(bagOf))
  const authenticatedSafe = sequence(dataOf(bags))
  return Buffer.from(sequence(new Integer({ value: 3 }), dataOf(authenticatedSafe)).toBER())
}

/** PKCS #7 data, a bag for a certificate and the certificate in it (RFC 7292 §4.2.3), and the name of a bag (PKCS #9). */
const oids = {
  data: '1.2.840.113549.1.7.1',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  /** By this attribute Java takes a certificate for a trusted one (JDK-8005408), for what it says: here any purpose (RFC 5280 §4.2.1.12). */
  trustedKeyUsage: '2.16.840.1.113894.746875.1.1',
  anyExtendedKeyUsage: '2.5.29.37.0',
} as const

type Asn1 = Sequence | ObjectIdentifier | Integer | OctetString | Constructed | BmpString | SetOf

function bagOf({ pem, alias }: TrustedCertificate): Sequence {
  const { raw } = new X509Certificate(pem)
  const certificate = sequence(oid('x509Certificate'), explicit(new OctetString({ valueHex: new Uint8Array(raw) })))
  return sequence(
    oid('certBag'),
    explicit(certificate),
    set(
      attribute('trustedKeyUsage', oid('anyExtendedKeyUsage')),
      ...(alias === undefined ? [] : [attribute('friendlyName', new BmpString({ value: alias }))]),
    ),
  )
}

const dataOf = (content: Sequence) => sequence(oid('data'), explicit(new OctetString({ valueHex: content.toBER() })))
const attribute = (id: keyof typeof oids, value: Asn1) => sequence(oid(id), set(value))
const oid = (name: keyof typeof oids) => new ObjectIdentifier({ value: oids[name] })
const sequence = (...value: Asn1[]) => new Sequence({ value })
const set = (...value: Asn1[]) => new SetOf({ value })
/** `[0] EXPLICIT` (X.690 §8.14). */
const explicit = (value: Asn1) => new Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [value] })
