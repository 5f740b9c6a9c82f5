/** The broker: who I am, and files of the host (security case 15). */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eachCase, times, until } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, exchangeRaw, main, manifest, startChild, startHere } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { connect } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

async function arrange(t: TestContext, capability = 'actions: [stat, list, read, write]') {
  const installation = createInstallation(t, {
    manifests: { 'weather.yaml': manifest('weather', `files: [{ name: data, root: ../data, ${capability} }]`) },
  })
  const data = join(installation.folder, 'data')
  mkdirSync(join(data, 'sub'), { recursive: true })
  writeFileSync(join(data, 'hello.txt'), 'hello')
  writeFileSync(join(installation.folder, 'secret.txt'), 'outside')
  const { proxyPort } = await startHere(t, installation)
  const headers = { authorization: 'Bearer weather-token' }
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${proxyPort}/v1/${path}`, { ...init, headers: { ...headers, ...init.headers } })
  const raw = (target: string, method = 'GET') =>
    exchangeRaw(
      proxyPort,
      `${method} ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer weather-token\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    )
  return { installation, data, ask, raw, proxyPort }
}

test('/v1/self names the caller, what it may do and what it has left, and no path of the host', async (t) => {
  const { ask, installation } = await arrange(t)
  const res = await ask('self')
  const text = await res.text()
  const self = JSON.parse(text)
  assert.equal(self.name, 'weather')
  assert.equal(self.identity, 'token')
  assert.deepEqual(self.files[0].actions, ['stat', 'list', 'read', 'write'])
  assert.ok(self.buckets.some((bucket: { bucket: string; level: number }) => bucket.bucket === 'requests' && bucket.level > 0))
  assert.ok(!text.includes(installation.folder))
  assert.equal((await ask('self', { method: 'DELETE' })).status, 405)
  assert.equal((await ask('nothing')).status, 404)
})

test('files are read, described, listed and atomically written', async (t) => {
  const { ask, data } = await arrange(t)
  const read = await ask('files/data/hello.txt')
  assert.equal(await read.text(), 'hello')
  const etag = read.headers.get('etag') ?? ''
  assert.equal((await ask('files/data/hello.txt', { headers: { 'if-none-match': etag } })).status, 304)
  assert.deepEqual(((await (await ask('files/data/hello.txt?op=stat')).json()) as { type: string; bytes: number }).bytes, 5)
  assert.equal((await ask('files/data/hello.txt?op=stat&op=read')).status, 400)
  assert.equal((await ask('files/data/hello.txt?x=1?&op=stat')).headers.get('content-type'), 'application/json')
  assert.equal((await ask('files/data/hello.txt', { method: 'HEAD' })).headers.get('content-length'), '5')
  assert.deepEqual(await (await ask('files/data?op=list')).json(), {
    entries: [
      { name: 'hello.txt', type: 'file' },
      { name: 'sub', type: 'folder' },
    ],
    complete: true,
  })

  assert.equal((await ask('files/data/sub/new.bin', { method: 'PUT', body: 'new' })).status, 201)
  assert.equal(readFileSync(join(data, 'sub/new.bin'), 'utf8'), 'new')
  assert.equal((await ask('files/data/hello.txt', { method: 'PUT', body: 'changed', headers: { 'if-match': etag } })).status, 204)
  assert.equal((await ask('files/data/hello.txt', { method: 'PUT', body: 'lost', headers: { 'if-match': etag } })).status, 412)
  assert.equal((await ask('files/data/hello.txt', { method: 'PUT', body: 'lost', headers: { 'if-none-match': '*' } })).status, 412)
  assert.equal(readFileSync(join(data, 'hello.txt'), 'utf8'), 'changed')
  assert.deepEqual(readdirSync(data).sort(), ['hello.txt', 'sub'])
})

test('no spelling of a path leads out of its root folder', async (t) => {
  const { raw, installation } = await arrange(t)
  await eachCase(
    [
      '../secret.txt',
      '%2e%2e/secret.txt',
      '..%2fsecret.txt',
      'sub/../../secret.txt',
      'sub/%2e%2e/%2e%2e/secret.txt',
      '%5c..%5csecret.txt',
      '/etc/passwd',
      '%2fetc%2fpasswd',
      'hello.txt%00',
      '.',
      '..',
      'a//b',
    ],
    async (path) => {
      const reply = await raw(`/v1/files/data/${path}`)
      assert.match(reply, /^HTTP\/1.1 40[04] /, path)
      assert.ok(!reply.includes('outside') && !reply.includes(installation.folder), path)
    },
  )
})

