/** What an integration that is suspended or killed can still do: nothing, through whichever door, however far its work has come. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { type RequestListener, request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex, Writable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { loadConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { askAdmin, bearer, startAdminGateway } from '../support/admin-gateway.ts'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { openSession } from '../support/http2.ts'
import { createInstallation, exchangeRaw, type Installation, main, proxyHeader, startChild, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { connect } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'
import { openInside, openTunnel } from '../support/tunnel.ts'

const compilerTest = await testWith('compiler')

const ask = ({ folder }: Installation, method: 'GET' | 'POST', path: string) =>
  askGateway(join(folder, 'state/admin.sock'), method, `/v1/${path}`).then(({ status, body }) => ({
    status,
    body: body as Record<string, unknown>,
  }))

const chunk = Buffer.alloc(4 * 1024, 'x')

/** Writes until it is closed. */
function flow(to: Writable): void {
  const writing = setInterval(() => to.write(chunk), 10)
  to.on('close', () => clearInterval(writing))
}

/** An origin that sends for ever where it is asked for `/down`, and takes what is sent to `/up`. */
async function arrange(t: TestContext) {
  const counted = { up: 0, open: 0 }
  const answer: RequestListener = (req, res) => {
    counted.open += 1
    req.on('data', ({ length }: Buffer) => {
      counted.up += length
    })
    res.on('close', () => {
      counted.open -= 1
    })
    if (req.url?.endsWith('/down') === true) flow(res)
    else if (req.url?.endsWith('/up') !== true) res.end('hello')
  }
  const installation = createInstallation(t)
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const plain = await startOrigin(t, { answer })
  const secure = await startOrigin(t, { certificate, answer })
  const service = `services: [{ name: s, url: "http://localhost:${plain.port}" }]`
  installation.write('sallyport.yaml', `${installation.read('sallyport.yaml')}http: { originCa: ./origin-ca.crt }\n${service}\n`)
  const granted: Parameters<typeof grant>[0] = {
    network: [
      toLocalhost(plain.port),
      toLocalhost(secure.port, { tls: 'intercept' }),
      { hosts: ['127.0.0.1'], ports: [plain.port], tls: 'tunnel', addresses: ['127.0.0.0/8'] },
    ],
    services: [{ name: 's' }],
    files: [{ name: 'data', root: join(installation.folder, 'data'), actions: ['read', 'write'] }],
  }
  mkdirSync(join(installation.folder, 'data'))
  writeFileSync(join(installation.folder, 'data/down'), Buffer.alloc(64 * 1024 * 1024))
  installation.write('integrations/weather.yaml', grant(granted))
  installation.write('integrations/other.yaml', grant({ name: 'other', network: [toLocalhost(plain.port)] }))
  const { proxyPort } = await startHere(t, installation)
  const auth = { 'proxy-authorization': proxyHeader('weather') }
  const http1 =
    (method: string, path: string, { over = undefined as (() => Promise<Duplex>) | undefined, port = plain.port } = {}) =>
    async () => {
      const socket = over === undefined ? connect(proxyPort, '127.0.0.1') : await over()
      const req = request({ method, path, headers: { host: `localhost:${port}`, ...auth }, createConnection: () => socket as Socket })
      req.on('error', () => {}).on('response', (res) => res.on('error', () => {}).on('data', () => path.includes('/files/') && res.pause()))
      if (method === 'GET') req.end()
      else flow(req)
    }
  const http2 = (method: string, path: string) => async () => {
    const session = await openSession(t, installation, { proxyPort, port: secure.port })
    const stream = session.request({ ':method': method, ':path': path }, { endStream: method === 'GET' })
    stream.on('error', () => {}).resume()
    if (method !== 'GET') flow(stream)
  }
  const inside = { over: () => openInside(installation, { proxyPort, port: secure.port }), port: secure.port }
  const tunnel = (bytes: string) => async () => {
    const socket = await openTunnel(proxyPort, `127.0.0.1:${plain.port}`)
    socket.on('error', () => {}).resume()
    socket.write(bytes)
    if (bytes.startsWith('POST')) flow(socket)
  }
  const begin: Readonly<Record<string, () => Promise<unknown>>> = {
    'proxy, down': http1('GET', `http://localhost:${plain.port}/down`),
    'proxy, up': http1('POST', `http://localhost:${plain.port}/up`),
    'service, down': http1('GET', '/services/s/down'),
    'service, up': http1('POST', '/services/s/up'),
    'interception, down': http1('GET', '/down', inside),
    'interception, up': http1('POST', '/up', inside),
    'interception with HTTP/2, down': http2('GET', '/down'),
    'interception with HTTP/2, up': http2('POST', '/up'),
    'tunnel, down': tunnel('GET /down HTTP/1.1\r\nHost: a\r\n\r\n'),
    'tunnel, up': tunnel(`POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${2 ** 40}\r\n\r\n`),
    'file, down': http1('GET', '/v1/files/data/down'),
    'file, up': http1('PUT', '/v1/files/data/up'),
  }
  return { installation, counted, begin, proxyPort, plain, auth }
}

