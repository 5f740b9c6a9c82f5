/** The operator's side: what is open, what is not, and the commands. */

import assert from 'node:assert/strict'
import { chmodSync, cpSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { walName } from '../../src/records/index.ts'
import { eachCase, times, until } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { createFolder } from '../support/folder.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import {
  createInstallation,
  exchangeRaw,
  type Installation,
  main,
  proxyHeader,
  root,
  startChild,
  startHere,
} from '../support/installation.ts'
import { oldNode } from '../support/machine.ts'
import { startOrigin } from '../support/origin.ts'
import { connect, createServer } from '../support/sockets.ts'

const sallyport = (installation: Installation, ...args: string[]) =>
  command(process.execPath, [main, ...args, '--config', installation.configFile])

test('the health port knows three paths, and they name no secret and no path of the host', async (t) => {
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant() } })
  const { gateway } = await startHere(t, installation)
  const ask = async (path: string, init?: RequestInit) => {
    const res = await fetch(`http://127.0.0.1:${gateway.health.port}${path}`, init)
    return { status: res.status, text: await res.text() }
  }
  assert.equal((await ask('/healthz')).status, 200)
  assert.deepEqual(JSON.parse((await ask('/readyz')).text), {
    ready: true,
    pinned: false,
    checks: { policy: true, manifests: true, audit: true, auditRoom: true, killSwitch: true, draining: false },
  })
  const metrics = await ask('/metrics')
  assert.match(metrics.text, /^sallyport_requests_total\{integration="weather",result="allowed"\} 0$/m)
  assert.ok(!metrics.text.includes(installation.folder))
  await eachCase(['/v1/status', '/v1/usage', '/v1/reload', '/', '/metrics/x', '/debug'], async (path) =>
    assert.equal((await ask(path)).status, 404, path),
  )
  assert.equal((await ask('/v1/reload', { method: 'POST' })).status, 404)
})

test('the operator’s socket is 0600 and answers; on TCP it wants its token and no browser', async (t) => {
  process.env['TEST_ADMIN_TOKEN'] = 'operator-token-0123456789'
  const free = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
  const installation = createInstallation(t, { config: '', manifests: { 'weather.yaml': grant() } })
  installation.write(
    'sallyport.yaml',
    installation
      .read('sallyport.yaml')
      .replace(
        'admin: { health: "127.0.0.1:0" }',
        `admin: { health: "127.0.0.1:0", tcp: { address: "127.0.0.1:${free}", token: { env: TEST_ADMIN_TOKEN } } }`,
      ),
  )
  const { log } = await startHere(t, installation)
  assert.equal(statSync(join(installation.folder, 'state/admin.sock')).mode & 0o777, 0o600)
  assert.equal(statSync(join(installation.folder, 'state')).mode & 0o777, 0o700)
  const status = await new Promise<number | undefined>((resolve) =>
    request({ socketPath: join(installation.folder, 'state/admin.sock'), path: '/v1/status' }, (res) =>
      resolve(res.resume().statusCode),
    ).end(),
  )
  assert.equal(status, 200)
  const tcp = async (headers: Record<string, string>) => (await fetch(`http://127.0.0.1:${free}/v1/status`, { headers })).status
  assert.equal(await tcp({}), 401)
  assert.equal(await tcp({ authorization: 'Bearer wrong' }), 401)
  assert.equal(await tcp({ authorization: 'Bearer operator-token-0123456789' }), 200)
  assert.equal(await tcp({ authorization: 'Bearer operator-token-0123456789', origin: 'http://evil.example' }), 403)
  assert.ok(!log.join('').includes('operator-token'))
})

