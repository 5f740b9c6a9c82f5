/** Clients that nobody here wrote: Node's fetch, Python's urllib and requests, npm. */

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createOriginCertificate } from '../support/certificates.ts'
import { cleanEnv, command } from '../support/command.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, manifest, proxyUrl, root, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

/** A gateway in front of one plain and one TLS origin, `/v1` of each allowed, and the variables its clients get. */
async function arrange(t: TestContext) {
  const installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt }' })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const plain = await startOrigin(t)
  const secure = await startOrigin(t, { certificate })
  const addresses = 'addresses: [127.0.0.0/8, "::1/128"], methods: [GET], paths: [/v1/**]'
  installation.write(
    'integrations/weather.yaml',
    manifest(
      'weather',
      `network:\n  - { hosts: [localhost], ports: [${plain.port}], tls: none, ${addresses} }\n  - { hosts: [localhost], ports: [${secure.port}], tls: intercept, ${addresses} }`,
    ),
  )
  const { proxyPort } = await startHere(t, installation)
  const { stdout } = await command(
    process.execPath,
    [join(root, 'src/main.ts'), 'env', 'weather', '--config', installation.configFile, '--format', 'json'],
    { env: cleanEnv({ SALLYPORT_TOKEN: 'weather-token' }) },
  )
  // The command tells the configured port, which is 0 here.
  const variables = JSON.parse(stdout.replaceAll('127.0.0.1:0', `127.0.0.1:${proxyPort}`)) as Record<string, string>
  return {
    installation,
    plain,
    secure,
    env: cleanEnv(variables),
    http: `http://localhost:${plain.port}`,
    https: `https://localhost:${secure.port}`,
  }
}

test('Node’s fetch with NODE_USE_ENV_PROXY=1 is allowed and denied rightly', async (t) => {
  const { env, http, https, plain, secure } = await arrange(t)
  const script = `for (const url of process.argv.slice(1)) { const res = await fetch(url); console.log(res.status, (await res.text()).slice(0, 5)) }`
  const { stdout, stderr } = await command(
    process.execPath,
    ['--input-type=module', '-e', script, `${http}/v1/a`, `${https}/v1/a`, `${https}/admin`],
    { env },
  )
  assert.equal(stdout, '200 hello\n200 hello\n403 {"typ\n', stderr)
  assert.deepEqual(
    [...plain.requests, ...secure.requests].map(({ url }) => url),
    ['/v1/a', '/v1/a'],
  )
})

test('Python’s urllib is allowed and denied rightly', async (t) => {
  const { env, http, https } = await arrange(t)
  const script = `
import sys, urllib.request, urllib.error
for url in sys.argv[1:]:
    try:
        with urllib.request.urlopen(url) as res: print(res.status, res.read(5).decode())
    except urllib.error.HTTPError as error: print(error.code, error.headers['sallyport-problem'])
`
  const { stdout, stderr } = await command('python3', ['-c', script, `${http}/v1/a`, `${https}/v1/a`, `${http}/admin`, `${https}/admin`], {
    env,
  })
  assert.equal(stdout, '200 hello\n200 hello\n403 policy-denied\n403 policy-denied\n', stderr)
})

test('Python’s requests is allowed and denied rightly', async (t) => {
  const venv = join(root, '.cache/venv/bin/python3')
  const python = existsSync(venv) ? venv : 'python3'
  if ((await command(python, ['-c', 'import requests'])).code !== 0)
    return t.skip('the Python package "requests" is not installed (.ci/run installs it)')
  const { env, http, https } = await arrange(t)
  const script = `
import sys, requests
for url in sys.argv[1:]:
    res = requests.get(url)
    print(res.status_code, res.headers.get('sallyport-problem', res.text))
`
  const { stdout, stderr } = await command(python, ['-c', script, `${http}/v1/a`, `${https}/v1/a`, `${http}/admin`, `${https}/admin`], {
    env,
  })
  assert.equal(stdout, '200 hello\n200 hello\n403 policy-denied\n403 policy-denied\n', stderr)
})

test('npm views and installs a small package from its registry', async (t) => {
  const { stdout } = await command('npm', ['config', 'get', 'registry'])
  const registry = new URL(stdout.trim())
  const cache = mkdtempSync(join(tmpdir(), 'sallyport-npm-'))
  t.after(() => rmSync(cache, { recursive: true, force: true }))
  const direct = await command('npm', ['view', 'is-number@7.0.0', 'version', '--cache', cache, '--fetch-retries', '0'])
  if (direct.stdout.trim() !== '7.0.0') return t.skip(`the npm registry cannot be reached from here: ${direct.stderr.split('\n')[0]}`)
  if (registry.protocol !== 'https:') return t.skip(`the registry is not on https: ${registry.protocol}`)
  const env = process.env
  const extra = env['NODE_EXTRA_CA_CERTS'] ?? env['SSL_CERT_FILE']
  const installation = createInstallation(t, {
    ...(extra !== undefined && { config: `http: { originCa: ${JSON.stringify(extra)} }` }),
    // A registry behind this machine's own network may have a private address; the test allows what is there.
    manifests: {
      'builder.yaml': grant({
        name: 'builder',
        network: [
          {
            hosts: [registry.hostname],
            tls: 'intercept',
            methods: ['GET'],
            paths: ['/is-number', '/is-number/**'],
            addresses: ['0.0.0.0/0', '::/0'],
          },
        ],
      }),
    },
  })
  const { proxyPort } = await startHere(t, installation)
  const proxied = cleanEnv({
    npm_config_https_proxy: proxyUrl('builder', proxyPort),
    npm_config_proxy: proxyUrl('builder', proxyPort),
    NODE_EXTRA_CA_CERTS: join(installation.folder, 'state/ca/ca.crt'),
    npm_config_cafile: join(installation.folder, 'state/ca/bundle.crt'),
    npm_config_audit: 'false',
    npm_config_fund: 'false',
  })
  const fresh = join(installation.folder, 'npm-cache')

  const viewed = await command('npm', ['view', 'is-number@7.0.0', 'version', '--cache', fresh], { env: proxied })
  assert.equal(viewed.stdout.trim(), '7.0.0', viewed.stderr)
  const installed = await command('npm', ['install', 'is-number@7.0.0', '--prefix', join(installation.folder, 'app'), '--cache', fresh], {
    env: proxied,
  })
  assert.equal(installed.code, 0, installed.stderr)
  assert.ok(existsSync(join(installation.folder, 'app/node_modules/is-number/package.json')))
  const denied = await command('npm', ['view', 'is-odd', 'version', '--cache', fresh, '--fetch-retries', '0'], { env: proxied })
  assert.match(denied.stderr, /403/)
})