for (const [state, code] of [
  ['suspended', 'suspended'],
  ['killed', 'killed'],
] as const)
  test(`an integration that is ${state} gets not one byte further, whatever is under way and through whichever door`, async (t) => {
    const { installation, counted, begin, proxyPort, plain } = await arrange(t)
    await Promise.all(Object.values(begin).map((start) => start()))
    await eventually('all is under way', () => counted.open === 10)
    const { status, body } = await ask(installation, 'POST', `integrations/weather/contain?state=${state}&reason=drill`)
    assert.deepEqual([status, body['state'], body['by']], [200, state, 'socket'])
    await eventually('its origins are left', () => counted.open === 0)
    const after = counted.up
    const refused = await exchangeRaw(
      proxyPort,
      `GET http://localhost:${plain.port}/ HTTP/1.1\r\nHost: a\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
    )
    assert.match(
      refused,
      new RegExp(`^HTTP/1\\.1 403 ${code}\r\n[^]*"detail":"an operator has ${code} this integration"[^]*"containment":"${state}"`),
    )
    assert.equal(counted.up, after)
    const settled = () => installation.records().filter(({ type, complete }) => type === 'settled' && complete === false)
    // The two tunnels that are intercepted end with what was in them.
    await eventually('all is settled', () => settled().length >= Object.keys(begin).length)
    assert.deepEqual([...new Set(settled().map(({ problem }) => problem))], [code])
    const [record] = installation.records().filter(({ type }) => type === 'containment')
    assert.deepEqual(
      [record?.['integration'], record?.['change'], record?.['before'], record?.['state'], record?.['reason'], record?.['by']],
      ['weather', 'set', 'normal', state, 'drill', 'socket'],
    )
  })

test('on a connection that carries requests of two integrations only those of the suspended one end', async (t) => {
  const { installation, proxyPort, plain, counted } = await arrange(t)
  const session = connectHttp2(`http://127.0.0.1:${proxyPort}`).on('error', () => {})
  t.after(() => session.destroy())
  const down = (name: string) => {
    const stream = session.request({
      ':method': 'GET',
      ':scheme': 'http',
      ':authority': `localhost:${plain.port}`,
      ':path': '/down',
      'proxy-authorization': proxyHeader(name),
    })
    return stream.on('error', () => {}).resume()
  }
  const suspended = down('weather')
  await once(suspended, 'response')
  const other = down('other')
  await once(other, 'response')
  const closed = once(suspended, 'close').catch(() => {})
  await ask(installation, 'POST', 'integrations/weather/suspend')
  await closed
  assert.notEqual(suspended.rstCode, 0)
  await once(other, 'data')
  assert.equal(counted.open, 1)
})

test('what an integration is held in shows to itself, in its problems and on the record of each decision', async (t) => {
  const { installation, proxyPort } = await arrange(t)
  await ask(installation, 'POST', 'integrations/weather/contain?state=watched&reason=secret')
  const get = (path: string) =>
    exchangeRaw(proxyPort, `GET ${path} HTTP/1.1\r\nHost: a\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`)
  const self = await get('/v1/self')
  assert.match(self, /"containment": \{\s*"state": "watched",\s*"since": "[^"]+",\s*"until": null\s*\}/)
  assert.doesNotMatch(self, /secret/)
  assert.match(await get('http://denied.example/'), /"containment":"watched"/)
  const decided = installation.records().filter(({ type }) => type === 'decided')
  assert.deepEqual(
    decided.map(({ containment }) => containment),
    ['watched', 'watched'],
  )
  await eachCase(['lift', 'resume'], async (act) => {
    const { status } = await ask(installation, 'POST', `integrations/other/${act}`)
    assert.equal(status, 422)
  })
  await ask(installation, 'POST', 'integrations/weather/lift')
  assert.match(await get('/v1/self'), /"containment": \{\s*"state": "normal"\s*\}/)
  assert.deepEqual((await ask(installation, 'GET', 'containment')).body['integrations'], [])
})

/** The plain way through the proxy, and how it was answered. */
const statusOf = async (proxyPort: number, url: string, name = 'weather') =>
  Number(
    (
      await exchangeRaw(
        proxyPort,
        `GET ${url} HTTP/1.1\r\nHost: a\r\nProxy-Authorization: ${proxyHeader(name)}\r\nConnection: close\r\n\r\n`,
      )
    ).slice(9, 12),
  )

compilerTest('rules see the state, and what is open is evaluated again when it changes', async (t) => {
  const origin = await startOrigin(t)
  const rules = 'package sallyport.rules\n\ndeny contains "only while nobody watches" if input.context.containment == "watched"\n'
  const tunnelled = { hosts: ['127.0.0.1'], ports: [origin.port], tls: 'tunnel' as const, addresses: ['127.0.0.0/8'] }
  const installation = createInstallation(t, {
    config: 'policy: { rules: ./rules }',
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port), tunnelled] }) },
  })
  mkdirSync(join(installation.folder, 'rules'))
  installation.write('rules/a.rego', rules)
  const { proxyPort } = await startHere(t, installation)
  const tunnel = await openTunnel(proxyPort, `127.0.0.1:${origin.port}`)
  const closed = once(
    tunnel.on('error', () => {}),
    'close',
  )
  const url = `http://localhost:${origin.port}/`
  assert.equal(await statusOf(proxyPort, url), 200)
  await ask(installation, 'POST', 'integrations/weather/contain?state=watched')
  await closed
  assert.equal(await statusOf(proxyPort, url), 403)
  await ask(installation, 'POST', 'integrations/weather/lift')
  assert.equal(await statusOf(proxyPort, url), 200)
})

