/** sallyport.yaml: servers, and the bundles that come from them. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/config/index.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { createFolder, problemsOf } from '../support/folder.ts'

const head = 'apiVersion: sallyport/v1\nkind: Gateway\n'
const { publicKey } = generateKeyPairSync('ed25519')
const files = {
  token: 'a-very-long-token\n',
  'key.pem': publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  'rules/a.rego': 'package a',
}

test('a server has its secrets read, and a bundle its defaults', async (t) => {
  const folder = createFolder(t, {
    ...files,
    'sallyport.yaml': `${head}policy:
  servers:
    - name: opa
      url: https://opa.example/v1
      token: { file: token }
      headers: { X-Tenant: { env: TENANT } }
      clientCertificate: { certificate: origin/origin.crt, key: origin/origin.key }
      ca: origin-ca.crt
  bundles:
    - { name: acme, server: opa, signing: { key: key.pem, algorithm: EdDSA } }
    - { name: local, folder: rules }
`,
  })
  const certificate = await createOriginCertificate(folder, 'opa.example')
  const { policy, secrets } = loadConfig(join(folder, 'sallyport.yaml'), { TENANT: 'tenant-7' })
  const [server] = policy.servers
  assert.deepEqual(
    [server?.url.href, server?.bearer, server?.headers, server?.timeoutMs, server?.ca?.trim()],
    ['https://opa.example/v1', 'a-very-long-token', [{ name: 'X-Tenant', value: 'tenant-7' }], 10_000, certificate.ca.trim()],
  )
  assert.deepEqual(server?.clientCertificate, { certificate: certificate.certificate, key: certificate.key })
  const [acme, local] = policy.bundles
  assert.deepEqual(acme?.place, { kind: 'server', server: 'opa', resource: 'bundles/acme' })
  assert.deepEqual(acme?.polling, { minMs: 60_000, maxMs: 120_000, longPollMs: 0 })
  assert.deepEqual(acme?.signing, { key: files['key.pem'], keyId: 'default', algorithm: 'EdDSA', scope: '' })
  assert.deepEqual(local?.place, { kind: 'folder', path: join(folder, 'rules') })
  assert.ok(secrets.includes('a-very-long-token') && secrets.includes(certificate.key))
})

const wrong: readonly (readonly [string, string, RegExp])[] = [
  [
    'a server that is not there',
    'policy: { servers: [{ name: opa, url: "http://a" }], bundles: [{ name: b, server: oqa }] }',
    /:3:\d+ policy\.bundles\.0\.server: policy\.servers has no "oqa"; did you mean "opa"\? \(known: opa\)/,
  ],
  ['a bundle from nowhere', 'policy: { bundles: [{ name: b }] }', /policy\.bundles\.0: expected one of server, file and folder/],
  ['a resource of a file', 'policy: { bundles: [{ name: b, file: x, resource: y }] }', /bundles\.0\.resource: a resource is of a server/],
  [
    'polling of a file',
    'policy: { bundles: [{ name: b, file: x, polling: { minDelay: 1s } }] }',
    /:3:\d+ policy\.bundles\.0\.polling: only a server is asked again and again; .* leave "polling" out/,
  ],
  ['polling of a folder', 'policy: { bundles: [{ name: b, folder: ., polling: {} }] }', /bundles\.0\.polling: only a server is asked/],
  ['an inline token', 'policy: { servers: [{ name: a, url: "http://a", token: x }] }', /servers\.0\.token: expected \{ env: NAME \}/],
  ['a credential in the URL', 'policy: { servers: [{ name: a, url: "http://u:p@a" }] }', /servers\.0\.url: no user, password/],
  [
    'a key that is none',
    'policy: { servers: [{ name: a, url: "http://a", clientCertificate: { certificate: token, key: token } }] }',
    /clientCertificate\.certificate: holds no certificate in PEM\n.*clientCertificate\.key: holds no private key in PEM/,
  ],
  [
    'a signing key that is missing',
    'policy: { bundles: [{ name: b, file: x, signing: { key: none } }] }',
    /signing\.key: cannot be read: ENOENT/,
  ],
  ['two bundles of one name', 'policy: { bundles: [{ name: b, file: x }, { name: b, file: y }] }', /bundles\.1\.name: "b" is there twice/],
  [
    'delays the wrong way round',
    'policy: { servers: [{ name: s, url: "http://h" }], bundles: [{ name: b, server: s, polling: { minDelay: 2m, maxDelay: 1m } }] }',
    /bundles\.0\.polling: minDelay is longer than maxDelay/,
  ],
]
for (const [name, text, expected] of wrong)
  test(`refuses ${name}, with its place`, async (t) => {
    const folder = createFolder(t, { ...files, 'sallyport.yaml': `${head}${text}` })
    assert.match((await problemsOf(folder, () => loadConfig(join(folder, 'sallyport.yaml'), {}))).join('\n'), expected)
  })
