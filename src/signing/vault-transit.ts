/** A key in Vault's transit engine, over its HTTP API (developer.hashicorp.com/vault/api-docs/secret/transit), which OpenBao has too. */
import { readFileSync } from 'node:fs'
import { AuditError } from '../audit/index.ts'
import { createServerClient } from '../bundles/index.ts'
import type { RenewedSecret, VaultKeyConfig } from '../config/index.ts'
import { createOperatorLookup } from '../egress/index.ts'

export interface VaultTransit {
  /** Public keys of 32 bytes by version, the newest first. Rejects with `AuditError` where the key cannot sign, and with what keeps it from being read. */
  publicKeys(): Promise<readonly { readonly version: number; readonly publicKey: Buffer }[]>
  /** 64 bytes, of Ed25519. Rejects with what keeps it from being signed. */
  sign(text: Buffer, version: number): Promise<Buffer>
}

interface KeyAnswer {
  readonly type?: string
  readonly derived?: boolean
  readonly keys?: Readonly<Record<string, { readonly public_key?: string }>>
}

const maxReplyBytes = 256 * 1024

export function createVaultTransit({ url, mount, key, namespace, token, ca, clientCertificate, timeoutMs }: VaultKeyConfig): VaultTransit {
  const server = createServerClient(
    { name: 'vault', url, bearer: null, clientCertificate, ca, headers: [], timeoutMs },
    createOperatorLookup(),
  )
  const readToken = createTokenReader(token)

  /** `data` of the answer. */
  async function ask(path: string, given?: object): Promise<unknown> {
    const secret = readToken()
    const { status, body } = await server.request({
      method: given === undefined ? 'GET' : 'POST',
      path,
      maxBytes: maxReplyBytes,
      headers: {
        'x-vault-token': secret,
        'x-vault-request': 'true',
        ...(namespace !== null && { 'x-vault-namespace': namespace }),
        ...(given !== undefined && { 'content-type': 'application/json' }),
      },
      ...(given !== undefined && { body: Buffer.from(JSON.stringify(given)) }),
    })
    const answer = parse(body)
    if (status === 200 && answer.data !== undefined) return answer.data
    const said = (answer.errors ?? []).join('; ').replaceAll(secret, '[redacted]').trim().slice(0, 500)
    throw new Error(`${server.urlOf(path)} answers with ${status}${said === '' ? '' : `: ${said}`}`)
  }

  return {
    async publicKeys() {
      const path = `v1/${mount}/keys/${key}`
      const { type, derived, keys = {} } = (await ask(path)) as KeyAnswer
      if (type !== 'ed25519' || derived === true)
        throw new AuditError(
          `${server.urlOf(path)} is ${derived === true ? 'a derived key' : `of the type ${type}`}: expected one of the type ed25519 that is not derived ("vault write -f ${mount}/keys/${key} type=ed25519" makes one)`,
        )
      const found = Object.entries(keys).map(([version, { public_key = '' }]) => ({
        version: Number(version),
        publicKey: Buffer.from(public_key, 'base64'),
      }))
      if (found.length === 0 || found.some(({ version, publicKey }) => !Number.isSafeInteger(version) || publicKey.length !== 32))
        throw new Error(`${server.urlOf(path)} answers without public keys of Ed25519`)
      return found.sort((a, b) => b.version - a.version)
    },
    async sign(text, version) {
      const path = `v1/${mount}/sign/${key}`
      const { signature } = (await ask(path, { input: text.toString('base64'), key_version: version })) as { readonly signature?: unknown }
      const [, of, encoded = ''] = /^vault:v(\d+):([A-Za-z0-9+/]{86}==)$/.exec(String(signature)) ?? []
      if (of !== String(version)) throw new Error(`${server.urlOf(path)} answers without a signature of Ed25519 by version ${version}`)
      return Buffer.from(encoded, 'base64')
    },
  }
}

function parse(body: Buffer): { readonly data?: unknown; readonly errors?: readonly string[] } {
  try {
    const answer: unknown = JSON.parse(body.toString('utf8'))
    return typeof answer === 'object' && answer !== null ? answer : {}
  } catch {
    return {}
  }
}

/** A file is read each time: Vault's agent puts a new token into it. While it is being replaced, the last one is used. */
function createTokenReader({ value, file }: RenewedSecret): () => string {
  let last = value
  return () => {
    if (file === null) return last
    try {
      const text = readFileSync(file, 'utf8').trim()
      if (/^[\x21-\x7e]+$/.test(text)) last = text
    } catch {
      // Not there for a moment.
    }
    return last
  }
}
