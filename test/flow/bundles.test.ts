/** Bundles from a server, through a whole gateway: what decides, what is kept, and what a server may do wrong. */

import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { SignJWT } from 'jose'
import { type BundleGateway, startAgain, startBundleGateway } from '../support/bundle-gateway.ts'
import { type BundleServer, startBundleServer } from '../support/bundle-server.ts'
import { bundleOf, type Files } from '../support/bundles.ts'
import { eachCase } from '../support/cases.ts'
import { createClientCertificate, createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { opa } from '../support/opa.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler', 'opa')

const pem = (key: KeyObject) => key.export({ type: key.type === 'public' ? 'spki' : 'pkcs8', format: 'pem' }).toString()
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const rule = rego`
  package sallyport.rules

  import rego.v1

  deny contains "closed" if {
    some path in data.acme.closed
    startswith(input.http.path, path)
  }
`

const contents = (revision: string, closed: readonly string[], more: Files = {}): Files => ({
  '.manifest': { revision, roots: ['sallyport/rules', 'acme'] },
  'rules.rego': rule,
  'acme/data.json': { closed },
  ...more,
})
const plain = (revision: string, closed: readonly string[], more: Files = {}) => bundleOf(contents(revision, closed, more))

/** Built and signed by OPA itself. */
async function signedByOpa(t: TestContext, revision: string, closed: readonly string[], key = privateKey, claims = {}): Promise<Buffer> {
  const folder = createFolder(t, {
    'src/.manifest': JSON.stringify({ roots: ['sallyport/rules', 'acme'] }),
    'src/rules.rego': rule,
    'src/acme/data.json': JSON.stringify({ closed }),
    'key.pem': pem(key),
    'claims.json': JSON.stringify(claims),
  })
  const signing = ['--signing-key', 'key.pem', '--signing-alg', 'ES256', '--claims-file', 'claims.json']
  await opa(folder, 'build', '-b', 'src', '-r', revision, ...signing, '-o', 'b.tar.gz')
  return readFileSync(join(folder, 'b.tar.gz'))
}

const from = (url: string, { server = '', bundle = '', timeout = '10s', polling = '{ minDelay: 20ms, maxDelay: 60ms }' } = {}) =>
  `{ servers: [{ name: opa, url: "${url}", timeout: ${timeout}${server} }], bundles: [{ name: acme, server: opa, polling: ${polling}${bundle} }] }`
const signing = ', signing: { key: key.pem, algorithm: ES256 }'
const keyFile = { 'key.pem': pem(publicKey) }

test('a bundle that opa built and signed decides, and what takes its place decides next', async (t) => {
  const server = await startBundleServer(t)
  server.publish('acme', await signedByOpa(t, 'r1', ['/one']))
  const { get, bundle, ready } = await startBundleGateway(t, from(server.url, { bundle: signing }), keyFile)
  await eventually('the gateway is ready', ready)
  assert.deepEqual([await get('/one'), await get('/two')], [403, 200])
  await eventually('the server was asked for what is newer', () => server.asked.some((headers) => headers['if-none-match'] !== undefined))
  server.publish('acme', await signedByOpa(t, 'r2', ['/two']))
  await eventually('the second decides', async () => (await bundle()).activeRevision === 'r2')
  assert.deepEqual([await get('/one'), await get('/two')], [200, 403])
  const { code, errors, lastSuccessfulActivation, lastSuccessfulDownload, type } = await bundle()
  assert.deepEqual([code, errors, type], [null, [], 'snapshot'])
  assert.ok(lastSuccessfulActivation !== null && lastSuccessfulDownload !== null)
})

const answering =
  (bytes: Uint8Array, etag = '"bad"'): RequestListener =>
  (_req, res) =>
    void res.writeHead(200, { 'content-type': 'application/gzip', etag }).end(bytes)

async function forged(files: Files): Promise<Uint8Array> {
  const token = await new SignJWT({ files: [] }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey)
  return bundleOf({ ...files, '.signatures.json': { signatures: [token] } })
}

type Wrong = Readonly<Record<string, readonly [RequestListener, RegExp]>>

