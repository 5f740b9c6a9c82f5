/** Vault's transit engine as its HTTP API says (developer.hashicorp.com/vault/api-docs/secret/transit), with one key of Ed25519 and its versions. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { TLSSocket } from 'node:tls'

export interface TestVault {
  readonly url: string
  /** Tokens that may read the key and sign. */
  tokens: Set<string>
  /** What was asked, in order: `GET v1/transit/keys/log`. */
  readonly asked: string[]
  /** A new newest version of the key. */
  rotate(): void
  /** 32 bytes, of a version. */
  publicKey(version: number): Buffer
  /** Answers 503 to everything, as a sealed one. */
  isSealed: boolean
  /** Changes the `data` of an answer before it is sent. */
  misbehave: ((data: Record<string, unknown>, path: string) => unknown) | null
  /** Nobody is at its address until it is opened again. */
  shut(): Promise<void>
  open(): Promise<void>
}

interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export interface VaultOptions {
  readonly mount?: string
  readonly namespace?: string
  readonly key?: string
  readonly type?: string
  readonly tls?: ServerOptions
}

export async function startVault(
  t: Pick<TestContext, 'after'>,
  { mount = 'transit', namespace = '', key = 'log', type = 'ed25519', tls }: VaultOptions = {},
): Promise<TestVault> {
  const versions: KeyPair[] = []
  const rawOf = (version: number) =>
    Buffer.from((versions[version - 1] as KeyPair).publicKey.export({ format: 'jwk' }).x as string, 'base64url')
  const asked: string[] = []

  const keyData = () => ({
    ...{ name: key, type, derived: false, exportable: false, allow_plaintext_backup: false, deletion_allowed: false },
    ...{ latest_version: versions.length, min_available_version: 0, min_decryption_version: 1, min_encryption_version: 0 },
    ...{ supports_decryption: false, supports_derivation: true, supports_encryption: false, supports_signing: true },
    keys: Object.fromEntries(
      versions.map((_, index) => [
        index + 1,
        { creation_time: '2026-11-28T00:00:00Z', name: 'ed25519', public_key: rawOf(index + 1).toString('base64') },
      ]),
    ),
  })
  const signData = ({ input = '', key_version = versions.length }: { readonly input?: string; readonly key_version?: number }) => {
    const signature = sign(null, Buffer.from(input, 'base64'), versions[key_version - 1]?.privateKey as KeyObject)
    return { signature: `vault:v${key_version}:${signature.toString('base64')}`, key_version }
  }
  const routes: Readonly<Record<string, (given: object) => Record<string, unknown>>> = {
    [`GET v1/${mount}/keys/${key}`]: keyData,
    [`POST v1/${mount}/sign/${key}`]: signData,
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const route = `${req.method} ${req.url?.slice(1)}`
    asked.push(route)
    const reply = (status: number, body: object) =>
      void res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body))
    if (vault.isSealed) return reply(503, { errors: ['Vault is sealed'] })
    const isTls = 'authorized' in req.socket && tls?.requestCert === true
    if (isTls && !(req.socket as TLSSocket).authorized) return reply(400, { errors: ['client certificate must be supplied'] })
    if (!vault.tokens.has(String(req.headers['x-vault-token'])) || (req.headers['x-vault-namespace'] ?? '') !== namespace)
      return reply(403, { errors: ['1 error occurred:\n\t* permission denied\n\n'] })
    const work = routes[route]
    if (work === undefined) return reply(404, { errors: [] })
    const data = work(req.method === 'POST' ? JSON.parse(await text(req)) : {})
    reply(200, {
      ...{ request_id: 'f1d0c1a6-0000-0000-0000-000000000000', lease_id: '', renewable: false, lease_duration: 0 },
      ...{ data: vault.misbehave?.(data, route) ?? data, wrap_info: null, warnings: null, auth: null },
    })
  }

  const listener: RequestListener = (req, res) => void answer(req, res)
  let server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  let port = 0
  const open = async () => {
    server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
    await once(server.listen(port, '127.0.0.1'), 'listening')
    port = (server.address() as AddressInfo).port
  }
  const vault: TestVault = {
    get url() {
      return `http${tls === undefined ? '' : 's'}://localhost:${port}`
    },
    ...{ tokens: new Set<string>(), asked, open, isSealed: false, misbehave: null, publicKey: rawOf },
    rotate: () => void versions.push(generateKeyPairSync('ed25519')),
    async shut() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
  vault.rotate()
  await open()
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return vault
}
