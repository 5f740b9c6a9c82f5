/** Package managers whose paths have forms that no client can avoid: scoped packages of npm, flat repositories of apt. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { cleanEnv, command } from '../support/command.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, manifest, proxyUrl, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

test('npm installs a scoped package through interception, where the capability takes %2F literally', async (t) => {
  const { stdout } = await command('npm', ['config', 'get', 'registry'])
  const registry = new URL(stdout.trim())
  const name = '@types/node'
  // It depends on nothing.
  const wanted = `${name}@18.0.0`
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-npm-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  const direct = await command('npm', ['view', wanted, 'version', '--cache', join(folder, 'direct'), '--fetch-retries', '0'])
  if (direct.stdout.trim() !== '18.0.0') {
    assert.equal(process.env['CI'], undefined, `CI reaches the registry: ${direct.stderr}`)
    return t.skip(`the npm registry cannot be reached from here: ${direct.stderr.split('\n')[0]}`)
  }
  if (registry.protocol !== 'https:') return t.skip(`the registry is not on https: ${registry.protocol}`)
  const extra = process.env['NODE_EXTRA_CA_CERTS'] ?? process.env['SSL_CERT_FILE']
  const installation = createInstallation(t, extra === undefined ? {} : { config: `http: { originCa: ${JSON.stringify(extra)} }` })
  const base = registry.pathname
  const grant = (choice: string, paths: readonly string[]) =>
    installation.write(
      'integrations/builder.yaml',
      // A registry behind this machine's own network may have a private address; the test allows what is there.
      manifest(
        'builder',
        `network: [{ hosts: ["${registry.hostname}"], ports: [${registry.port || 443}], methods: [GET], paths: ${JSON.stringify(paths.map((path) => `${base}${path}`))}, ${choice}addresses: [0.0.0.0/0, "::/0"] }]`,
      ),
    )
  grant('', ['@types/**'])
  const { proxyPort, gateway } = await startHere(t, installation)
  const app = join(folder, 'app')
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "version": "1.0.0", "private": true }')
  const install = (cache: string) =>
    command('npm', ['install', wanted, '--cache', join(folder, cache), '--fetch-retries', '0', '--ignore-scripts'], {
      cwd: app,
      env: cleanEnv({
        npm_config_registry: registry.href,
        npm_config_https_proxy: proxyUrl('builder', proxyPort),
        npm_config_cafile: join(installation.folder, 'state/ca/bundle.crt'),
        npm_config_audit: 'false',
        npm_config_fund: 'false',
        npm_config_update_notifier: 'false',
      }),
    })

  const refused = await install('refused')
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /400/)

  grant('encodedSlash: literal, ', ['@types%2Fnode', '@types/node/**'])
  assert.equal((await gateway.reload()).ok, true)
  const installed = await install('allowed')
  assert.equal(installed.code, 0, installed.stderr)
  assert.ok(existsSync(join(app, 'node_modules/@types/node/package.json')))
  const asked = installation.records().filter(({ type, kind, allow }) => type === 'decided' && kind === 'http' && allow === true)
  assert.ok(asked.some(({ subject }) => (subject as { path: string }).path === `${base}@types%2Fnode`))
})

test('apt updates from a flat repository and downloads a package through the proxy', async (t) => {
  if ((await command('apt-get', ['--version'])).code !== 0) {
    assert.equal(process.env['CI'], undefined, 'CI has apt-get')
    return t.skip('this machine has no apt-get')
  }
  const content = Buffer.from('not looked into: apt checks its size and hash, and keeps it\n')
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  const packages = Buffer.from(
    `Package: sallyport-example\nVersion: 1.0\nArchitecture: all\nMaintainer: tests <tests@example.com>\nFilename: ./pool/sallyport-example_1.0_all.deb\nSize: ${content.byteLength}\nSHA256: ${hash(content)}\nDescription: an example\n`,
  )
  const release = Buffer.from(`Suite: ./\nDate: ${new Date().toUTCString()}\nSHA256:\n ${hash(packages)} ${packages.byteLength} Packages\n`)
  const files: Readonly<Record<string, Buffer>> = {
    '/debs/Release': release,
    '/debs/Packages': packages,
    '/debs/pool/sallyport-example_1.0_all.deb': content,
  }
  const origin = await startOrigin(t, {
    answer: (req, res) => {
      const file = files[req.url ?? '']
      if (file === undefined) res.writeHead(404).end()
      else res.writeHead(200, { 'content-length': file.byteLength }).end(file)
    },
  })
  const installation = createInstallation(t, {
    manifests: {
      'builder.yaml': grant({ name: 'builder', network: [toLocalhost(origin.port, { methods: ['GET'], paths: ['/debs/**'] })] }),
    },
  })
  const { proxyPort } = await startHere(t, installation)
  const dir = join(installation.folder, 'apt')
  eachCase(['etc/apt.conf.d', 'etc/preferences.d', 'etc/trusted.gpg.d', 'lists/partial', 'archives/partial', 'log'], (folder) => {
    mkdirSync(join(dir, folder), { recursive: true })
  })
  writeFileSync(join(dir, 'status'), '')
  writeFileSync(join(dir, 'sources.list'), `deb [trusted=yes] http://localhost:${origin.port}/debs ./\n`)
  // Its own folders, whatever this machine's configuration says; what stands here is read before that.
  writeFileSync(
    join(dir, 'apt.conf'),
    `Dir::Etc "${dir}/etc";
Dir::Etc::sourcelist "${dir}/sources.list";
Dir::Etc::sourceparts "-";
Dir::State "${dir}";
Dir::State::lists "${dir}/lists";
Dir::State::status "${dir}/status";
Dir::Cache "${dir}";
Dir::Cache::archives "${dir}/archives";
Dir::Log "${dir}/log";
APT::Sandbox::User "";
Acquire::Retries "0";
Acquire::Languages "none";
Acquire::http::Proxy "${proxyUrl('builder', proxyPort)}";
`,
  )
  const apt = (...args: string[]) =>
    command('apt-get', ['-q', ...args], { cwd: dir, env: cleanEnv({ APT_CONFIG: join(dir, 'apt.conf'), LC_ALL: 'C' }) })

  const updated = await apt('update', '-o', 'Debug::Acquire::http=1')
  assert.equal(updated.code, 0, updated.stdout + updated.stderr)
  assert.ok(!/^(?:Err|W|E):/m.test(updated.stdout + updated.stderr), updated.stdout + updated.stderr)
  const downloaded = await apt('download', 'sallyport-example')
  assert.equal(downloaded.code, 0, downloaded.stdout + downloaded.stderr)
  assert.ok(existsSync(join(dir, 'sallyport-example_1.0_all.deb')))
  // It asks with "./"; what arrives is the canonical path.
  assert.match(updated.stdout + updated.stderr, /^GET http:\/\/localhost:\d+\/debs\/\.\/Packages HTTP\/1\.1/m)
  assert.ok(origin.requests.some(({ url }) => url === '/debs/Packages'))
  assert.ok(origin.requests.every(({ url }) => !url.includes('/./')))
})
