/** Clients find the CA where `trust` says, and go on working when it is rotated. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { startForClients } from '../support/client-gateway.ts'
import { cleanEnv, command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, type Installation, main, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { unless } from '../support/tools.ts'
import { exchangeInside } from '../support/tunnel.ts'

const published = ['apt.conf', 'bundle.crt', 'ca.crt', 'ca.der', 'node-proxy.cjs', 'truststore.p12']

const sallyport = ({ configFile }: Pick<Installation, 'configFile'>, ...words: readonly string[]) =>
  command(process.execPath, ['--no-warnings', main, ...words, '--config', configFile], { env: cleanEnv() })

const certificatesIn = (file: string) =>
  (readFileSync(file, 'utf8').match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map(
    (pem) => new X509Certificate(pem).fingerprint256,
  )

async function arrange(t: TestContext) {
  const installation = createInstallation(t, { config: 'trust: ./public/trust\nhttp: { originCa: ./origin-ca.crt }' })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const origin = await startOrigin(t, { certificate })
  installation.write('integrations/weather.yaml', grant({ network: [toLocalhost(origin.port, { tls: 'intercept' })] }))
  const { proxyPort, gateway } = await startHere(t, installation)
  const trust = join(installation.folder, 'public/trust')
  /** Of a client that was started when this was what it should trust. */
  const ask = (ca: Buffer, maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3') =>
    exchangeInside(
      installation,
      { proxyPort, port: origin.port, tls: { ca, maxVersion } },
      `GET /v1/a HTTP/1.1\r\nHost: localhost:${origin.port}\r\nConnection: close\r\n\r\n`,
    )
  return { installation, gateway, trust, ask, ca: () => readFileSync(join(trust, 'ca.crt')) }
}

test('the trust folder has the CA in each form, for every user to read and none to write', async (t) => {
  const umask = process.umask(0o077)
  t.after(() => process.umask(umask))
  const { trust, ask, ca, installation } = await arrange(t)
  assert.deepEqual(
    readdirSync(trust).filter((name) => !name.startsWith('.')),
    published,
  )
  assert.equal(statSync(trust).mode & 0o7777, 0o755)
  eachCase(published, (name) => assert.equal(statSync(join(trust, name)).mode & 0o7777, 0o644, name))
  const { fingerprint256 } = new X509Certificate(ca())
  assert.equal(new X509Certificate(readFileSync(join(trust, 'ca.der'))).fingerprint256, fingerprint256)
  assert.equal(certificatesIn(join(trust, 'bundle.crt')).at(-1), fingerprint256)
  assert.match(await ask(readFileSync(join(trust, 'bundle.crt'))), /^HTTP\/1\.1 200 /)
  assert.equal(readFileSync(join(trust, 'apt.conf'), 'utf8'), `Acquire::https::CaInfo "${trust}/bundle.crt";\n`)
  const { stdout } = await sallyport(installation, 'env', 'weather', '--format', 'json')
  const { SSL_CERT_FILE, NODE_EXTRA_CA_CERTS } = JSON.parse(stdout) as Record<string, string>
  assert.deepEqual([SSL_CERT_FILE, NODE_EXTRA_CA_CERTS], [join(trust, 'bundle.crt'), join(trust, 'ca.crt')])
})

test('a second gateway does not start with the trust folder of another, whose CA stays there, and starts once that has ended', async (t) => {
  const { installation, gateway, ca } = await arrange(t)
  const before = ca()
  const second = createInstallation(t, { config: `trust: ${join(installation.folder, 'public/trust')}` })
  await assert.rejects(startHere(t, second), {
    name: 'FolderLockError',
    message:
      /^each gateway needs a trust folder of its own: .*trust\/\.gateway\.lock: .* in use by another gateway \(process \d+ on .*\): stop it/,
  })
  assert.deepEqual(ca(), before)
  await gateway.close()
  await startHere(t, second)
  assert.notDeepEqual(ca(), before)
})

