/** What the configuration says of things that are reached over HTTP: where they are, and the headers that prove who asks. */
import { z } from 'zod'
import type { Secret, Sourced } from './sourced-schema.ts'

/** RFC 9110 §5.6.2. */
const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

/** They frame the message or govern the connection (RFC 9110 §7.6.1, RFC 9112 §6): set from outside they smuggle. */
const framing = new Set(['connection', 'content-length', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'])

export const plainUrl = () =>
  z
    .url({ protocol: /^https?$/, error: 'expected an http:// or https:// URL' })
    .refine((text) => !text.includes('${'), 'variables are replaced in paths of files only')
    .refine(isPlain, 'no user, password, query or fragment: a credential is a header with { env } or { file }')

export const secretHeaders = (secret: Secret) =>
  z
    .record(
      z
        .string()
        .regex(token, 'expected a header name')
        .refine((name) => !framing.has(name.toLowerCase()), 'this header belongs to the connection'),
      secret('A credential that the gateway adds.'),
    )
    .refine(
      (headers) => new Set(Object.keys(headers).map((name) => name.toLowerCase())).size === Object.keys(headers).length,
      'one header in two spellings',
    )

/** How the gateway and a server prove themselves to each other in a TLS handshake. */
export const tlsKeys = ({ certificateText, privateKeyText }: Sourced) => ({
  clientCertificate: z
    .strictObject({
      certificate: certificateText('PEM file of the certificate, and of what it was issued by.'),
      key: privateKeyText('PEM file of its key.'),
    })
    .describe('The gateway’s client certificate for the TLS handshake.')
    .optional(),
  ca: certificateText('PEM file of the only CAs that its certificate may come from; the system’s where absent.').optional(),
})

/** How the gateway proves itself to a server that is asked over HTTP. */
export const credentialKeys = ({ secret }: Sourced) => ({
  token: secret('Bearer token that the gateway sends.').optional(),
  headers: secretHeaders(secret).describe('Headers that the gateway sends with each request.').prefault({}),
})

/** The same of a URL that is a secret, whose text no message may show. */
export function isPlainUrl(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text) && isPlain(text)
}

function isPlain(text: string): boolean {
  // Said already.
  if (!URL.canParse(text)) return true
  const { username, password } = new URL(text)
  return username === '' && password === '' && !/[?#]/.test(text)
}