test('audit tail, audit verify, usage, status and reload show what happened', async (t) => {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    manifests: {
      'weather.yaml': grant({
        network: [toLocalhost(origin.port, { paths: ['/v1/**'] })],
        limits: { requests: { rate: '1/h', burst: 1 } },
      }),
    },
  })
  const { proxyPort } = await startHere(t, installation)
  const ask = (path: string) =>
    exchangeRaw(
      proxyPort,
      `GET http://localhost:${origin.port}${path} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
    )
  assert.match(await ask('/v1/a?token=very-secret'), / 200 /)
  assert.match(await ask('/admin'), / 403 /)
  assert.match(await ask('/v1/b'), /^HTTP\/1.1 429 .*retry-after: 3600\r\n.*ratelimit: "requests";r=0;t=3600/s)
  await until(
    () => !(installation.records().filter(({ type }) => type === 'settled').length < 3),
    () => new Promise((resolve) => setImmediate(resolve)),
  )

  const tail = await sallyport(installation, 'audit', 'tail')
  assert.match(tail.stdout, /weather {2}ALLOW {2}GET http:\/\/localhost:\d+\/v1\/a\?token=\[redacted\] {2}default\/network\/0 {2}200/)
  assert.match(tail.stdout, /weather {2}DENY {2}GET http:\/\/localhost:\d+\/admin {2}default\/deny {2}403/)
  assert.match(tail.stdout, /429 quota-exceeded/)
  const verify = await sallyport(installation, 'audit', 'verify')
  assert.equal(verify.code, 0)
  assert.match(verify.stdout, /^OK: \d+ records, the tree holds/)
  const usage = await sallyport(installation, 'usage')
  assert.match(usage.stdout, /requests {2}1 allowed, 1 denied, 1 limited, 0 refused, 0 failed, 0 aborted/)
  assert.match(usage.stdout, /requests\s+0(?:\.\d+)?\s+1\s+0\s+1\s+1\s+1/)
  const [report] = JSON.parse((await sallyport(installation, 'usage', '--json')).stdout)
  assert.equal(report.receivedBytes, 5)
  assert.ok(report.latencyMs.p50 > 0)
  assert.match((await sallyport(installation, 'status')).stdout, /"revision": "[0-9a-f]{12}-[0-9a-f]{12}"/)
  assert.match((await sallyport(installation, 'reload')).stdout, /^active: revision/)
  installation.write('integrations/bad.yaml', 'kind: nonsense')
  const rejected = await sallyport(installation, 'reload')
  assert.equal(rejected.code, 1)
  assert.match(rejected.stderr, /rejected; revision .* stays active:\n.*bad\.yaml:1:1/)
})

test('a flood of refusals is limited, and recorded in sums', async (t) => {
  const installation = createInstallation(t, {
    config: 'limits: { arrivals: { rate: 1/h, burst: 3 } }',
    manifests: { 'weather.yaml': grant() },
  })
  const { proxyPort, gateway } = await startHere(t, installation)
  const codes: string[] = []
  await times(10, async () =>
    codes.push(
      (
        await exchangeRaw(
          proxyPort,
          `GET http://localhost:1/ HTTP/1.1\r\nHost: localhost:1\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
        )
      ).slice(9, 12),
    ),
  )
  assert.deepEqual(codes, ['403', '403', '403', ...Array.from({ length: 7 }, () => '429')])
  const limited = await exchangeRaw(
    proxyPort,
    `GET http://localhost:1/ HTTP/1.1\r\nHost: localhost:1\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
  )
  assert.ok(Number(/retry-after: (\d+)/i.exec(limited)?.[1]) > 3500, limited)
  await times(6, () => exchangeRaw(proxyPort, 'GET http://localhost:1/ HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n'))
  await gateway.close()
  const records = installation.records()
  assert.equal(records.filter(({ type }) => type === 'decided').length, 3)
  const sums = records.filter(({ type }) => type === 'summed')
  assert.equal(
    sums.filter(({ who }) => who === 'weather').reduce((sum, { count }) => sum + Number(count), 0),
    8,
  )
  assert.equal(
    sums.filter(({ who }) => who === 'peer 127.0.0.1').reduce((sum, { count }) => sum + Number(count), 0),
    3,
  )
})

test('when the log breaks every request is 503, nothing of a reply leaves, and the gateway is not ready', async (t) => {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    config: 'audit: { maxSegment: 1KiB }',
    manifests: {
      'weather.yaml': grant({ network: [toLocalhost(origin.port)] }),
    },
  })
  const { proxyPort, gateway } = await startHere(t, installation)
  const ask = () =>
    exchangeRaw(
      proxyPort,
      `GET http://localhost:${origin.port}/ HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
    )
  assert.match(await ask(), / 200 /)
  // The next rotation cannot make its file: something else has the name.
  const { mkdirSync } = await import('node:fs')
  const next = installation.records().length + 1
  times(100, (nth) => mkdirSync(join(installation.folder, 'state/audit/wal', walName(next + nth))))
  let reply = ''
  await until(
    () => reply.includes(' 503 '),
    async () => {
      reply = await ask()
    },
  )
  assert.match(reply, /^HTTP\/1.1 503 .*"code":"audit-unavailable"/s)
  assert.ok(!reply.includes('hello'))
  assert.equal((await fetch(`http://127.0.0.1:${gateway.health.port}/readyz`)).status, 503)
})