/** Each is met twice at least; meanwhile /closed is closed and /open is open, as the bundle `good` has it. */
async function endure(t: TestContext, gateway: BundleGateway, server: BundleServer, wrong: Wrong): Promise<void> {
  for (const [what, [answer, expected]] of Object.entries(wrong)) {
    await t.test(`a server that ${what}`, async () => {
      const { length } = gateway.complaints()
      server.misbehave(answer)
      const { message } = await eventually('it failed', async () => {
        const status = await gateway.bundle()
        return status.code === 'bundle_error' && expected.test(status.message ?? '') ? status : null
      })
      assert.ok(message?.startsWith(`${server.url}bundles/acme: `), message ?? '')
      const asked = server.asked.length
      await eventually('it was tried again', () => server.asked.length > asked)
      assert.deepEqual([await gateway.get('/closed'), await gateway.get('/open')], [403, 200])
      assert.equal((await gateway.bundle()).activeRevision, 'good')
      const told = gateway.complaints().slice(length)
      assert.ok(told.every(({ problem }, index) => problem !== told[index - 1]?.problem))
      assert.ok(told.some(({ problem }) => problem === message))
      server.misbehave(null)
      await eventually('it is recovered', async () => (await gateway.bundle()).code === null)
    })
  }
}

test('whatever a server does wrong, the last good bundle stays active, and one message says what and where', async (t) => {
  const server = await startBundleServer(t, { bearer: 'the-right-token' })
  const elsewhere = await startOrigin(t)
  const good = await signedByOpa(t, 'good', ['/closed'], privateKey, { iat: 1_700_000_000 })
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  server.publish('acme', good)
  const gateway = await startBundleGateway(
    t,
    from(server.url, { server: ', token: { env: TOKEN }', bundle: `${signing.replace('}', ', scope: "" }')}, maxSize: 100KB` }).replaceAll(
      '{ env: TOKEN }',
      '{ file: token }',
    ),
    { ...keyFile, token: 'the-right-token' },
  )
  await eventually('the gateway is ready', gateway.ready)
  const wrong: Wrong = {
    'ends the connection in the middle': [
      (_req, res) => void res.writeHead(200, { 'content-length': good.length }).write(good.subarray(0, 100), () => res.destroy()),
      /the connection ended before the reply did/,
    ],
    'sends half of it as if it were all': [answering(good.subarray(0, good.length / 2)), /ends in the middle of its gzip stream/],
    'sends what another key signed': [
      answering(await signedByOpa(t, 'evil', [], other)),
      /\.signatures\.json: the signature does not verify with the key "default" \(ES256\)/,
    ],
    'sends what nobody signed': [answering(await plain('evil', [])), /\.signatures\.json: is missing/],
    'adds a file to what was signed': [answering(await forged(contents('evil', []))), /\.manifest: is not listed in the signature/],
    'sends an older one': [
      answering(await signedByOpa(t, 'older', [], privateKey, { iat: 1_600_000_000 })),
      /\.signatures\.json: was signed at 2020-09-13T12:26:40\.000Z, before the active bundle \(2023-/,
    ],
    'sends one that does not say when it was signed': [
      answering(await signedByOpa(t, 'undated', [], privateKey, { iat: undefined })),
      /\.signatures\.json: does not say when it was signed \(iat\), and the active bundle does \(2023-/,
    ],
    'sends one for another scope': [
      answering(await signedByOpa(t, 'scoped', [], privateKey, { scope: 'staging' })),
      /\.signatures\.json: is signed for the scope "staging"; expected ""/,
    ],
    'sends a page': [answering(Buffer.from('<html>welcome</html>')), /is not a readable tar archive/],
    'sends nothing': [answering(Buffer.alloc(0)), /answers 200 with an empty body/],
    'sends too much': [answering(Buffer.alloc(100_001)), /the reply is longer than 100000 bytes/],
    'is broken': [(_req, res) => void res.writeHead(503).end('<html>'), /answers 503$/],
    'does not know the token': [(_req, res) => void res.writeHead(401).end(), /answers 401; check the token/],
    'leads to another origin': [
      (_req, res) => void res.writeHead(302, { location: `http://127.0.0.1:${elsewhere.port}/` }).end(),
      /redirects \(302\) to another origin/,
    ],
  }
  await endure(t, gateway, server, wrong)
  assert.equal(elsewhere.connections(), 0)
  const metrics = await gateway.metrics()
  const failures = Number(/^sallyport_bundle_failures_total\{bundle="acme"\} (\d+)$/m.exec(metrics)?.[1])
  assert.ok(failures >= Object.keys(wrong).length, String(failures))
  assert.match(metrics, /^sallyport_bundle_age_seconds\{bundle="acme"\} 0\.\d+$/m)
  assert.ok(!gateway.log.some((line) => line.includes('the-right-token')))
})

test('a server that takes its time holds nobody up', async (t) => {
  const server = await startBundleServer(t)
  const good = await plain('good', ['/closed'])
  server.publish('acme', good)
  const gateway = await startBundleGateway(t, from(server.url, { timeout: '250ms' }))
  await eventually('the gateway is ready', gateway.ready)
  await endure(t, gateway, server, {
    'trickles forever': [
      (_req, res) => {
        res.writeHead(200, { 'content-length': good.length })
        const timer = setInterval(() => res.write('x'), 200)
        res.on('close', () => clearInterval(timer))
      },
      /did not send the whole reply within 2500 ms/,
    ],
    'never answers': [() => {}, /did not answer within 250 ms/],
  })
})

test('a bundle that fails a gate changes nothing, and the message has file and line', async (t) => {
  const server = await startBundleServer(t)
  server.publish('acme', await plain('good', ['/closed']))
  const gateway = await startBundleGateway(t, from(server.url))
  await eventually('the gateway is ready', gateway.ready)
  const failing = rego`
    package sallyport.rules_test

    import rego.v1

    import data.sallyport.rules

    test_open if count(rules.deny) == 1 with input as {"http": {"path": "/x"}}
  `
  const gates: readonly (readonly [string, Files, RegExp])[] = [
    [
      'does not compile',
      {
        'acme/bad.rego': rego`
          package acme

          allow if {
        `,
      },
      /bundles\/acme\/acme\/bad\.rego:\d+:\d+: /,
    ],
    [
      'has an unknown input key',
      {
        'acme/bad.rego': rego`
          package acme

          import rego.v1

          allow if input.http.metod == "GET"
        `,
      },
      /bundles\/acme\/acme\/bad\.rego:5:\d+: undefined ref: input\.http\.metod/,
    ],
    [
      'fails its own test',
      { 'rules_test.rego': failing, '.manifest': { roots: [''] } },
      /bundles\/acme\/rules_test\.rego:7:1: the test test_open fails/,
    ],
    [
      'speaks for the gateway',
      {
        'evil.rego': rego`
          package sallyport

          decision := 1
        `,
        '.manifest': { roots: [''] },
      },
      /evil\.rego: is package sallyport, which is the gateway's own/,
    ],
    ['leaves its roots', { 'evil.rego': rego`package evil` }, /evil\.rego: is package evil, outside of the roots/],
    [
      'names WebAssembly that is not there',
      { '.manifest': { roots: [''], wasm: [{ entrypoint: 'sallyport/decision', module: 'policy.wasm' }] } },
      /\.manifest: wasm: names the module "policy\.wasm", which the bundle has not/,
    ],
  ]
  await eachCase(gates, async ([what, files, expected]) => {
    server.publish('acme', await plain('bad', [], files))
    const { message } = await eventually(`one that ${what} was refused`, async () => {
      const status = await gateway.bundle()
      return expected.test(status.message ?? '') ? status : null
    })
    assert.ok(message?.startsWith(`${server.url}bundles/acme: `), message ?? '')
    assert.deepEqual([await gateway.get('/closed'), (await gateway.bundle()).activeRevision], [403, 'good'])
  })
  const rejections = gateway.installation.records().filter(({ type }) => type === 'rejected')
  assert.equal(rejections.length, gates.length)
})

test('without its server a gateway starts with the last good bundle; a kept one that was changed does not count', async (t) => {
  const server = await startBundleServer(t)
  server.publish('acme', await signedByOpa(t, 'kept', ['/closed']))
  const first = await startBundleGateway(t, from(server.url, { bundle: signing }), keyFile)
  const kept = join(first.installation.folder, 'state/bundles/acme.bundle')
  await eventually('it is kept', () => statSync(kept))
  assert.equal(statSync(kept).mode & 0o777, 0o600)
  await eventually('the gateway is ready', first.ready)
  server.misbehave((_req, res) => void res.destroy())
  const second = await startAgain(t, first)
  assert.equal(await second.ready(), true)
  assert.deepEqual([await second.get('/closed'), await second.get('/open')], [403, 200])

  const bytes = readFileSync(kept)
  const changed = await signedByOpa(t, 'evil', [], generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  const head = JSON.parse(bytes.subarray(0, bytes.indexOf('\n')).toString())
  writeFileSync(kept, Buffer.concat([Buffer.from(`${JSON.stringify({ ...head, lengths: [changed.length] })}\n`), changed]))
  const third = await startAgain(t, second)
  assert.equal(await third.ready(), false)
  assert.equal(await third.get('/open'), 403)
  assert.ok(third.complaints().some(({ problem }) => problem?.startsWith(`${kept}: .signatures.json: the signature does not verify`)))
  server.misbehave(null)
  await eventually('the server’s own is back', third.ready)
  assert.equal(await third.get('/open'), 200)
})

test('before the first bundle is there everything is denied, and the gateway is not ready', async (t) => {
  const server = await startBundleServer(t)
  const { get, ready, status, bundle } = await startBundleGateway(t, from(server.url))
  await eventually('the server was asked', async () => (await bundle()).message)
  assert.deepEqual([await ready(), await get('/open'), (await status()).revision], [false, 403, null])
  assert.match((await bundle()).message ?? '', /answers 404; there is no such bundle/)
  server.misbehave((_req, res) => void res.writeHead(304).end())
  await eventually('it makes no sense', async () => /answers 304, though nothing is held here/.test((await bundle()).message ?? ''))
  server.misbehave(null)
  server.publish('acme', await plain('r1', ['/closed']))
  await eventually('the gateway is ready', ready)
  assert.deepEqual([await get('/open'), await get('/closed')], [200, 403])
})

test('a delta changes the data alone, and is there after a restart', async (t) => {
  const server = await startBundleServer(t)
  server.publish('acme', await plain('r1', ['/one']))
  const first = await startBundleGateway(t, from(server.url))
  await eventually('the gateway is ready', first.ready)
  const delta = { '.manifest': { revision: 'r2' }, 'patch.json': { data: [{ op: 'upsert', path: '/acme/closed/-', value: '/two' }] } }
  server.publish('acme', await bundleOf(delta))
  await eventually('the delta decides', async () => (await first.bundle()).activeRevision === 'r2')
  assert.deepEqual([await first.get('/one'), await first.get('/two'), await first.get('/three')], [403, 403, 200])
  assert.equal((await first.bundle()).type, 'delta')
  assert.ok(server.asked.some(({ prefer }) => prefer === 'modes=snapshot,delta'))
  server.misbehave((_req, res) => void res.destroy())
  const second = await startAgain(t, first)
  assert.deepEqual([await second.get('/two'), await second.get('/three')], [403, 200])
})

test('deltas that come to more than a bundle may have are followed by a snapshot', async (t) => {
  const server = await startBundleServer(t)
  server.publish('acme', await plain('r0', ['/one']))
  const { ready, bundle } = await startBundleGateway(t, from(server.url, { bundle: ', maxSize: 8KiB' }))
  await eventually('the gateway is ready', ready)
  const decides = (revision: string) => eventually(`${revision} decides`, async () => (await bundle()).activeRevision === revision)
  await eachCase(['r1', 'r2', 'r3', 'r4', 'r5'], async (revision) => {
    const value = randomBytes(1500).toString('base64')
    const delta = { '.manifest': { revision }, 'patch.json': { data: [{ op: 'upsert', path: '/acme/closed/0', value }] } }
    server.publish('acme', await bundleOf(delta))
    await decides(revision)
    server.asked.length = 0
  })
  await eventually('no delta is welcome', () => server.asked.some(({ prefer }) => prefer === 'modes=snapshot'))
  server.publish('acme', await plain('r6', ['/one']))
  await decides('r6')
  server.asked.length = 0
  await eventually('deltas are welcome again', () => server.asked.some(({ prefer }) => prefer === 'modes=snapshot,delta'))
})

test('a server that holds requests is asked once, and a new bundle decides at once', async (t) => {
  const server = await startBundleServer(t, { longPolling: true })
  server.publish('acme', await plain('r1', ['/one']))
  const polling = '{ minDelay: 1h, maxDelay: 2h, longPollingTimeout: 60s }'
  const { bundle } = await startBundleGateway(t, from(server.url, { polling }))
  await eventually('a request is held', () => server.asked.some(({ prefer }) => prefer === 'modes=snapshot,delta;wait=60'))
  server.publish('acme', await plain('r2', ['/two']))
  await eventually('the second decides', async () => (await bundle()).activeRevision === 'r2')
  assert.equal(server.asked.length, server.asked.filter(({ prefer }) => String(prefer).includes('wait=60')).length + 1)
})

test('a server behind TLS gets the client certificate and the token', async (t) => {
  const folder = createFolder(t)
  const certificate = await createOriginCertificate(folder, '127.0.0.1')
  const client = await createClientCertificate('gateway')
  const server = await startBundleServer(t, { certificate, clientCa: client.certificate, bearer: 'the-right-token' })
  server.publish('acme', await plain('r1', ['/closed']))
  const proofs = ', ca: ca.pem, clientCertificate: { certificate: client.pem, key: client.key }, token: { file: token }'
  const files = { 'ca.pem': certificate.ca, 'client.pem': client.certificate, 'client.key': client.key, token: 'the-right-token' }
  const { ready, get } = await startBundleGateway(t, from(server.url, { server: proofs }), files)
  await eventually('the gateway is ready', ready)
  assert.equal(await get('/closed'), 403)
})

test('a rollback brings back the bundle of the revision before, and new ones wait until the folders are followed', async (t) => {
  const server = await startBundleServer(t)
  server.publish('acme', await plain('r1', ['/one']))
  const { bundle, get, post, ready } = await startBundleGateway(t, from(server.url))
  await eventually('the gateway is ready', ready)
  server.publish('acme', await plain('r2', ['/two']))
  await eventually('the second decides', async () => (await bundle()).activeRevision === 'r2')
  assert.equal((await post('/v1/policy/rollback')).ok, true)
  assert.deepEqual([await get('/one'), await get('/two'), (await bundle()).activeRevision], [403, 200, 'r1'])
  server.publish('acme', await plain('r3', ['/three']))
  const before = (await bundle()).lastSuccessfulDownload
  await eventually('the third was fetched', async () => (await bundle()).lastSuccessfulDownload !== before)
  assert.deepEqual([await get('/one'), await get('/three')], [403, 200])
  assert.equal((await post('/v1/policy/follow')).ok, true)
  assert.deepEqual([await get('/one'), await get('/three'), (await bundle()).activeRevision], [200, 403, 'r3'])
})

test('a shadow policy is compiled with the bundles, in place of the rules', async (t) => {
  const server = await startBundleServer(t)
  server.publish('acme', await plain('r1', ['/one']))
  const folder = createFolder(t, {
    'shadow.rego': 'package sallyport.rules\n\nimport rego.v1\n\ndeny contains "shadow" if not input.http.path in data.acme.closed\n',
  })
  const config = from(server.url).replace('{ servers', `{ shadow: { rules: ${folder}, enforce: 100, maxEvaluation: 50ms }, servers`)
  const { get, ready, status } = await startBundleGateway(t, config)
  await eventually('the gateway is ready', ready)
  await eventually('the shadow policy is ready', async () => (await status()).shadow?.revision)
  assert.deepEqual([await get('/one'), await get('/two')], [403, 403])
})