test('a throttled integration has the configured share of its rates and its concurrency, over a restart too', async (t) => {
  const origin = await startOrigin(t)
  const limits = { requests: { rate: '1/s', burst: 100 }, concurrency: 50 }
  const installation = createInstallation(t, {
    config: 'containment: { throttle: 0.02 }',
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)], limits }) },
  })
  const first = await startHere(t, installation)
  const bucketsOf = async (proxyPort: number) => {
    const reply = await exchangeRaw(
      proxyPort,
      `GET /v1/self HTTP/1.1\r\nHost: a\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
    )
    const { buckets } = JSON.parse(reply.slice(reply.indexOf('{'))) as {
      buckets: readonly { bucket: string; refillPerSecond: number; capacity: number; level: number }[]
    }
    return Object.fromEntries(buckets.map((bucket) => [bucket.bucket, bucket]))
  }
  await ask(installation, 'POST', 'integrations/weather/contain?state=throttled')
  const throttled = await bucketsOf(first.proxyPort)
  assert.deepEqual(
    [throttled['requests']?.refillPerSecond, throttled['requests']?.capacity, throttled['concurrency']?.capacity],
    [0.02, 100, 1],
  )
  assert.ok((throttled['requests']?.level ?? 100) < 3, 'what was in the bucket is cut as well')
  const url = `http://localhost:${origin.port}/`
  await eachCase(['a', 'b'], () => statusOf(first.proxyPort, url))
  assert.equal(await statusOf(first.proxyPort, url), 429)
  await first.gateway.close()
  const again = await startHere(t, installation)
  assert.equal((await bucketsOf(again.proxyPort))['requests']?.refillPerSecond, 0.02)
  await ask(installation, 'POST', 'integrations/weather/lift')
  assert.equal((await bucketsOf(again.proxyPort))['requests']?.refillPerSecond, 1)
})

