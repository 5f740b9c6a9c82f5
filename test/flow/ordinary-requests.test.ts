/** What ordinary clients send and every door must let through as it is: a rule is tested for what it admits as hard as for what it refuses. */

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { cleanEnv, command } from '../support/command.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, type Installation, proxyHeader, proxyUrl, root, startHere } from '../support/installation.ts'
import { bodyOf, type Origin, startOrigin } from '../support/origin.ts'
import { exchangeInside } from '../support/tunnel.ts'

const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }

let installation: Installation
let plain: Origin
let secure: Origin
let proxyPort: number
const files = new Map<string, Buffer>()

before(async () => {
  const t = whole as never
  installation = createInstallation(t)
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  // What arrived is told in the reply.
  const answer = async (req: IncomingMessage, res: ServerResponse) => {
    const body = await bodyOf(req)
    const file = files.get((req.url ?? '').split('?')[0] ?? '')
    if (file !== undefined) return void res.setHeader('content-type', 'text/html').end(file)
    res.setHeader('content-type', 'application/json')
    // Bytes as they came: one character of Latin-1 each.
    res.end(JSON.stringify({ method: req.method, url: req.url, raw: req.rawHeaders, body: body.toString('latin1') }), 'latin1')
  }
  plain = await startOrigin(t, { answer: (req, res) => void answer(req, res) })
  secure = await startOrigin(t, { certificate, answer: (req, res) => void answer(req, res) })
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}http: { originCa: ./origin-ca.crt }\nservices: [{ name: s, url: "http://127.0.0.1:${plain.port}" }]\n`,
  )
  installation.write(
    'integrations/weather.yaml',
    grant({ network: [toLocalhost(plain.port), toLocalhost(secure.port, { tls: 'intercept' })], services: [{ name: 's' }] }),
  )
  proxyPort = (await startHere(t, installation)).proxyPort
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

interface Arrived {
  readonly method: string
  readonly url: string
  readonly raw: readonly string[]
  readonly body: string
}

const valuesOf = ({ raw }: Arrived, name: string) =>
  raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name.toLowerCase())

/** Sends it through absolute form, interception and named service, and gives what arrived. */
async function through(method: string, path: string, rest: string): Promise<readonly Arrived[]> {
  const authority = `localhost:${plain.port}`
  const ask = (target: string, host: string, more: string) =>
    Buffer.from(
      `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${more}${/^connection:/im.test(rest) ? '' : 'Connection: close\r\n'}${rest}`,
      'latin1',
    )
  const answers = [
    await exchangeRaw(proxyPort, ask(`http://${authority}${path}`, authority, auth)),
    await exchangeInside(installation, { proxyPort, port: secure.port }, ask(path, `localhost:${secure.port}`, '').toString('latin1')),
    await exchangeRaw(proxyPort, ask(`/services/s${path}`, 'gateway', auth)),
  ]
  return answers.map((answer) => {
    assert.match(answer, /^HTTP\/1\.1 200 /, `${method} ${path}: ${answer}`)
    return JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as Arrived
  })
}

/** All that RFC 3986 lets stand in a path or a query, and what clients make of it. */
const targets: readonly string[] = [
  '/',
  '/~user/a-b_c.d',
  "/it's/(a)!*/$1,2",
  '/a+b/c=d&e@f:g',
  '/a;v=1;w=2/b;x',
  '/caf%C3%A9/%E2%82%AC/%F0%9F%98%80',
  '/a%20b/%22quoted%22/%3Ctag%3E',
  '/100%25/a%26b%3Dc%3Fd%23e',
  '/%5B1%5D/%7Bid%7D/a%7Cb%5E%60',
  '/v1/.../..a/a../.hidden',
  '/.well-known/acme-challenge/x',
  '/-/_/~/!',
  '/repo.git/info/refs?service=git-upload-pack',
  '/callback?redirect_uri=https%3A%2F%2Fa.example%2Fcb%3Fx%3D1&state=a%2Fb%3D%3D&code=1%2B2',
  '/q?redirect=https://a.example/b?c=d',
  '/q?a[]=1&a[b][c]=2&d={e}|f^`"<>',
  "/q?~+'!*(),;:@/?",
  '/q?',
  '/q?=&&;=',
  '/q?a=%00%0a%zz%',
  '/q?a=../../etc&b=%2e%2e%2f',
  '/q?empty=&flag',
  `/${'a'.repeat(4000)}`,
  `/q?long=${'b'.repeat(8000)}`,
]
for (const target of targets) {
  test(`${target.slice(0, 80)} arrives as it was sent, through every door`, async () => {
    eachCase(await through('GET', target, '\r\n'), ({ url }) => assert.equal(url, target === '/q?' ? '/q' : target))
  })
}

