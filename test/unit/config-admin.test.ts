/** What sallyport.yaml may say of the operator's side. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Config, loadConfig } from '../../src/config/index.ts'
import { createFolder, problemsOf } from '../support/folder.ts'

const head = 'apiVersion: sallyport/v1\nkind: Gateway\n'
const tcp = 'tcp: { address: "127.0.0.1:1", token: { env: ADMIN } }'
const env = { ADMIN: 'secret-of-the-operator', SHORT: 'short' }

function arrange(t: TestContext, admin: string): { folder: string; load: () => Config } {
  const folder = createFolder(t, {
    'sallyport.yaml': `${head}admin: { ${admin} }\n`,
    'keys.json': '{"keys":[]}',
    'no-keys.json': '{"keys":7}',
    'token.txt': 'secret-of-an-auditor\n',
  })
  return { folder, load: () => loadConfig(join(folder, 'sallyport.yaml'), env) }
}

const oidc = (more: string) => `${tcp}, oidc: { issuer: "https://login.example", audience: sallyport, ${more} }`
const roles = 'roles: [{ claim: groups, value: auditors, role: auditor }]'

test('a token is a secret of the configuration, or its hash', (t) => {
  const sha256 = hash('sha256', 'elsewhere')
  const { admin, secrets } = arrange(
    t,
    `${tcp}, tokens: [{ name: ann, role: auditor, personal: true, token: { file: ./token.txt } }, { name: bob, role: viewer, sha256: "${sha256}" }]`,
  ).load()
  assert.deepEqual(admin.tokens, [
    { name: 'ann', role: 'auditor', personal: true, secret: { token: 'secret-of-an-auditor' } },
    { name: 'bob', role: 'viewer', personal: false, secret: { sha256 } },
  ])
  assert.ok(secrets.includes('secret-of-an-auditor'))
})

test('a provider has its defaults, and a claim is a name or a list of names', (t) => {
  const { admin } = arrange(
    t,
    oidc(
      'jwks: { url: "https://login.example/keys" }, roles: [{ claim: groups, value: a, role: viewer }, { claim: [realm_access, roles], value: b, role: operator }]',
    ),
  ).load()
  assert.deepEqual(admin.oidc, {
    issuer: 'https://login.example',
    audience: 'sallyport',
    keys: { url: new URL('https://login.example/keys'), ca: null, timeoutMs: 5000 },
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    clockSkewMs: 30_000,
    nameClaim: 'sub',
    roles: [
      { claim: ['groups'], value: 'a', role: 'viewer', personal: false },
      { claim: ['realm_access', 'roles'], value: 'b', role: 'operator', personal: false },
    ],
  })
  assert.deepEqual(arrange(t, oidc(`jwks: { file: ./keys.json, timeout: 1s }, ${roles}`)).load().admin.oidc?.keys, { json: '{"keys":[]}' })
})

const bad: Readonly<Record<string, RegExp>> = {
  'tcp: { address: "127.0.0.1:1" }': /admin\.tcp: nobody could use it/,
  'tokens: [{ name: a, role: viewer, token: { env: ADMIN } }]': /admin\.tcp: expected admin\.tcp\.address as well/,
  [`${tcp}, tokens: [{ name: a, role: viewer, token: { env: SHORT } }]`]: /tokens\.0\.token: expected at least 16 characters/,
  [`${tcp}, tokens: [{ name: a, role: viewer }]`]: /tokens\.0: expected one of token and sha256/,
  [`${tcp}, tokens: [{ name: a, role: viewer, token: plain }]`]: /a secret is never in this file/,
  [`${tcp}, tokens: [{ name: a, role: Operator, sha256: "00" }]`]: /tokens\.0\.role: /,
  [`${tcp}, tokens: [{ name: a, role: viewer, sha256: "00" }]`]: /in 64 lower-case hex digits/,
  [`${tcp}, tokens: [{ name: a, role: viewer, token: { env: ADMIN } }, { name: a, role: viewer, token: { env: ADMIN } }]`]:
    /"a" is there twice/,
  [`${tcp}, certificates: [{ name: a, role: viewer, subject: { CN: a } }]`]: /expected admin\.tcp\.tls\.clientCa as well/,
  [`${tcp}, certificates: [{ name: a, role: viewer, subject: {} }]`]: /expected at least one attribute/,
  [`${tcp}, certificates: [{ name: a, role: viewer, san: "IP:1" }]`]: /expected DNS:…, URI:… or email:…/,
  [`${tcp}, certificates: [{ name: a, role: viewer, san: "DNS:a", subject: { CN: a } }]`]: /expected one of subject and san/,
  [oidc(`jwks: { url: "http://login.example/keys" }, ${roles}`)]: /expected https:\/\//,
  [oidc(`jwks: { url: "https://u:p@login.example/keys" }, ${roles}`)]: /no user, password/,
  [oidc(`jwks: { file: ./no-keys.json }, ${roles}`)]: /expected a JWK Set/,
  [oidc(`jwks: {}, ${roles}`)]: /expected one of url and file/,
  [oidc(`jwks: { file: ./keys.json }, roles: []`)]: /roles/,
  [oidc(`jwks: { file: ./keys.json }, algorithms: [HS256], ${roles}`)]: /algorithms/,
  [oidc(`jwks: { file: ./keys.json }, algorithms: [none], ${roles}`)]: /algorithms/,
  [oidc(`jwks: { file: ./keys.json }, clockSkew: 6m, ${roles}`)]: /a clock skew may be 5m at most/,
}

for (const [admin, message] of Object.entries(bad)) {
  test(`refuses ${admin}`, async (t) => {
    const { folder, load } = arrange(t, admin)
    assert.match((await problemsOf(folder, load)).join('\n'), message)
  })
}
