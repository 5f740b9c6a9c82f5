/** Who signs checkpoints of the audit log elsewhere, as sallyport.yaml says it. */
import { z } from 'zod'
import { duration } from './quantities.ts'
import { plainUrl, tlsKeys } from './remote.ts'
import type { RenewedSecret, Sourced } from './sourced-schema.ts'

/** A key in the transit engine of Vault, which signs and gives nobody its private part. */
export interface VaultKeyConfig {
  readonly url: URL
  readonly mount: string
  /** Its name there. */
  readonly key: string
  readonly namespace: string | null
  readonly token: RenewedSecret
  /** PEM of the only CAs that its certificate may come from; the system's where `null`. */
  readonly ca: string | null
  readonly clientCertificate: { readonly certificate: string; readonly key: string } | null
  readonly timeoutMs: number
}

const pathPart = (what: string) =>
  z.string().regex(/^\w[\w.-]*(?:\/\w[\w.-]*)*$/, `expected ${what}: letters, digits, "_", "-", "." and "/"`)

export const signerSchema = (sourced: Sourced) =>
  z.strictObject({
    vault: z
      .strictObject({
        url: plainUrl()
          .refine(
            (text) => !URL.canParse(text) || isPrivate(new URL(text)),
            'expected https: whoever reads the token on its way can sign another log',
          )
          .describe('Address of Vault, or of OpenBao; https except on this machine.'),
        key: z
          .string()
          .regex(/^\w[\w.-]*$/, 'expected the name of a key: letters, digits, "_", "-" and "."')
          .describe('Name of the key, which has the type `ed25519`.'),
        mount: pathPart('the path of a secrets engine').describe('Where the transit engine is.').prefault('transit'),
        namespace: pathPart('a namespace').describe('Namespace of Vault Enterprise.').optional(),
        token: sourced.renewedSecret(
          'Vault token that may read the key and sign with it. A file is read again for each signature, so that Vault’s agent can renew it.',
        ),
        ...tlsKeys(sourced),
        timeout: duration().describe('Time for the connection, and for the head of its answer.').prefault('5s'),
      })
      .describe('A key in the transit engine of Vault or OpenBao. While it is out of reach checkpoints wait, and records do not.'),
  })

export function signerFromSchema({ vault }: z.output<ReturnType<typeof signerSchema>>): { readonly vault: VaultKeyConfig } {
  const { url, namespace = null, ca = null, clientCertificate = null, timeout, ...rest } = vault
  return { vault: { ...rest, url: new URL(url), namespace, ca, clientCertificate, timeoutMs: timeout } }
}

function isPrivate({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname)
}
