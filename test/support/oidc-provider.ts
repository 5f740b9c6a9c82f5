/** A real OpenID Connect provider, whose client is given access tokens (RFC 9068) for this gateway. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import { Provider } from 'oidc-provider'

export interface TestProvider {
  readonly issuer: string
  /** Of the client `robot`, by its credentials (RFC 6749 §4.4). */
  token(scope: string): Promise<string>
}

const scopes = ['sallyport:view', 'sallyport:audit', 'sallyport:operate', 'other']

export async function startProvider(t: TestContext): Promise<TestProvider> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'provider-key', use: 'sig', alg: 'ES256' }] },
    scopes,
    clients: [
      {
        client_id: 'robot',
        client_secret: 'robot-secret',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:sallyport',
        getResourceServerInfo: () => ({
          scope: scopes.join(' '),
          audience: 'sallyport',
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  })
  server.on('request', provider.callback())
  return {
    issuer,
    async token(scope) {
      const res = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from('robot:robot-secret').toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope, resource: 'urn:sallyport' }),
      })
      const answer = (await res.json()) as { access_token?: string }
      const { access_token: token } = answer
      if (token === undefined) throw new Error(`the provider answered ${res.status} ${JSON.stringify(answer)}`)
      return token
    },
  }
}