test('links are not followed, not read, not listed, and not written through', async (t) => {
  const { ask, data, installation } = await arrange(t)
  symlinkSync('../secret.txt', join(data, 'link'))
  symlinkSync('..', join(data, 'up'))
  symlinkSync('/', join(data, 'root'))
  await eachCase(['link', 'up/secret.txt', 'root/etc/passwd', 'link?op=stat', 'up?op=list'], async (path) =>
    assert.equal((await ask(`files/data/${path}`)).status, 404, path),
  )
  const { entries } = (await (await ask('files/data?op=list')).json()) as { entries: { name: string }[] }
  assert.deepEqual(
    entries.map(({ name }) => name),
    ['hello.txt', 'sub'],
  )
  assert.equal((await ask('files/data/link', { method: 'PUT', body: 'x' })).status, 409)
  assert.equal((await ask('files/data/up/new.txt', { method: 'PUT', body: 'x' })).status, 404)
  assert.equal(readFileSync(join(installation.folder, 'secret.txt'), 'utf8'), 'outside')
  assert.ok(!existsSync(join(installation.folder, 'new.txt')))
})

test('a folder swapped for a link in mid-operation never leads out', async (t) => {
  const { ask, data, installation } = await arrange(t)
  mkdirSync(join(installation.folder, 'outside'))
  writeFileSync(join(installation.folder, 'outside/file'), 'outside')
  writeFileSync(join(data, 'sub/file'), 'inside')
  symlinkSync('../outside', join(data, 'link'))
  let swapping = true
  const swap = () => {
    if (!swapping) return
    renameSync(join(data, 'sub'), join(data, 'was'))
    renameSync(join(data, 'link'), join(data, 'sub'))
    renameSync(join(data, 'sub'), join(data, 'link'))
    renameSync(join(data, 'was'), join(data, 'sub'))
    setImmediate(swap)
  }
  swap()
  await times(400, async () => {
    const text = await (await ask('files/data/sub/file')).text()
    assert.ok(text === 'inside' || text.includes('"code":"not-found"'), text)
  })
  swapping = false
  await new Promise((resolve) => setImmediate(resolve))
})

test('pipes and devices are no files; a name in another normal form is another name', async (t) => {
  const { ask, raw, data } = await arrange(t)
  execFileSync('mkfifo', [join(data, 'pipe')])
  assert.equal((await ask('files/data/pipe')).status, 404)
  assert.equal((await ask('files/data/pipe?op=stat')).status, 404)
  writeFileSync(join(data, 'café'.normalize('NFD')), 'decomposed')
  assert.equal((await ask(`files/data/${encodeURIComponent('café'.normalize('NFC'))}`)).status, 404)
  assert.match(await raw(`/v1/files/data/${encodeURIComponent('café'.normalize('NFD'))}`), /^HTTP\/1.1 400 /)
})

test('a file that is not allowed gets the same answer whether it exists or not', async (t) => {
  const { ask } = await arrange(t, 'actions: [read], paths: [public/**]')
  const shape = async (path: string) => {
    const res = await ask(`files/data/${path}`)
    const { code, reasons } = (await res.json()) as { code: string; reasons: string[] }
    return [res.status, code, reasons.join().replace(path, '…')]
  }
  assert.deepEqual(await shape('hello.txt'), await shape('absent.txt'))
  assert.equal((await ask('files/data/hello.txt?op=stat')).status, 403)
  assert.equal((await ask('files/other/hello.txt')).status, 403)
})

test('a write that breaks off leaves the old file and no rest', async (t) => {
  const { data, proxyPort, installation } = await arrange(t)
  await new Promise<void>((resolve) => {
    const put = request({
      port: proxyPort,
      method: 'PUT',
      path: '/v1/files/data/hello.txt',
      headers: { authorization: 'Bearer weather-token', 'content-length': 1_000_000 },
    })
    put.on('error', () => resolve())
    put.write('half', () => setImmediate(() => put.destroy()))
  })
  await until(
    () => !!installation.records().some(({ type, complete }) => type === 'settled' && complete === false),
    () => new Promise((resolve) => setImmediate(resolve)),
  )
  assert.equal(readFileSync(join(data, 'hello.txt'), 'utf8'), 'hello')
  assert.deepEqual(readdirSync(data).sort(), ['hello.txt', 'sub'])
})

test('a body beyond maxBytes is refused and nothing is kept', async (t) => {
  const { ask, data } = await arrange(t, 'actions: [read, write], maxBytes: 10')
  assert.equal((await ask('files/data/large', { method: 'PUT', body: 'x'.repeat(11) })).status, 413)
  rmSync(join(data, 'sub'), { recursive: true })
  assert.deepEqual(readdirSync(data), ['hello.txt'])
})