test('doctor says what is wrong before the start, and that nothing is', async (t) => {
  const installation = createInstallation(t, {
    manifests: { 'weather.yaml': grant({ files: [{ name: 'data', root: './absent', actions: ['read'] }] }) },
  })
  const good = await sallyport(installation, 'doctor')
  assert.equal(good.code, 0, good.stdout)
  assert.match(good.stdout, /^ok {4}policy +revision /m)
  assert.match(good.stdout, /^warn {2}files +not there: /m)
  installation.write('short', 'abc\n')
  installation.write(
    'with-secret.yaml',
    `${installation.read('sallyport.yaml')}services: [{ name: s, url: "http://127.0.0.1:1", headers: { X-Key: { file: ./short } } }]\n`,
  )
  const short = await command(process.execPath, [main, 'doctor', '--config', join(installation.folder, 'with-secret.yaml')])
  assert.match(short.stdout, /^warn {2}secrets +1 of 1 are shorter than 6 characters, and are not masked anywhere/m)
  const child = await startChild(t, installation)
  chmodSync(join(installation.folder, 'state'), 0o777)
  installation.write('sallyport.yaml', installation.read('sallyport.yaml').replace('"127.0.0.1:0" }]', `"127.0.0.1:${child.proxyPort}" }]`))
  installation.write('integrations/weather.yaml', 'apiVersion: sallyport/v1\nkind: Integration\nname: Weather\n')
  const bad = await sallyport(installation, 'doctor')
  assert.equal(bad.code, 1)
  assert.match(
    bad.stdout,
    /^FAIL {2}manifests [\s\S]*weather\.yaml:1:1 owner: is missing; expected text\n[\s\S]*weather\.yaml:3:1 name: expected a name of lower-case/m,
  )
  assert.match(bad.stdout, /^FAIL {2}state folder .*chmod 700/m)
  assert.match(bad.stdout, /^FAIL {2}ports .*taken \(does the gateway run already\?\)/m)
})

test('commands explain a gateway that does not run, a missing configuration, and a wrong word', async (t) => {
  const installation = createInstallation(t)
  const usage = await sallyport(installation, 'usage')
  assert.equal(usage.code, 69)
  assert.match(usage.stderr, /the gateway is not running; start it with "sallyport run"/)
  const missing = await command(process.execPath, [main, 'check', '--config', '/nowhere.yaml'])
  assert.equal(missing.code, 78)
  assert.match(missing.stderr, /\/nowhere\.yaml: cannot be read: ENOENT/)
  const wrong = await command(process.execPath, [main, 'usge'])
  assert.equal(wrong.code, 64)
  assert.match(wrong.stderr, /Did you mean usage\?/)
  assert.equal((await sallyport(installation, 'audit', 'verify')).code, 69)
})

test('env prints what clients need, quoted for a shell, and token what a manifest needs', async (t) => {
  const installation = createInstallation(t, {
    config: 'listeners: [{ name: proxy, address: "127.0.0.1:3128" }]',
    manifests: { 'weather.yaml': grant() },
  })
  const { stdout } = await command(
    'sh',
    [
      '-c',
      `eval "$(${process.execPath} ${main} env weather --config ${installation.configFile})"; echo "$https_proxy $NODE_USE_ENV_PROXY $GIT_SSL_CAINFO"`,
    ],
    { env: { ...process.env, SALLYPORT_TOKEN: "it's" } },
  )
  assert.equal(stdout.trim(), `http://weather:it%27s@127.0.0.1:3128 1 ${join(installation.folder, 'state/ca/bundle.crt')}`)
  const made = await command(process.execPath, [main, 'token', 'weather'])
  const [, token = '', , sha256 = ''] = /\n {2}(\S+)\n(.*)sha256: (\S+)/s.exec(made.stdout) ?? []
  const { hash } = await import('node:crypto')
  assert.equal(hash('sha256', token), sha256)

  await eachCase(
    [
      [['env', 'weather', '--token-file', '/nowhere'], /^--token-file \/nowhere: cannot be read: ENOENT\n$/m],
      [['env', 'weather', '--token-file', '/dev/null'], /^--token-file \/dev\/null: is empty\n$/m],
      [
        ['env', 'weather', '--token-file', installation.configFile],
        /^--token-file \/.*sallyport\.yaml: holds more than one line; expected the token alone\n$/m,
      ],
      [['env', 'nobody'], /^there is no integration "nobody" \(known: weather\)\n$/m],
    ] as const,
    async ([args, said]) => {
      const { code, stderr } = await sallyport(installation, ...args)
      assert.equal(code, 64, args.join(' '))
      assert.match(stderr, said)
    },
  )
  const anyPort = createInstallation(t, { manifests: { 'weather.yaml': grant() } })
  const { stderr } = await sallyport(anyPort, 'env', 'weather')
  assert.match(stderr, /^listener "proxy" takes a new port at each start: put the one that the gateway tells in place of 0$/m)
  assert.match(stderr, /bundle\.crt is made when the gateway first starts/)
  assert.match((await command(process.execPath, [main, 'token', 'Bad Name'])).stderr, /^"Bad Name": expected a name of lower-case letters/m)
})

