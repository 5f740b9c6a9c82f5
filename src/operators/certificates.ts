/** Client certificates, of which the TLS handshake has shown that the configured CA issued them. */
import type { AdminCertificateConfig } from '../config/index.ts'
import type { Principal } from './principal.ts'

/** As `TLSSocket.getPeerCertificate` gives it. */
export interface ClientCertificate {
  readonly subject: Readonly<Record<string, string | string[] | undefined>>
  readonly subjectaltname?: string | undefined
  readonly valid_to: string
}

export function createCertificates(known: readonly AdminCertificateConfig[]): (certificate: ClientCertificate) => Principal | null {
  return (certificate) => {
    const names = alternativeNames(certificate.subjectaltname ?? '')
    const found = known.find(({ match }) => ('san' in match ? names.has(match.san) : hasSubject(certificate, match.subject)))
    if (found === undefined) return null
    const { name, role, personal } = found
    return { name, role, personal, by: 'certificate', expiresAtMs: Date.parse(certificate.valid_to) }
  }
}

/** An attribute that stands there twice is an array: then it is not known which of them the CA has looked at. */
function hasSubject({ subject }: ClientCertificate, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([attribute, value]) => Object.hasOwn(subject, attribute) && subject[attribute] === value)
}

/**
 * `DNS:a.example, URI:spiffe://b` of node:tls, which writes a value that could be read otherwise as a JSON string (CVE-2021-44532).
 * What is written in no such way is passed over.
 */
function alternativeNames(text: string): ReadonlySet<string> {
  const names = new Set<string>()
  for (const [, kind = '', value = ''] of text.matchAll(/(?:^|, )(DNS|URI|email):("(?:[^"\\]|\\.)*"|[^",]*)(?=, |$)/g))
    names.add(`${kind}:${value.startsWith('"') ? JSON.parse(value) : value}`)
  return names
}