test('a listener that belongs to one integration identifies it, on a Unix socket too', async (t) => {
  const installation = createInstallation(t, {
    config: 'listeners: [{ name: own, socket: ./weather.sock, integration: weather, doors: [broker] }]',
    manifests: { 'weather.yaml': grant() },
  })
  await startHere(t, installation)
  assert.equal(statSync(join(installation.folder, 'weather.sock')).mode & 0o777, 0o660)
  const text = await new Promise<string>((resolve, reject) => {
    request({ socketPath: join(installation.folder, 'weather.sock'), path: '/v1/self' }, (res) => {
      let body = ''
      res.on('data', (chunk) => {
        body += chunk
      })
      res.on('end', () => resolve(body))
    })
      .on('error', reject)
      .end()
  })
  assert.equal(JSON.parse(text).identity, 'listener')
})

test('a Unix socket has the mode and the group that its listener says', async (t) => {
  // Root may give it to any group, others to one of theirs.
  const gid = process.getuid?.() === 0 ? 54_321 : (process.getgroups?.().at(-1) ?? 0)
  const installation = createInstallation(t, {
    config: `listeners: [{ name: own, socket: ./own.sock, integration: weather, mode: "0666", group: ${gid} }, { name: other, socket: ./other.sock, integration: weather, mode: "0600" }]`,
    manifests: { 'weather.yaml': grant() },
  })
  await startHere(t, installation)
  const own = statSync(join(installation.folder, 'own.sock'))
  assert.deepEqual([own.mode & 0o777, own.gid], [0o666, gid])
  assert.equal(statSync(join(installation.folder, 'other.sock')).mode & 0o777, 0o600)
})

compilerTest('rules bound what is read and written more tightly than the capability', async (t) => {
  const installation = createInstallation(t, {
    config: 'policy: { rules: ./rules }',
    manifests: { 'weather.yaml': grant({ files: [{ name: 'data', root: '../data', actions: ['read', 'write'] }] }) },
  })
  eachCase(['data', 'rules'], (folder) => {
    mkdirSync(join(installation.folder, folder))
  })
  installation.write('data/long.txt', 'x'.repeat(100))
  installation.write('data/short.txt', 'x'.repeat(10))
  installation.write(
    'rules/bounds.rego',
    rego`
      package sallyport.rules

      obligations contains {"maxReplyBytes": 50, "maxRequestBytes": 20} if input.request.kind == "file"
    `,
  )
  const { proxyPort } = await startHere(t, installation)
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${proxyPort}/v1/files/data/${path}`, { ...init, headers: { authorization: 'Bearer weather-token' } })
  assert.equal((await ask('short.txt')).status, 200)
  assert.equal((await ask('long.txt')).status, 409)
  assert.equal((await ask('new.txt', { method: 'PUT', body: 'x'.repeat(20) })).status, 201)
  assert.equal((await ask('new.txt', { method: 'PUT', body: 'x'.repeat(21) })).status, 413)
})

test('a write that the disk cuts short is no success, and the old file stays', async (t) => {
  const { installation, data } = await arrange(t)
  const limited = ['sh', '-c', 'ulimit -f 1024; exec "$0" "$@"', process.execPath, main]
  const config = readFileSync(installation.configFile, 'utf8')
  writeFileSync(installation.configFile, `${config}\nstate: ./other-state\n`)
  const child = await startChild(t, installation, { command: limited })
  const put = (bytes: number) =>
    fetch(`http://127.0.0.1:${child.proxyPort}/v1/files/data/hello.txt`, {
      method: 'PUT',
      headers: { authorization: 'Bearer weather-token' },
      body: 'x'.repeat(bytes),
    })
  const cut = await put(2 * 1024 * 1024)
  assert.equal(cut.status, 409)
  assert.match(await cut.text(), /the folder takes no more/)
  assert.equal(readFileSync(join(data, 'hello.txt'), 'utf8'), 'hello')
  assert.deepEqual(readdirSync(data).sort(), ['hello.txt', 'sub'])
  assert.equal((await put(1000)).status, 204)
})

test('a replaced file stays readable for the users that could read it', async (t) => {
  const { ask, data } = await arrange(t)
  chmodSync(join(data, 'hello.txt'), 0o754)
  assert.equal((await ask('files/data/hello.txt', { method: 'PUT', body: 'new' })).status, 204)
  assert.equal(statSync(join(data, 'hello.txt')).mode & 0o7777, 0o754)
  assert.equal((await ask('files/data/fresh.txt', { method: 'PUT', body: 'new' })).status, 201)
  assert.equal(statSync(join(data, 'fresh.txt')).mode & 0o7777, 0o600)
})

test('a caller that breaks off an upload is no bug of the gateway', async (t) => {
  const { proxyPort, installation } = await arrange(t)
  const leaving = connect(proxyPort, '127.0.0.1')
  leaving.write('PUT /v1/files/data/a.txt HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer weather-token\r\nContent-Length: 100\r\n\r\nabc')
  await eventually('it is decided', () => installation.records().some(({ type }) => type === 'decided'))
  leaving.resetAndDestroy()
  const settled = await eventually('it is settled', () => installation.records().find(({ type }) => type === 'settled'))
  assert.equal(settled['problem'], 'client-closed')
})