test('a place that cannot be the trust folder stops the start and says why', async (t) => {
  const folder = createFolder(t)
  const place = (name: string, mode: number) => {
    mkdirSync(join(folder, name))
    chmodSync(join(folder, name), mode)
    return join(folder, name)
  }
  writeFileSync(join(folder, 'file'), '')
  await eachCase(
    [
      [
        './state/trust',
        /sallyport\.yaml:5:1 trust: .*state\/trust is in the state folder, which clients cannot enter: expected a folder outside /,
      ],
      [
        place('open', 0o777),
        /trust cannot be at .*open: other users can write it \(mode 777, expected 755\): chmod 755 it, or give another folder/,
      ],
      [place('closed', 0o700), /trust cannot be at .*closed: other users cannot read it \(mode 700, expected 755\): chmod 755 it/],
      [join(folder, 'file'), /trust cannot be at .*file: .*file is not a folder/],
    ] as const,
    async ([trust, said]) => {
      const installation = createInstallation(t, { config: `trust: ${trust}` })
      const { code, stderr } = await sallyport(installation, 'run')
      assert.match(stderr, said)
      assert.equal(code, 78)
    },
  )
})

const isRoot = process.getuid?.() === 0

test('a folder of another user, who could replace what is in it, is not the trust folder', {
  skip: isRoot ? false : 'only root can make one',
}, async (t) => {
  const trust = createFolder(t)
  chmodSync(trust, 0o755)
  chownSync(trust, 54_321, 54_321)
  const { code, stderr } = await sallyport(createInstallation(t, { config: `trust: ${trust}` }), 'run')
  assert.match(stderr, /trust cannot be at .*: it belongs to another user \(54321\): give a folder of your own \(0\)/)
  assert.equal(code, 78)
})

test('a link of another user, who could let it lead elsewhere, is not the trust folder either, and no file there stays another user’s', {
  skip: isRoot ? false : 'only root can make one',
}, async (t) => {
  const folder = createFolder(t)
  const [place, link] = [join(folder, 'place'), join(folder, 'link')]
  mkdirSync(place, { mode: 0o755 })
  symlinkSync(place, link)
  const installation = createInstallation(t, { config: `trust: ${link}` })
  const before = await startHere(t, installation)
  await before.gateway.close()
  chownSync(join(place, 'ca.crt'), 54_321, 54_321)
  const again = await startHere(t, installation)
  await again.gateway.close()
  assert.equal(statSync(join(place, 'ca.crt')).uid, 0)
  lchownSync(link, 54_321, 54_321)
  const { code, stderr } = await sallyport(installation, 'run')
  assert.match(stderr, /trust cannot be at .*link: it is a link that belongs to another user \(54321\): give a folder of your own \(0\)/)
  assert.equal(code, 78)
})

test('a rotation takes a running gateway over at once, and clients of the CA before go on for the overlap', async (t) => {
  const { installation, trust, ask, ca } = await arrange(t)
  const before = ca()
  assert.match(await ask(before), /^HTTP\/1\.1 200 /)

  const { stdout, code, stderr } = await sallyport(installation, 'ca', 'rotate')

  assert.equal(code, 0, stderr)
  const after = new X509Certificate(ca())
  const former = new X509Certificate(before)
  assert.match(stdout, new RegExp(`^rotated: SHA-256 ${after.fingerprint256}, in .*\nclients that run are kept working until `))
  await eachCase([before, ca(), readFileSync(join(trust, 'bundle.crt'))], async (trusted) => {
    assert.match(await ask(trusted), /^HTTP\/1\.1 200 /)
    assert.match(await ask(trusted, 'TLSv1.2'), /^HTTP\/1\.1 200 /)
  })
  assert.deepEqual(certificatesIn(join(trust, 'bundle.crt')).slice(-2), [after.fingerprint256, former.fingerprint256])
  const [record] = installation.records().filter(({ type }) => type === 'ca-rotated')
  assert.deepEqual([record?.['fingerprint'], record?.['before']], [after.fingerprint256, former.fingerprint256])
  const shown = await sallyport(installation, 'ca', 'show')
  assert.match(shown.stdout, new RegExp(`^SHA-256 +${after.fingerprint256}$[\\s\\S]*^before +${former.fingerprint256}, whose clients`, 'm'))
  const again = await sallyport(installation, 'ca', 'rotate')
  assert.equal(again.code, 1)
  assert.match(again.stderr, /^the CA was rotated before, .*; wait for that, or cut them off with --no-overlap\n$/)
})

const aptHelper = '/usr/lib/apt/apt-helper'
const hasApt = unless(existsSync(aptHelper) ? null : 'this machine has no apt')