test('a kill that needs approval waits for a second operator, and so does its end', async (t) => {
  const { installation, adminPort } = await startAdminGateway(
    t,
    {
      config: 'containment: { approval: [killed, lift] }',
      manifests: { 'weather.yaml': grant() },
      admin: 'tokens: [{ name: alice, role: operator, token: { file: ./alice } }, { name: bob, role: operator, token: { file: ./bob } }]',
    },
    async ({ write }) => {
      write('alice', 'token-of-the-first-operator')
      write('bob', 'token-of-the-second-operator')
    },
  )
  const post = async (token: string, act: string) => {
    const answered = await askAdmin(adminPort, `/v1/integrations/weather/${act}`, { method: 'POST', headers: bearer(token) })
    return { ...(JSON.parse(answered.text) as { state?: string; problem?: string }), status: answered.status }
  }
  const [alice, bob] = ['token-of-the-first-operator', 'token-of-the-second-operator'] as const
  assert.equal((await post(alice, 'contain?state=killed&reason=stolen')).state, 'suspended')
  const alone = await post(alice, 'approve')
  assert.deepEqual([alone.status, /^token alice has asked for this/.test(alone.problem ?? '')], [422, true])
  assert.equal((await post(bob, 'approve')).state, 'killed')
  assert.equal((await post(alice, 'lift')).state, 'killed')
  assert.equal((await post(bob, 'approve')).state, 'normal')
  assert.deepEqual(
    installation
      .records()
      .filter(({ type }) => type === 'containment')
      .map(({ change, before, state, asked, by }) => [change, before, state, asked, by]),
    [
      ['requested', 'normal', 'suspended', 'killed', 'token alice'],
      ['approved', 'suspended', 'killed', undefined, 'token bob'],
      ['requested', 'killed', 'killed', 'normal', 'token alice'],
      ['approved', 'killed', 'normal', undefined, 'token bob'],
    ],
  )
})

test('the kill switch needs no API: a file stops what it names, and only its removal and an operator’s act end that', async (t) => {
  const { installation, proxyPort, plain, counted, begin } = await arrange(t)
  const url = `http://localhost:${plain.port}/`
  await begin['proxy, up']?.()
  await eventually('it is under way', () => counted.open === 1)
  installation.write('state/kill', '# by night\nweather\nnobody\n')
  await eventually('it is cut', () => counted.open === 0)
  assert.equal(await statusOf(proxyPort, url), 403)
  const lift = () => ask(installation, 'POST', 'integrations/weather/lift')
  assert.match(String((await lift()).body['problem']), /the kill switch names "weather": remove that from its file first/)
  rmSync(join(installation.folder, 'state/kill'))
  assert.equal(await statusOf(proxyPort, url), 403, 'what it has killed stays so')
  assert.equal((await lift()).status, 200)
  assert.equal(await statusOf(proxyPort, url), 200)
  const [{ reason, by } = {}] = installation.records().filter(({ type }) => type === 'containment')
  assert.deepEqual([reason, by], [`named in ${join(installation.folder, 'state/kill')}`, 'kill-file'])
})

test('a kill file that was there before the start holds from the first request, and SIGUSR2 kills everything', async (t) => {
  const origin = await startOrigin(t)
  const network = [toLocalhost(origin.port)]
  const manifests = { 'weather.yaml': grant({ network }), 'other.yaml': grant({ name: 'other', network }) }
  const installation = createInstallation(t, { manifests })
  const url = `http://localhost:${origin.port}/`
  mkdirSync(join(installation.folder, 'state'), { mode: 0o700 })
  installation.write('state/kill', 'weather\n')
  const child = await startChild(t, installation)
  assert.equal(await statusOf(child.proxyPort, url), 403)
  assert.equal(await statusOf(child.proxyPort, url, 'other'), 200)
  rmSync(join(installation.folder, 'state/kill'))
  child.process.kill('SIGUSR2')
  await eventually('everything is killed', async () => (await statusOf(child.proxyPort, url, 'other')) === 403)
  await ask(installation, 'POST', 'integrations/*/lift')
  assert.equal(await statusOf(child.proxyPort, url, 'other'), 200)
  assert.equal(await statusOf(child.proxyPort, url), 403)
  await ask(installation, 'POST', 'integrations/weather/lift')
  assert.equal(await statusOf(child.proxyPort, url), 200)
})

