/** The operator's API on TCP, asked by curl with tokens, with certificates that openssl made, and with JWTs of a real provider. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { askAdmin, bearer, certificateOf, makeCertificates, startAdminGateway } from '../support/admin-gateway.ts'
import { eachCase } from '../support/cases.ts'
import { cleanEnv, command } from '../support/command.ts'
import { grant } from '../support/grant.ts'
import { startProvider } from '../support/oidc-provider.ts'

const manifests = { 'weather.yaml': grant() }
const auditorToken = 'token-of-the-auditor'
const tokens = `tokens: [
    { name: view, role: viewer, token: { file: ./viewer } },
    { name: audit, role: auditor, sha256: "${hash('sha256', auditorToken)}" },
    { name: operate, role: operator, token: { file: ./operator } }]`

function writeTokens({ write }: { write: (name: string, text: string) => void }): void {
  write('viewer', 'token-of-the-viewer\n')
  write('operator', 'token-of-the-operator\n')
}

/** The status that curl gets for each of what a viewer, an auditor and an operator may do. */
async function curlRoles(url: string, ...words: readonly string[]): Promise<string> {
  const asked = async (...more: string[]) => {
    const args = ['-sS', '-o', '/dev/null', '-w', '%{http_code}', ...words, ...more]
    const { code, stdout, stderr } = await command('curl', args, { env: cleanEnv() })
    return code === 0 ? stdout : stderr
  }
  return [await asked(`${url}/v1/status`), await asked('-X', 'POST', `${url}/v1/reload`)].join(' ')
}

test('each token has its role: a viewer looks, an operator acts, and the single token is an operator', async (t) => {
  const { adminPort, log } = await startAdminGateway(
    t,
    { manifests, admin: tokens, tcp: 'token: { file: ./operator-of-before }' },
    async (installation) => {
      writeTokens(installation)
      installation.write('operator-of-before', 'the-single-token\n')
    },
  )
  const url = `http://127.0.0.1:${adminPort}`
  await eachCase(
    [
      ['token-of-the-viewer', '200 403'],
      [auditorToken, '200 403'],
      ['token-of-the-operator', '200 200'],
      ['the-single-token', '200 200'],
      ['token-of-the-Viewer', '401 401'],
      [hash('sha256', auditorToken), '401 401'],
    ] as const,
    async ([token, statuses]) => assert.equal(await curlRoles(url, '-H', `Authorization: Bearer ${token}`), statuses),
  )
  assert.equal(await curlRoles(url), '401 401')
  assert.equal(await curlRoles(url, '-u', 'admin:the-single-token'), '401 401')
  const denied = await askAdmin(adminPort, '/v1/reload', { method: 'POST', headers: bearer('token-of-the-viewer') })
  assert.equal(JSON.parse(denied.text).detail, 'this is for the role operator, and you are viewer')
  assert.ok(!/token-of-the|the-single/.test(log.join('')))
})

test('no spelling of a path, method or header gives a viewer what is an operator’s', async (t) => {
  const { adminPort } = await startAdminGateway(t, { manifests, admin: tokens }, async (installation) => writeTokens(installation))
  const status = async (method: string, path: string, headers = {}) =>
    (await askAdmin(adminPort, path, { method, headers: { ...bearer('token-of-the-viewer'), ...headers } })).status
  await eachCase(
    [
      '/v1/reload',
      '/v1/reload/',
      '/v1//reload',
      '/V1/RELOAD',
      '/v1/./reload',
      '/v1/%72eload',
      '/v1/status/../reload',
      '/v1/reload?x=/v1/status',
    ],
    async (path) => assert.ok([403, 404].includes(await status('POST', path)), path),
  )
  assert.equal(await status('POST', '/v1/integrations/weather/suspend'), 403)
  assert.equal(await status('GET', '/v1/reload', { 'x-http-method-override': 'POST' }), 404)
  assert.equal(await status('POST', '/v1/status'), 403)
  assert.equal(await status('GET', '/v1/status?token=token-of-the-viewer'), 400)
  assert.equal(await status('GET', '/v1/status?x=1&access_token=token-of-the-operator'), 400)
  assert.equal(await status('GET', '/v1/status', { origin: 'null' }), 403)
  assert.equal(await status('GET', '/v1/status', { authorization: 'Bearer token-of-the-viewer, Bearer token-of-the-operator' }), 401)
})

test('a client certificate gives its role over TLS, and only one that the configured CA has issued', async (t) => {
  const tcp = 'tls: { certificate: ./server.crt, key: ./server.key, clientCa: ./ca.crt }'
  const certificates = `certificates: [
    { name: ann, role: operator, subject: { CN: ann, O: Example } },
    { name: bob, role: viewer, san: "URI:spiffe://example/bob" }]`
  const { adminPort, installation } = await startAdminGateway(t, { manifests, tcp, admin: `${certificates}, ${tokens}` }, async (made) => {
    writeTokens(made)
    await makeCertificates(made.folder, {
      ann: '/O=Example/CN=ann',
      bob: '/CN=x URI:spiffe://example/bob',
      eve: '/CN=ann',
    })
    mkdirSync(join(made.folder, 'foreign'))
    await makeCertificates(join(made.folder, 'foreign'), { ann: '/O=Example/CN=ann' })
  })
  const url = `https://localhost:${adminPort}`
  const trusting = ['--cacert', join(installation.folder, 'ca.crt')]
  const presenting = (folder: string, name: string) => {
    const { cert, key } = certificateOf(folder, name)
    return [...trusting, '--cert', cert, '--key', key]
  }
  assert.equal(await curlRoles(url, ...presenting(installation.folder, 'ann')), '200 200')
  assert.equal(await curlRoles(url, ...presenting(installation.folder, 'bob')), '200 403')
  assert.equal(await curlRoles(url, ...presenting(installation.folder, 'eve')), '401 401')
  assert.equal(await curlRoles(url, ...presenting(join(installation.folder, 'foreign'), 'ann')), '401 401')
  assert.equal(await curlRoles(url, ...trusting), '401 401')
  assert.equal(await curlRoles(url, ...trusting, '-H', 'Authorization: Bearer token-of-the-viewer'), '200 403')
  // A header alone counts where there is one: nobody is two.
  assert.equal(
    await curlRoles(url, ...presenting(installation.folder, 'ann'), '-H', 'Authorization: Bearer token-of-the-viewer'),
    '200 403',
  )
  assert.equal(await curlRoles(url, ...presenting(installation.folder, 'ann'), '-H', 'Authorization: Bearer wrong'), '401 401')
})

test('access tokens of an OpenID Connect provider give the role of their claims', async (t) => {
  const provider = await startProvider(t)
  const { adminPort } = await startAdminGateway(t, {
    manifests,
    admin: `oidc: { issuer: "${provider.issuer}", audience: sallyport, jwks: { url: "${provider.issuer}/jwks" }, nameClaim: client_id,
      roles: [{ claim: scope, value: "sallyport:operate", role: operator }, { claim: scope, value: "sallyport:view", role: viewer }] }`,
  })
  const url = `http://127.0.0.1:${adminPort}`
  const roles = async (scope: string) => curlRoles(url, '-H', `Authorization: Bearer ${await provider.token(scope)}`)
  assert.equal(await roles('sallyport:operate'), '200 200')
  assert.equal(await roles('sallyport:view'), '200 403')
  assert.equal(await roles('other'), '403 403')
})