test('clients of the CA before go on with OpenSSL, and with GnuTLS', hasApt, async (t) => {
  const { https, env, installation } = await startForClients(t, {
    answer: (_req, res) => void res.end('hello'),
    may: [{ paths: ['/v1/**'] }],
  })
  const { folder } = installation
  const started = { ca: join(folder, 'ca-before'), bundle: join(folder, 'bundle-before'), apt: join(folder, 'apt-before') }
  copyFileSync(join(folder, 'trust/ca.crt'), started.ca)
  copyFileSync(join(folder, 'trust/bundle.crt'), started.bundle)
  writeFileSync(started.apt, `Acquire::https::CaInfo "${started.bundle}";\n`)
  assert.equal((await sallyport(installation, 'ca', 'rotate')).code, 0)
  const before = { CURL_CA_BUNDLE: started.ca, APT_CONFIG: started.apt }
  await eachCase([before, {}], async (given) => {
    const curl = await command('curl', ['-sS', `${https}/v1/a`], { env: { ...env, ...given } })
    assert.equal(curl.stdout, 'hello', curl.stderr)
    const apt = await command(aptHelper, ['download-file', `${https}/v1/a`, join(folder, 'fetched')], { env: { ...env, ...given } })
    assert.equal(apt.code, 0, apt.stderr)
  })
})

test('a rotation without overlap cuts clients of the CA before off, which the log says', async (t) => {
  const { installation, trust, ask, ca } = await arrange(t)
  const before = ca()
  assert.match(await ask(before), /^HTTP\/1\.1 200 /)
  const { stdout } = await sallyport(installation, 'ca', 'rotate', '--no-overlap')
  assert.match(stdout, /^clients have to be restarted, now, with what "sallyport env NAME" prints$/m)
  await assert.rejects(ask(before), { code: /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY/ })
  assert.match(await ask(ca()), /^HTTP\/1\.1 200 /)
  assert.ok(!certificatesIn(join(trust, 'bundle.crt')).includes(new X509Certificate(before).fingerprint256))
  await eventually('it is recorded', () => installation.records().some(({ code }) => code === 'client-tls-failed'))
})

test('a CA that is rotated while no gateway runs is what the next one signs with', async (t) => {
  const { installation, gateway, ca } = await arrange(t)
  const before = ca()
  await gateway.close()
  assert.equal((await sallyport(installation, 'ca', 'rotate')).code, 0)
  const after = ca()
  assert.notDeepEqual(after, before)
  assert.equal(installation.records().find(({ type }) => type === 'ca-rotated')?.['fingerprint'], new X509Certificate(after).fingerprint256)
  await startHere(t, installation)
  assert.deepEqual(ca(), after)
})

test('ca trust says what each client needs, or writes it into a folder; without a CA it says when there is one', async (t) => {
  const { installation, ca } = await arrange(t)
  const { stdout } = await sallyport(installation, 'ca', 'trust')
  eachCase(['Chromium', 'Java', 'Docker', 'aiohttp', 'apt'], (client) => assert.match(stdout, new RegExp(`^${client} `, 'm')))
  assert.match(stdout, /--ignore-certificate-errors-spki-list=[\w+/]{43}=$/m)
  const to = join(createFolder(t), 'copy')
  assert.equal((await sallyport(installation, 'ca', 'trust', '--to', to)).code, 0)
  assert.deepEqual(readdirSync(to), published)
  assert.equal(certificatesIn(join(to, 'bundle.crt')).at(-1), new X509Certificate(ca()).fingerprint256)
  const none = await sallyport(createInstallation(t), 'ca', 'show')
  assert.equal(none.code, 69)
  assert.match(none.stderr, /^there is no CA yet \(.*ca\.key\); it is made when the gateway first starts\n$/)
})

test(
  'apt goes through the gateway and trusts its CA by what env prints',
  unless(existsSync(aptHelper) ? null : 'this machine has no apt'),
  async (t) => {
    const { https, env, installation } = await startForClients(t, {
      answer: (_req, res) => void res.end('hello'),
      may: [{ paths: ['/v1/**'] }],
    })
    const to = join(installation.folder, 'fetched')
    const { stdout, stderr } = await command(aptHelper, ['download-file', `${https}/v1/a`, to], { env })
    assert.equal(existsSync(to) && readFileSync(to, 'utf8'), 'hello', `${stdout}${stderr}`)
    const { APT_CONFIG, ...rest } = env
    assert.equal((await command(aptHelper, ['download-file', `${https}/v1/b`, `${to}2`], { env: rest })).code, 100, APT_CONFIG)
  },
)
