/** curl through the gateway: absolute form, CONNECT, interception, large bodies. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate, type OriginCertificate } from '../support/certificates.ts'
import { cleanEnv, command } from '../support/command.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, type Installation, manifest, proxyUrl, startChild, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

const curl = (...args: string[]) => command('curl', ['-sS', '--max-time', '60', ...args], { env: cleanEnv() })
const megabytes = 100

function installationFor(t: TestContext, network: string): Installation {
  return createInstallation(t, {
    config: 'http: { originCa: ./origin-ca.crt }',
    manifests: { 'weather.yaml': manifest('weather', network) },
  })
}

const withCertificate = async (installation: Installation): Promise<OriginCertificate> =>
  createOriginCertificate(installation.folder, 'localhost')

test('curl in absolute form is allowed and denied by host, port, method and path', async (t) => {
  const origin = await startOrigin(t)
  const other = await startOrigin(t)
  const installation = createInstallation(t, {
    manifests: {
      'weather.yaml': grant({ network: [toLocalhost(origin.port, { methods: ['GET'], paths: ['/v1/**'] })] }),
    },
  })
  const { proxyPort } = await startHere(t, installation)
  const proxy = proxyUrl('weather', proxyPort)

  const allowed = await curl('-x', proxy, `http://localhost:${origin.port}/v1/items?x=1`)
  assert.equal(allowed.stdout, 'hello')
  await eachCase(
    [
      [`http://localhost:${origin.port}/admin`],
      [`http://localhost:${other.port}/v1/items`],
      [`http://127.0.0.1:${origin.port}/v1/items`],
      ['-X', 'DELETE', `http://localhost:${origin.port}/v1/items`],
      ['--path-as-is', `http://localhost:${origin.port}/v1/../admin`],
      ['--path-as-is', `http://localhost:${origin.port}/v1/%2e%2e/admin`],
    ],
    async (args) => {
      const denied = await curl('-x', proxy, '-w', '%{http_code}', '-o', '/dev/null', ...args)
      assert.match(denied.stdout, /^40[03]$/, args.join(' '))
    },
  )
  assert.equal(origin.requests.length, 1)
  assert.equal(other.connections(), 0)

  const denied = await curl('-x', proxy, `http://localhost:${origin.port}/admin/keys`)
  const problem = JSON.parse(denied.stdout)
  assert.equal(problem.code, 'policy-denied')
  assert.equal(problem.rule, 'default/deny')
  assert.deepEqual(problem.reasons, ['network/0 does not allow the path /admin/keys'])
  assert.deepEqual(problem.hint, {
    manifest: 'weather.yaml',
    add: { network: [{ hosts: ['localhost'], ports: [origin.port], methods: ['GET'], paths: ['/admin/keys'], tls: 'none' }] },
  })
})

test('a caller that proves nothing gets 407 with Proxy-Authenticate, and a record', async (t) => {
  const origin = await startOrigin(t)
  const installation = installationFor(t, 'network: []')
  await withCertificate(installation)
  const { proxyPort } = await startHere(t, installation)
  await eachCase(
    [`http://127.0.0.1:${proxyPort}`, `http://weather:wrong@127.0.0.1:${proxyPort}`, `http://nobody:weather-token@127.0.0.1:${proxyPort}`],
    async (proxy) => {
      const { stdout } = await curl('-i', '-x', proxy, `http://localhost:${origin.port}/`)
      assert.match(stdout, /^HTTP\/1.1 407 /)
      assert.match(stdout, /proxy-authenticate: Basic realm="sallyport"/i)
    },
  )
  const refused = installation.records().filter(({ type }) => type === 'refused')
  assert.equal(refused.length, 3)
  assert.ok(refused.every(({ code, integration }) => code === 'unidentified' && integration === null))
})

test('curl through CONNECT reaches an allowed host blindly, and no other', async (t) => {
  const installation = installationFor(t, '')
  const certificate = await withCertificate(installation)
  const origin = await startOrigin(t, { certificate })
  installation.write('integrations/weather.yaml', grant({ network: [toLocalhost(origin.port, { tls: 'tunnel' })] }))
  const { proxyPort } = await startHere(t, installation)
  const proxy = proxyUrl('weather', proxyPort)

  const allowed = await curl(
    '-x',
    proxy,
    '--cacert',
    join(installation.folder, 'origin-ca.crt'),
    `https://localhost:${origin.port}/any/path`,
  )
  assert.equal(allowed.stdout, 'hello', allowed.stderr)
  const denied = await curl('-x', proxy, '--cacert', join(installation.folder, 'origin-ca.crt'), `https://127.0.0.1:${origin.port}/`)
  assert.notEqual(denied.code, 0)
  assert.match(denied.stderr, /403/)
  assert.equal(origin.requests.length, 1)
})

test('curl through an interception is judged request by request, with the CA of the state folder', async (t) => {
  const installation = installationFor(t, '')
  const certificate = await withCertificate(installation)
  const origin = await startOrigin(t, { certificate })
  installation.write(
    'integrations/weather.yaml',
    grant({ network: [toLocalhost(origin.port, { tls: 'intercept', methods: ['GET'], paths: ['/v1/**'] })] }),
  )
  const { proxyPort } = await startHere(t, installation)
  const url = `https://localhost:${origin.port}`
  const base = ['-x', proxyUrl('weather', proxyPort), '--cacert', join(installation.folder, 'state/ca/ca.crt'), '-w', '\n%{http_code}\n']

  const { stdout, stderr } = await curl(...base, `${url}/v1/items`, `${url}/admin`)
  assert.match(stdout, /^hello\n200\n/, stderr)
  assert.match(stdout, /"code":"policy-denied".*\n403\n$/s)
  assert.deepEqual(
    origin.requests.map((request) => request.url),
    ['/v1/items'],
  )
  const inside = installation.records().filter(({ door, type }) => door === 'intercept' && type === 'decided')
  assert.equal(inside.length, 2)
  const connect = installation.records().find(({ door, type }) => door === 'connect' && type === 'decided')
  assert.ok(inside.every(({ parent }) => parent === connect?.['id']))

  // Without our CA the client refuses; with another name inside than CONNECT's, the gateway does.
  const untrusting = await curl('-x', proxyUrl('weather', proxyPort), `${url}/v1/items`)
  assert.equal(untrusting.code, 60)
  const confused = await curl(...base, '-H', 'Host: other.example', `${url}/v1/items`)
  assert.match(confused.stdout, /malformed-request.*\n400\n$/s)
})

for (const direction of ['upload', 'download'] as const) {
  test(`a ${direction} of ${megabytes} MB arrives whole, at constant memory`, async (t) => {
    const chunk = Buffer.alloc(1024 * 1024, 'sallyport')
    const seen = createHash('sha256')
    let seenBytes = 0
    const origin = await startOrigin(t, {
      answer(req, res) {
        if (req.method === 'PUT') {
          req.on('data', (bytes: Buffer) => {
            seen.update(bytes)
            seenBytes += bytes.byteLength
          })
          req.on('end', () => res.end('stored'))
          return
        }
        res.writeHead(200, { 'content-length': chunk.byteLength * megabytes })
        let left = megabytes
        const push = () => {
          while (left > 0) {
            left -= 1
            if (!res.write(chunk)) return void res.once('drain', push)
          }
          res.end()
        }
        push()
      },
    })
    const installation = createInstallation(t, {
      manifests: {
        'weather.yaml': grant({ network: [toLocalhost(origin.port)] }),
      },
    })
    const child = await startChild(t, installation)
    const rss = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.process.pid}/status`, 'utf8'))?.[1]) / 1024
    const proxy = proxyUrl('weather', child.proxyPort)
    await curl('-x', proxy, '-o', '/dev/null', `http://localhost:${origin.port}/warm`, '-r', '0-1', '--max-filesize', '1').catch(() => {})
    const before = rss()
    const file = join(installation.folder, 'large')
    await {
      async upload() {
        writeFileSync(file, Buffer.concat(Array.from({ length: megabytes }, () => chunk)))
        const { stdout, stderr } = await curl('-x', proxy, '-T', file, `http://localhost:${origin.port}/large`)
        assert.equal(stdout, 'stored', stderr)
        assert.equal(seenBytes, chunk.byteLength * megabytes)
        assert.equal(seen.digest('hex'), createHash('sha256').update(readFileSync(file)).digest('hex'))
      },
      async download() {
        const { code, stderr } = await curl('-x', proxy, '-o', file, `http://localhost:${origin.port}/large`)
        assert.equal(code, 0, stderr)
        assert.equal(readFileSync(file).byteLength, chunk.byteLength * megabytes)
      },
    }[direction]()
    const growth = rss() - before
    t.diagnostic(`peak RSS grew by ${growth.toFixed(0)} MiB`)
    assert.ok(growth <= 50, `peak RSS grew by ${growth.toFixed(0)} MiB`)
    const settled = () => installation.records().filter(({ type, complete }) => type === 'settled' && complete === true)
    child.process.kill('SIGTERM')
    await child.exited()
    assert.ok(settled().some((record) => record[direction === 'upload' ? 'sentBytes' : 'receivedBytes'] === chunk.byteLength * megabytes))
  })
}
