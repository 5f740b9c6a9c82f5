/** Who asks on the operator's side: tokens, certificates and JWTs, and what only looks like one. */
import assert from 'node:assert/strict'
import { createHmac, hash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import type { AdminConfig, OidcConfig } from '../../src/config/index.ts'
import { createAuthenticate, mayActAs, type Principal } from '../../src/operators/index.ts'
import { eachCase, times } from '../support/cases.ts'
import { issuer, type KeyServer, startKeyServer } from '../support/key-server.ts'

const nobody: AdminConfig = {
  health: { host: '127.0.0.1', port: 0 },
  socketPath: '/nowhere',
  tcp: { host: '127.0.0.1', port: 0, token: null, tls: null, dashboard: null },
  tokens: [],
  certificates: [],
  oidc: null,
}

function authenticating(t: TestContext, config: Partial<AdminConfig>, now = () => performance.now()) {
  const failures: Error[] = []
  const authenticate = createAuthenticate({ ...nobody, ...config }, { now, onFailure: (error) => failures.push(error) })
  t.after(() => authenticate.close())
  const outcome = async (token: string) => {
    const found = await authenticate({ authorization: `Bearer ${token}`, certificate: null })
    return 'status' in found ? found.status : found
  }
  const presenting = (certificate: { subject: Principal | object; subjectaltname?: string }) =>
    authenticate({
      authorization: undefined,
      certificate: { valid_to: 'Nov 28 00:00:00 2099 GMT', ...certificate } as never,
    })
  return { outcome, presenting, failures }
}

test('each role may do what the ones before it may, and no other', () => {
  const may = (role: Principal['role']) =>
    (['viewer', 'auditor', 'operator'] as const).map((needed) => mayActAs({ role, personal: true }, needed))
  assert.deepEqual(
    [may('viewer'), may('auditor'), may('operator')],
    [
      [true, false, false],
      [true, true, false],
      [true, true, true],
    ],
  )
})

test('a token has the name and role of its entry, whether the configuration holds it or its hash', async (t) => {
  const { outcome } = authenticating(t, {
    tcp: { host: '', port: 0, token: 'the-single-token', tls: null, dashboard: null },
    tokens: [
      { name: 'ann', role: 'viewer', personal: false, secret: { token: 'token-of-ann-0123' } },
      { name: 'bob', role: 'auditor', personal: true, secret: { sha256: hash('sha256', 'token-of-bob-0123') } },
    ],
  })
  assert.deepEqual(await outcome('the-single-token'), { name: 'admin', role: 'operator', personal: false, by: 'token', expiresAtMs: null })
  assert.deepEqual(await outcome('token-of-ann-0123'), { name: 'ann', role: 'viewer', personal: false, by: 'token', expiresAtMs: null })
  assert.deepEqual(await outcome('token-of-bob-0123'), { name: 'bob', role: 'auditor', personal: true, by: 'token', expiresAtMs: null })
  await eachCase(['', ' ', 'token-of-ann-0123 ', 'Token-of-ann-0123', hash('sha256', 'token-of-bob-0123'), 'a.b.c'], async (token) =>
    assert.equal(await outcome(token), 401),
  )
})

test('a certificate is known by its subject or its alternative name, and not by what only reads like one', async (t) => {
  const { presenting } = authenticating(t, {
    certificates: [
      { name: 'ann', role: 'auditor', personal: false, match: { subject: { CN: 'ann', O: 'Example' } } },
      { name: 'bob', role: 'operator', personal: false, match: { san: 'URI:spiffe://example/bob' } },
      { name: 'cat', role: 'viewer', personal: false, match: { san: 'URI:spiffe://example/a, b' } },
    ],
  })
  const name = async (...[certificate]: Parameters<typeof presenting>) => {
    const found = await presenting(certificate)
    return 'status' in found ? found.status : found.name
  }
  assert.equal(await name({ subject: { CN: 'ann', O: 'Example', OU: 'more' } }), 'ann')
  assert.equal(await name({ subject: { CN: 'x' }, subjectaltname: 'DNS:a.example, URI:spiffe://example/bob' }), 'bob')
  assert.equal(await name({ subject: {}, subjectaltname: 'URI:"spiffe://example/a\\u002c b"' }), 'cat')
  await eachCase(
    [
      { subject: { CN: 'ann' } },
      { subject: { CN: 'ANN', O: 'Example' } },
      { subject: { CN: ['ann', 'eve'], O: 'Example' } },
      { subject: { CN: 'ann\nO=Example' } },
      { subject: {}, subjectaltname: 'DNS:"x, URI:spiffe://example/bob"' },
      { subject: {}, subjectaltname: 'URI:spiffe://example/bob/../eve' },
      { subject: {}, subjectaltname: 'othername:URI:spiffe://example/bob' },
      { subject: {} },
    ],
    async (certificate) => assert.equal(await name(certificate), 401),
  )
})

const mapped: OidcConfig['roles'] = [
  { claim: ['groups'], value: 'operators', role: 'operator', personal: false },
  { claim: ['groups'], value: 'auditors', role: 'auditor', personal: true },
  { claim: ['realm_access', 'roles'], value: 'viewer', role: 'viewer', personal: false },
  { claim: ['scope'], value: 'audit:read', role: 'auditor', personal: false },
]

async function withProvider(t: TestContext, now?: () => number) {
  const provider = await startKeyServer(t)
  const oidc: OidcConfig = {
    ...{ issuer, audience: 'sallyport', algorithms: ['ES256', 'RS256', 'EdDSA'], clockSkewMs: 30_000, nameClaim: 'sub', roles: mapped },
    keys: { url: provider.url, ca: null, timeoutMs: 5000 },
  }
  return { provider, ...authenticating(t, { oidc }, now) }
}

const roleOf = (found: number | Principal) => (typeof found === 'number' ? found : found.role)

test('a JWT has the role of the first claim that matches, in its exact spelling', async (t) => {
  const { provider, outcome } = await withProvider(t)
  const role = async (claims: JWTPayload) => roleOf(await outcome(await provider.token(claims)))
  const principal = await outcome(await provider.token({ sub: 'alice', exp: 4_000_000_000 }))
  assert.deepEqual(principal, { name: 'alice', role: 'auditor', personal: true, by: 'oidc', expiresAtMs: 4_000_000_030_000 })
  assert.equal(await role({ groups: ['auditors', 'operators'] }), 'operator')
  assert.equal(await role({ groups: 'auditors' }), 'auditor')
  assert.equal(await role({ groups: [], realm_access: { roles: ['viewer'] } }), 'viewer')
  assert.equal(await role({ groups: [], scope: 'openid audit:read' }), 'auditor')
  await eachCase(
    [
      { groups: ['Operators', 'OPERATORS', ' operators', 'operators\u0000'] },
      { groups: [['operators']] },
      { groups: { operators: true, 0: 'operators' } },
      { groups: 'operators,auditors' },
      { groups: 'operators auditors' },
      { groups: null },
      { groups: [], realm_access: [{ roles: ['viewer'] }] },
      { groups: [], realm_access: { roles: { includes: 'viewer' } } },
      { groups: [], scope: 'audit:read2 xaudit:read' },
      { groups: [], scope: 'AUDIT:READ' },
    ] as JWTPayload[],
    async (claims) => assert.equal(await role(claims), 403),
  )
})

test('a JWT of another issuer, audience, time or kind proves nothing', async (t) => {
  const { provider, outcome } = await withProvider(t)
  const seconds = Math.floor(Date.now() / 1000)
  await eachCase(
    [
      { iss: 'https://evil.example' },
      { aud: 'other' },
      { aud: ['other'] },
      { aud: 'Sallyport' },
      { exp: seconds - 60 },
      { exp: undefined },
      { nbf: seconds + 60 },
      { sub: undefined },
      { sub: 7 as never },
      { sub: '' },
      { sub: 'x'.repeat(201) },
      { cnf: { jkt: 'bound' } },
    ] as JWTPayload[],
    async (claims) => assert.equal(await outcome(await provider.token(claims)), 401),
  )
  assert.equal(roleOf(await outcome(await provider.token({ exp: seconds - 10, nbf: seconds + 10 }))), 'auditor')
  assert.equal(await outcome(await provider.token({}, { typ: 'logout+jwt' })), 401)
  assert.equal(await outcome(await provider.token({}, { crit: ['exp'], exp: 1 }).catch(() => 'a.b.c')), 401)
  assert.equal(roleOf(await outcome(await provider.token({}, { typ: 'at+JWT' }))), 'auditor')
})

test('no algorithm but those of the configuration, and no key but the provider’s, verifies a JWT', async (t) => {
  const { provider, outcome } = await withProvider(t)
  const good = await provider.token()
  const [head = '', claims = '', signature = ''] = good.split('.')
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const { publicKey } = await generateKeyPair('RS256')
  const { privateKey: own, publicKey: ownPublic } = await generateKeyPair('ES256')
  const pem = await exportSPKI(publicKey)
  provider.publish([
    { ...(await exportJWK(publicKey)), kid: 'rsa' },
    { kty: 'oct', k: 'c2VjcmV0', kid: 'oct' },
  ])
  const hmac = (header: object, key: string | Buffer) => {
    const signed = `${encode(header)}.${claims}`
    return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
  }
  const self = (header: object) =>
    new SignJWT({ iss: issuer, aud: 'sallyport', sub: 'eve', exp: 4_000_000_000, groups: ['operators'] })
      .setProtectedHeader({ alg: 'ES256', ...header })
      .sign(own)
  const ownJwk = await exportJWK(ownPublic)
  await eachCase(
    [
      `${encode({ alg: 'none' })}.${claims}.`,
      `${encode({ alg: 'NONE', kid: 'rsa' })}.${claims}.${signature}`,
      `${encode({ alg: 'None' })}.${claims}.x`,
      hmac({ alg: 'HS256', kid: 'rsa' }, pem),
      hmac({ alg: 'HS256', kid: 'oct' }, 'secret'),
      hmac({ alg: 'ES256', kid: 'oct' }, 'secret'),
      `${head}.${claims}.`,
      `${head}.${encode({ iss: issuer, aud: 'sallyport', sub: 'eve', exp: 4_000_000_000, groups: ['operators'] })}.${signature}`,
      `${good}.${signature}`,
      good.slice(0, -2),
      await self({ kid: 'rsa' }),
      await self({ jwk: ownJwk }),
      await self({ jku: 'http://127.0.0.1:1/keys', kid: 'x' }),
      await self({ x5u: 'http://127.0.0.1:1/cert', kid: 'x' }),
      await self({ kid: '../../../../dev/null' }),
      await self({ kid: "x' UNION SELECT 'secret" }),
      await self({ kid: '__proto__' }),
    ],
    async (token) => assert.equal(await outcome(token), 401),
  )
  const { privateKey: strong, publicKey: strongPublic } = await generateKeyPair('RS512')
  provider.publish([{ ...(await exportJWK(strongPublic)), kid: 'strong' }])
  const unlisted = await new SignJWT({}).setProtectedHeader({ alg: 'RS512', kid: 'strong' }).sign(strong)
  assert.equal(await outcome(unlisted), 401)
  assert.equal(roleOf(await outcome(good)), 'auditor')
})

test('keys are fetched when a token needs them, again when they rotate, and never twice within 30 s', async (t) => {
  let nowMs = 0
  const { provider, outcome } = await withProvider(t, () => nowMs)
  assert.equal(await outcome('not.a.jwt'), 401)
  assert.equal(await outcome('opaque-token'), 401)
  assert.equal(provider.asked(), 0)
  const old = await provider.token()
  await Promise.all([outcome(old), outcome(old), outcome(old)])
  assert.equal(provider.asked(), 1)
  await provider.rotate('second')
  assert.equal(await outcome(await provider.token()), 401)
  await times(20, async () => assert.equal(await outcome(await provider.token({}, { kid: 'absent' })), 401))
  assert.equal(provider.asked(), 1)
  nowMs += 30_000
  assert.equal(roleOf(await outcome(await provider.token())), 'auditor')
  assert.equal(await outcome(old), 401)
  assert.equal(provider.asked(), 2)
})

test('where the provider fails its keys stay in use for an hour, and it is asked no more often', async (t) => {
  let nowMs = 0
  const { provider, outcome, failures } = await withProvider(t, () => nowMs)
  const asking = async (server: KeyServer) => roleOf(await outcome(await server.token()))
  provider.fail(500)
  await times(3, async () => assert.equal(await asking(provider), 503))
  assert.deepEqual([provider.asked(), failures.length], [1, 1])
  provider.fail(null)
  nowMs += 30_000
  assert.equal(await asking(provider), 'auditor')
  provider.fail(503)
  nowMs += 59 * 60_000
  assert.equal(await asking(provider), 'auditor')
  nowMs += 2 * 60_000
  assert.equal(await asking(provider), 503)
})