const methods = [
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'PROPFIND',
  'MKCOL',
  'REPORT',
  'SEARCH',
  'PURGE',
  'M-SEARCH',
  'LINK',
  'QUERY',
]
for (const method of methods) {
  test(`${method} with a body arrives with it, through every door`, async () => {
    eachCase(await through(method, '/v1/a', 'Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello'), (arrived) => {
      assert.equal(arrived.method, method)
      assert.equal(arrived.body, 'hello')
    })
  })
}

/** A header field as a client sends it; it arrives so. */
const headers: readonly (readonly [string, ...string[]])[] = [
  ['Authorization', 'Bearer abc.def-ghi_jkl~mno+pqr/stu=='],
  ['Authorization', 'AWS4-HMAC-SHA256 Credential=A/20260101/eu/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=0'],
  ['Cookie', 'a=1; b="two"; c=%20; __Host-d=e'],
  ['Accept', 'text/html', 'application/json;q=0.9, */*;q=0.1'],
  ['If-None-Match', 'W/"x", "y"'],
  ['Range', 'bytes=0-1, -5'],
  ['User-Agent', 'pip/24.0 {"ci":null,"cpu":"x86_64","distro":{"name":"Debian"}}'],
  ['X-Empty', ''],
  ['X-Latin', 'caf\xe9'],
  ['X-Utf8', Buffer.from('naïve — ✓').toString('latin1')],
  ["X-Odd!#$%&'*+.^`|~", '1'],
  ['X_Underscore', '1'],
  ['Git-Protocol', 'version=2'],
  ['X-Amz-Content-Sha256', 'UNSIGNED-PAYLOAD'],
  ['Traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
  ['Sec-Fetch-Mode', 'cors'],
  ['Content-Type', 'multipart/form-data; boundary="a b"'],
  ['Prefer', 'return=minimal', 'wait=5'],
  ['X-Long', 'x'.repeat(8000)],
]
for (const [name, ...values] of headers) {
  test(`${name}: ${(values[0] ?? '').slice(0, 60)} arrives as it was sent, through every door`, async () => {
    eachCase(await through('GET', '/v1/a', `${values.map((value) => `${name}: ${value}\r\n`).join('')}\r\n`), (arrived) =>
      assert.deepEqual(valuesOf(arrived, name).join(', '), values.join(', ')),
    )
  })
}

/** Head and body as clients frame them, and the body that arrives. */
const bodies: readonly (readonly [what: string, rest: string, body: string])[] = [
  ['a length of nothing', 'Content-Length: 0\r\n\r\n', ''],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n', 'abcde'],
  ['chunks with a trailer', 'Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n', 'abc'],
  ['an empty chunked body', 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', ''],
  ['binary content', 'Content-Length: 4\r\n\r\n\x00\xff\r\n', '\x00\xff\r\n'],
  ['a length with spaces around it', 'Content-Length:   2  \r\n\r\nab', 'ab'],
  ['trailers offered (curl, gRPC)', 'Connection: close, TE\r\nTE: trailers\r\nContent-Length: 1\r\n\r\na', 'a'],
  ['a coded body', 'Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08', '\x1f\x8b\x08'],
]
for (const [what, rest, body] of bodies) {
  test(`a POST with ${what} arrives with its body, through every door`, async () => {
    eachCase(await through('POST', '/v1/a', rest), (arrived) => assert.equal(arrived.body, body))
  })
}

/** What Python says of a request through the proxy: status and the URL that arrived. */
test('Python’s requests sends odd paths, parameters, forms and files, and they arrive', async (t) => {
  const venv = join(root, '.cache/venv/bin/python3')
  const python = existsSync(venv) ? venv : 'python3'
  if ((await command(python, ['-c', 'import requests'])).code !== 0)
    return t.skip('the Python package "requests" is not installed (.ci/run installs it)')
  const script = `
import sys, requests
base, proxy = sys.argv[1:]
s = requests.Session(); s.proxies = {'http': proxy}
def show(r): j = r.json(); print(r.status_code, j['method'], j['url'], len(j['body']))
show(s.get(base + "/caf\\u00e9/it's~a;b=c", params={'q': 'a/b c', 'redirect': 'https://x.example/?a=b'}))
show(s.post(base + '/form', data={'a': '1', '_b[c]': 'd e'}))
show(s.post(base + '/file', files={'f': ('n.txt', b'x' * 1000)}))
show(s.put(base + '/chunked', data=(b'y' * 100 for _ in range(3))))
show(s.request('OPTIONS', base + '/'))
show(s.get(base, headers={'Accept-Encoding': 'identity', 'Expect': ''}))
`
  const { stdout, stderr } = await command(python, ['-c', script, `http://localhost:${plain.port}`, proxyUrl('weather', proxyPort)], {
    env: cleanEnv(),
  })
  const lines = stdout.trim().split('\n')
  assert.equal(lines[0], "200 GET /caf%C3%A9/it's~a;b=c?q=a%2Fb+c&redirect=https%3A%2F%2Fx.example%2F%3Fa%3Db 0", stderr)
  assert.equal(lines[1], '200 POST /form 17')
  assert.match(lines[2] ?? '', /^200 POST \/file 1\d\d\d$/)
  assert.deepEqual(lines.slice(3), ['200 PUT /chunked 300', '200 OPTIONS / 0', '200 GET / 0'])
})

test('curl sends what it is told, path as it is, and it arrives', async () => {
  const ask = async (...args: string[]) => {
    const { stdout, stderr } = await command('curl', ['-sS', '-x', proxyUrl('weather', proxyPort), ...args], { env: cleanEnv() })
    assert.ok(stdout.startsWith('{'), stderr + stdout)
    return JSON.parse(stdout) as Arrived
  }
  const base = `http://localhost:${plain.port}`
  assert.equal((await ask(`${base}/a%2Cb/~c/'d'/e;f=g?h=%2F`)).url, "/a%2Cb/~c/'d'/e;f=g?h=%2F")
  assert.equal((await ask('--path-as-is', `${base}/./a/./b/.`)).url, '/a/b/')
  assert.equal((await ask('-H', 'Host: other.example', `${base}/a`)).url, '/a')
  assert.equal((await ask('-p', `${base}/tunnelled`)).url, '/tunnelled')
  assert.equal((await ask('--http1.0', `${base}/old`)).url, '/old')
  assert.equal((await ask('-X', 'PROPFIND', '-H', 'Depth: 1', `${base}/dav/`)).method, 'PROPFIND')
  // Versions of curl write the hex in lower or upper case; a query passes as it is.
  assert.match(
    (await ask('-G', '--data-urlencode', 'redirect_uri=https://a.example/cb?x=1', `${base}/auth`)).url,
    /^\/auth\?redirect_uri=https%3a%2f%2fa\.example%2fcb%3fx%3d1$/i,
  )
  assert.equal((await ask('-T', '-', `${base}/upload`)).method, 'PUT')
})

test('pip downloads a wheel with a local version from an index through the proxy', async (t) => {
  const venv = join(root, '.cache/venv/bin/python3')
  const python = existsSync(venv) ? venv : 'python3'
  if ((await command(python, ['-m', 'pip', '--version'])).code !== 0) return t.skip('this machine has no pip')
  const wheel = join(installation.folder, 'wheel.zip')
  const zip = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as z:
    d = 'sallyport_example-1.0+local.1.dist-info/'
    z.writestr(d + 'METADATA', 'Metadata-Version: 2.1\\nName: sallyport-example\\nVersion: 1.0+local.1\\n')
    z.writestr(d + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    z.writestr(d + 'RECORD', '')
`
  assert.equal((await command(python, ['-c', zip, wheel])).code, 0)
  const name = 'sallyport_example-1.0+local.1-py3-none-any.whl'
  files.set('/simple/sallyport-example/', Buffer.from(`<!DOCTYPE html><a href="../../packages/${name.replace('+', '%2B')}">${name}</a>`))
  files.set(`/packages/${name.replace('+', '%2B')}`, readFileSync(wheel))
  const target = join(installation.folder, 'downloads')
  mkdirSync(target)
  writeFileSync(join(installation.folder, 'pip.conf'), '')
  const { code, stdout, stderr } = await command(
    python,
    [
      '-m',
      'pip',
      'download',
      'sallyport-example',
      '--no-deps',
      '--no-cache-dir',
      '--retries',
      '0',
      '-d',
      target,
      '-i',
      `http://localhost:${plain.port}/simple`,
    ],
    {
      env: cleanEnv({
        http_proxy: proxyUrl('weather', proxyPort),
        PIP_CONFIG_FILE: join(installation.folder, 'pip.conf'),
        PIP_DISABLE_PIP_VERSION_CHECK: '1',
        PIP_FIND_LINKS: '',
        PIP_NO_INDEX: '',
        PIP_EXTRA_INDEX_URL: '',
        PIP_TRUSTED_HOST: '',
      }),
    },
  )
  assert.equal(code, 0, stdout + stderr)
  assert.ok(existsSync(join(target, name)))
})
