/** An identity provider as far as a gateway sees it: keys at a URL, and tokens that they sign. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'

export interface KeyServer {
  readonly url: URL
  /** How often it was asked. */
  readonly asked: () => number
  /** Signs with a key of that name from now on, and publishes it. */
  rotate(kid: string): Promise<void>
  /** Answers with this status, and no keys. */
  fail(status: number | null): void
  /** Beside its own. */
  publish(keys: readonly JWK[]): void
  /** By the current key; the claims of an auditor where none are given. */
  token(claims?: JWTPayload, header?: Readonly<Record<string, unknown>>): Promise<string>
}

export const issuer = 'https://login.example'

export async function startKeyServer(t: TestContext): Promise<KeyServer> {
  let asked = 0
  let failing: number | null = null
  let published: readonly JWK[] = []
  let current: { readonly kid: string; readonly key: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'] } | null = null
  const server = createServer((_req, res) => {
    asked += 1
    if (failing === null) res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: published }))
    else res.writeHead(failing).end()
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const made: KeyServer = {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`),
    asked: () => asked,
    async rotate(kid) {
      const { publicKey, privateKey } = await generateKeyPair('ES256')
      current = { kid, key: privateKey }
      published = [{ ...(await exportJWK(publicKey)), kid }]
    },
    fail(status) {
      failing = status
    },
    publish(keys) {
      published = [...published, ...keys]
    },
    async token(claims = {}, header = {}) {
      if (current === null) throw new Error('it has no key')
      const all = { iss: issuer, aud: 'sallyport', sub: 'alice', exp: Math.floor(Date.now() / 1000) + 300, groups: ['auditors'], ...claims }
      return new SignJWT(all).setProtectedHeader({ alg: 'ES256', kid: current.kid, ...header }).sign(current.key)
    },
  }
  await made.rotate('first')
  return made
}