test('the commands hold, approve, lift and list, and refuse what there is not', async (t) => {
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant(), 'list.yaml': grant({ name: 'list' }) } })
  await startHere(t, installation)
  const run = (...words: string[]) => command(process.execPath, ['--no-warnings', main, ...words, '--config', installation.configFile])
  const held = await run('contain', 'weather', 'throttled', '--for', '1h', '--reason', 'drill\u001b[2J')
  assert.match(held.stdout, /^weather: throttled since \S+Z until \S+Z, by socket: drill\\u001b\[2J\n$/)
  assert.match((await run('contain', 'list')).stdout, /^weather: throttled since [^\n]+\n$/)
  assert.equal(JSON.parse((await run('contain', 'list', '--json')).stdout)[0].integration, 'weather')
  assert.deepEqual(JSON.parse((await run('status')).stdout).containment, { weather: 'throttled' })
  assert.match((await run('usage')).stdout, /^weather\n {2}state {5}throttled$/m)
  assert.match((await run('contain', 'set', 'list', 'watched')).stdout, /^list: watched since/)
  await eachCase(
    [
      [['list', 'suspended'], 64, 'list'],
      [['set', 'suspended'], 64, 'set'],
      [['lift', 'suspended'], 1, 'lift'],
      [['approve', 'killed'], 1, 'approve'],
    ] as const,
    async ([words, code, name]) => {
      const refused = await run('contain', ...words)
      assert.equal(refused.code, code)
      assert.ok(refused.stderr.includes(`to hold an integration that is called "${name}": sallyport contain set ${name} ${words[1]}`))
    },
  )
  assert.equal((await run('contain', 'lift', 'weather')).stdout, 'weather: normal\n')
  await eachCase(
    [
      [['contain', 'wether', 'killed'], 1, /^there is no integration "wether"; known are: list, weather$/m],
      [['contain', 'weather', 'frozen'], 64, /'frozen' is invalid.*Allowed choices are normal, watched, throttled, suspended, killed/],
      [['contain', 'Weather', 'killed'], 64, /^"Weather": expected a name of lower-case letters/],
      [['contain', 'weather', 'killed', '--for', 'long'], 64, /^--for long: /],
      [['contain', 'approve', 'weather'], 1, /^nothing of "weather" waits for approval$/m],
      [['contain', 'lift', '*'], 1, /^nothing has stopped everything$/m],
    ] as const,
    async ([words, code, told]) => {
      const refused = await run(...words)
      assert.equal(refused.code, code, refused.stderr)
      assert.match(refused.stderr, told)
    },
  )
})

compilerTest('what rules ask outside in the name of an integration that is suspended ends as well', async (t) => {
  const waiting = { open: 0 }
  const origin = await startOrigin(t, {
    answer(_req, res) {
      waiting.open += 1
      res.on('close', () => {
        waiting.open -= 1
      })
    },
  })
  const url = `http://localhost:${origin.port}/`
  const installation = createInstallation(t, {
    config: 'policy: { rules: ./rules, grants: { builtins: [http.send], integration: asker, timeout: 1h } }',
    manifests: {
      'weather.yaml': grant({ network: [toLocalhost(origin.port)] }),
      'asker.yaml': grant({ name: 'asker', network: [toLocalhost(origin.port, { timeout: '1h' })] }),
    },
  })
  mkdirSync(join(installation.folder, 'rules'))
  installation.write(
    'rules/a.rego',
    `package sallyport.rules\n\ndeny contains "no" if {\n\tinput.request.door != "policy"\n\thttp.send({"method": "GET", "url": "${url}"}).status_code != 200\n}\n`,
  )
  const { proxyPort } = await startHere(t, installation)
  const answered = statusOf(proxyPort, url)
  await eventually('the rules have asked', () => waiting.open === 1)
  await ask(installation, 'POST', 'integrations/asker/suspend')
  assert.equal(await answered, 403)
  await eventually('the origin is left', () => waiting.open === 0)
  const [{ problem } = {}] = installation.records().filter(({ type }) => type === 'settled')
  assert.equal(problem, 'suspended')
})

test('suspensions that an earlier version kept are taken over once, and a file that is missing since is said', async (t) => {
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant() } })
  const first = await startHere(t, installation)
  await first.gateway.close()
  const suspension = { since: '2026-01-01T00:00:00.000Z', until: null, reason: 'flood' }
  const access = { ...JSON.parse(installation.read('state/access.json')), suspended: { weather: suspension } }
  installation.write('state/access.json', JSON.stringify(access))
  rmSync(join(installation.folder, 'state/containment.json'))
  const second = await startHere(t, installation)
  const { body } = await ask(installation, 'GET', 'status')
  assert.deepEqual([body['suspended'], body['containment']], [{ weather: suspension }, { weather: 'suspended' }])
  assert.equal('suspended' in JSON.parse(installation.read('state/access.json')), false)
  await second.gateway.close()
  rmSync(join(installation.folder, 'state/containment.json'))
  const lines: string[] = []
  const gateway = await startGateway(loadConfig(installation.configFile), { logTo: { write: (line) => void lines.push(line) } })
  t.after(() => gateway.close())
  assert.match(lines.join(''), /what integrations were held in is not there any more: none is contained/)
})