test('the command starts on the machine’s own Node and on the package’s, and writes nothing but its own words', async () => {
  const own = `PATH=$(echo "$PATH" | tr ':' '\\n' | grep -v node_modules | paste -sd:) `
  await eachCase([own, `${process.execPath} `], async (node) => {
    const { stdout, code, stderr } = await command('sh', ['-c', `${node}${join(root, 'bin/sallyport.js')} token weather`])
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^into the manifest of "weather":$/m)
    assert.equal(stderr, '')
  })
})

test('a checkout whose packages are not installed says so in one line, on whatever Node', async (t) => {
  const folder = createFolder(t)
  eachCase(['bin', 'src', 'package.json'], (name) => {
    cpSync(join(root, name), join(folder, name), { recursive: true })
  })
  const nodes = [process.execPath, oldNode()?.programs['node']].filter((path) => path !== undefined)
  await eachCase(nodes, async (node) => {
    const { code, stdout, stderr } = await command(node, [join(folder, 'bin/sallyport.js'), 'demo'])
    assert.deepEqual([code, stdout], [70, ''], stderr)
    assert.match(stderr, new RegExp(`^.* not installed: run "npm ci" in ${folder}.*\n$`))
  })
})

test('a folder of manifests that is not there is told as that, with what to do', async (t) => {
  const installation = createInstallation(t)
  rmSync(join(installation.folder, 'integrations'), { recursive: true })
  await eachCase([['check'], ['run']], async (words) => {
    const { code, stdout, stderr } = await sallyport(installation, ...words)
    assert.deepEqual([code, stdout], [78, ''], stderr)
    assert.match(stderr, /^\S+\/integrations: is not there: make the folder, or name another one by "integrations"$/m)
    // Nothing went wrong in the code.
    assert.doesNotMatch(stderr, /\.ts:\d/)
  })
})

test('a command without a configuration is told to name one, and takes no other', async (t) => {
  const { folder } = createInstallation(t, { manifests: {} })
  const env = { ...process.env }
  delete env['SALLYPORT_CONFIG']
  const commands = [
    'run',
    'check',
    'status',
    'usage',
    'reload',
    'audit tail',
    'audit verify',
    'policy list',
    'policy check',
    'policy replay',
    'env weather',
  ]
  await eachCase(commands, async (words) => {
    const { code, stderr, stdout } = await command(process.execPath, [main, ...words.split(' ')], {
      cwd: join(folder, 'integrations'),
      env,
    })
    assert.deepEqual([code, stdout], [78, ''], words)
    assert.match(stderr, /^sallyport\.yaml: there is none in this folder\. Name one with --config FILE or SALLYPORT_CONFIG /m, words)
  })
})

test('an operator that ends its side behind its request is told what came of it', async (t) => {
  const installation = createInstallation(t)
  await startHere(t, installation)
  const socket = connect({ path: join(installation.folder, 'state/admin.sock'), allowHalfOpen: true })
  socket.end('POST /v1/reload HTTP/1.1\r\nHost: gateway\r\n\r\n')
  assert.match(await text(socket), /^HTTP\/1\.1 200 .*"ok":true/s)
})
