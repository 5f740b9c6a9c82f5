/** Life and death: readiness, drain, signals, and reloads that fail. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { eachCase, until } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, main, manifest, proxyHeader, root, startChild, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { connect } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'
import { openTunnel } from '../support/tunnel.ts'

const compilerTest = await testWith('compiler')

const ask = (originPort: number, path: string, close = true) =>
  `GET http://localhost:${originPort}${path} HTTP/1.1\r\nHost: localhost:${originPort}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n${close ? 'Connection: close\r\n' : ''}\r\n`

test('SIGTERM lets a live reply end, refuses new work, flushes the log and exits 0', async (t) => {
  let finish = () => {}
  const origin = await startOrigin(t, {
    answer(req, res) {
      // What the gateway still lets through before the signal reaches it.
      if (req.url !== '/slow') return void res.end('early')
      res.write('first,')
      finish = () => res.end('last')
    },
  })
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) } })
  const child = await startChild(t, installation)
  const idle = connect(child.proxyPort, '127.0.0.1')
  await new Promise((resolve) => idle.once('connect', resolve))
  const reply = exchangeRaw(child.proxyPort, ask(origin.port, '/slow'))
  await new Promise<void>((resolve) => origin.server.once('request', () => resolve()))

  child.process.kill('SIGTERM')
  const refused = await new Promise<string>((resolve) => {
    // The port closes at once; until it does a new request is told 503.
    const again = (): Promise<void> =>
      exchangeRaw(child.proxyPort, ask(origin.port, '/new')).then(
        (answer) => (answer.includes(' 503 ') ? resolve(answer) : again()),
        (error: NodeJS.ErrnoException) => resolve(String(error.code)),
      )
    void again()
  })
  assert.match(refused, /ECONNREFUSED|ECONNRESET|"code":"draining"/)
  finish()
  assert.match(await reply, /^HTTP\/1.1 200 .*first,.*last/s)
  assert.deepEqual(await child.exited(), { code: 0, signal: null })
  idle.destroy()
  const records = installation.records()
  assert.equal(records.at(-1)?.['type'], 'stopped')
  const decided = records.filter(({ type }) => type === 'decided')
  assert.equal(records.filter(({ type, id }) => type === 'settled' && decided.some((item) => item['id'] === id)).length, decided.length)
})

test('live work that does not end within the drain timeout is cut; a second signal exits at once', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.write('never ends') })
  const installation = createInstallation(t, {
    config: 'drainTimeout: 300ms',
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) },
  })
  const first = await startChild(t, installation)
  const cut = exchangeRaw(first.proxyPort, ask(origin.port, '/slow'))
  await new Promise<void>((resolve) => origin.server.once('request', () => resolve()))
  first.process.kill('SIGTERM')
  assert.deepEqual(await first.exited(), { code: 0, signal: null })
  assert.match(await cut, /never ends/)
  assert.equal(installation.records().findLast(({ type }) => type === 'settled')?.['complete'], false)

  installation.write('sallyport.yaml', installation.read('sallyport.yaml').replace('300ms', '1h'))
  const second = await startChild(t, installation)
  void exchangeRaw(second.proxyPort, ask(origin.port, '/slow')).catch(() => {})
  await new Promise<void>((resolve) => origin.server.once('request', () => resolve()))
  second.process.kill('SIGTERM')
  await new Promise<void>((resolve) => {
    const gone = () => void exchangeRaw(second.proxyPort, 'x').then(gone, () => resolve())
    gone()
  })
  second.process.kill('SIGTERM')
  // One that comes at once is the first again, passed on by who got it too: the gateway is still there behind that time.
  await setTimeout(700)
  assert.equal(second.process.exitCode, null)
  second.process.kill('SIGTERM')
  assert.deepEqual(await second.exited(), { code: 143, signal: null })
})

test('what is cut is settled before the log says that the gateway has stopped', async (t) => {
  const hello = Buffer.from('160301', 'hex')
  // Allowed or denied, nothing has come inside yet, or a part of a handshake.
  await eachCase(
    [
      ['inside.example', ''],
      ['denied.example', ''],
      ['inside.example', hello],
      ['denied.example', hello],
    ] as const,
    async ([host, bytes]) => {
      const manifests = { 'weather.yaml': grant({ network: [{ hosts: ['inside.example'], tls: 'intercept' }] }) }
      const installation = createInstallation(t, { config: 'drainTimeout: 300ms', manifests })
      const { gateway, proxyPort } = await startHere(t, installation)
      const tunnel = await openTunnel(proxyPort, `${host}:443`)
      tunnel.on('error', () => {}).write(bytes)
      await gateway.close()
      const all = installation.records()
      const idsOf = (...types: string[]) => all.flatMap(({ type, id }) => (types.includes(String(type)) ? [id] : [])).toSorted()
      assert.equal(all.at(-1)?.['type'], 'stopped')
      assert.deepEqual(idsOf('settled'), idsOf('decided', 'refused'))
    },
  )
})

test('SIGHUP with a broken manifest leaves the old one deciding, and says so in log, health and metrics', async (t) => {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) } })
  const child = await startChild(t, installation)
  const logged = (text: string) =>
    new Promise<void>((resolve) => {
      const look = () => (child.stderr().includes(text) ? resolve() : void child.process.stderr?.once('data', look))
      look()
    })
  installation.write('integrations/weather.yaml', manifest('weather', 'netwrok: []'))
  child.process.kill('SIGHUP')
  await logged('the last good set stays active')
  assert.match(child.stderr(), /weather\.yaml:6:1 netwrok: unknown key; did you mean \\"network\\"\?/)
  assert.match(await exchangeRaw(child.proxyPort, ask(origin.port, '/')), /^HTTP\/1.1 200 /)
  const health = async (path: string) => (await fetch(`http://127.0.0.1:${child.healthPort}${path}`)).text()
  assert.equal(JSON.parse(await health('/readyz')).checks.manifests, false)
  assert.match(await health('/metrics'), /^sallyport_policy_rejected 1$/m)

  installation.write('integrations/weather.yaml', grant({ network: [] }))
  child.process.kill('SIGHUP')
  await new Promise<void>((resolve) => {
    const look = async () => (JSON.parse(await health('/readyz')).checks.manifests ? resolve() : setImmediate(look))
    void look()
  })
  assert.match(await exchangeRaw(child.proxyPort, ask(origin.port, '/')), /^HTTP\/1.1 403 /)
  assert.ok(installation.records().some(({ type }) => type === 'rejected'))
})

test('a changed manifest is taken up without being told', async (t) => {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant({ network: [] }) } })
  const child = await startChild(t, installation)
  assert.match(await exchangeRaw(child.proxyPort, ask(origin.port, '/')), /^HTTP\/1.1 403 /)
  installation.write('integrations/weather.yaml', grant({ network: [toLocalhost(origin.port)] }))
  let answer = ''
  await until(
    () => !!answer.startsWith('HTTP/1.1 200 '),
    async () => (answer = await exchangeRaw(child.proxyPort, ask(origin.port, '/'))),
  )
})

test('a bad configuration aborts with 78 before any port is bound, with every problem and its place', async (t) => {
  const installation = createInstallation(t)
  installation.write(
    'sallyport.yaml',
    'apiVersion: sallyport/v1\nkind: Gateway\nlistners: []\nhttp:\n  idleTimeout: soon\nadmin: { tcp: { address: "127.0.0.1:1", token: inline } }\n',
  )
  const { code, stderr } = await command(process.execPath, [main, 'run', '--config', installation.configFile])
  assert.equal(code, 78)
  assert.match(stderr, /sallyport\.yaml:3:1 listners: unknown key; did you mean "listeners"\?/)
  assert.match(stderr, /sallyport\.yaml:5:3 http\.idleTimeout: expected a duration such as/)
  assert.match(
    stderr,
    /sallyport\.yaml:6:\d+ admin\.tcp\.token: expected \{ env: NAME \} or \{ file: path \}; a secret is never in this file/,
  )
})

test('a listener for an unknown integration aborts with 78', async (t) => {
  const installation = createInstallation(t, {
    config: 'listeners: [{ name: own, address: "127.0.0.1:0", integration: nobody }]',
    manifests: { 'weather.yaml': grant() },
  })
  const { code, stderr } = await command(process.execPath, [main, 'run', '--config', installation.configFile])
  assert.equal(code, 78, stderr)
  assert.match(stderr, /there is no manifest of "nobody" \(known: weather\)/)
})

compilerTest('SIGHUP with Rego that does not compile leaves the old rules deciding, and says file, line and column', async (t) => {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    config: 'policy: { rules: ./rules }',
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) },
  })
  const { mkdirSync } = await import('node:fs')
  const { join } = await import('node:path')
  mkdirSync(join(installation.folder, 'rules'))
  installation.write(
    'rules/own.rego',
    rego`
      package sallyport.rules

      deny contains "closed" if input.http.path == "/closed"
    `,
  )
  const child = await startChild(t, installation)
  const denied = async () => (await exchangeRaw(child.proxyPort, ask(origin.port, '/closed'))).includes('"reasons":["closed"]')
  assert.equal(await denied(), true)
  assert.match(await exchangeRaw(child.proxyPort, ask(origin.port, '/')), /^HTTP\/1.1 200 /)

  installation.write(
    'rules/own.rego',
    rego`
      package sallyport.rules

      deny contains "closed" if input.http.pth == "/closed"
    `,
  )
  child.process.kill('SIGHUP')
  await until(
    () => !!/rules\/own\.rego:3:\d+: .*undefined ref: input\.http\.pth/.test(child.stderr()),
    () => new Promise((resolve) => child.process.stderr?.once('data', resolve)),
  )
  assert.equal(await denied(), true)

  installation.write('rules/own.rego', rego`package sallyport.rules`)
  child.process.kill('SIGHUP')
  await eventually('the rule is gone', async () => !(await denied()))
  // Built once: a restart takes it from the state folder, without the compiler.
  const { readdirSync } = await import('node:fs')
  assert.ok(readdirSync(join(installation.folder, 'state/policies')).length >= 2)
})

test('through the launcher too, a Ctrl-C that the whole group of the terminal gets is one signal', async (t) => {
  const origin = await startOrigin(t, {
    answer(_req, res) {
      res.write('first,')
      void setTimeout(500).then(() => res.end('last'))
    },
  })
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) } })
  // The machine's own Node, which may be older than the one that the package brings.
  const path = (process.env['PATH'] ?? '').split(':').filter((folder) => !folder.includes('node_modules'))
  const launcher = await startChild(t, installation, {
    command: ['env', `PATH=${path.join(':')}`, join(root, 'bin/sallyport.js')],
    detached: true,
  })
  const reply = exchangeRaw(launcher.proxyPort, ask(origin.port, '/slow'))
  await new Promise<void>((resolve) => origin.server.once('request', () => resolve()))
  process.kill(-(launcher.process.pid as number), 'SIGINT')
  assert.match(await reply, /first,.*last/s)
  assert.deepEqual(await launcher.exited(), { code: 0, signal: null })
  assert.equal(installation.records().at(-1)?.['type'], 'stopped')
})

test('an error that nothing caught ends the gateway in one line, without the secrets that it holds', async (t) => {
  const secret = 'service-credential-0123456789'
  process.env['TEST_FATAL_CREDENTIAL'] = secret
  const installation = createInstallation(t, {
    config: 'services: [{ name: search, url: "http://127.0.0.1:9", headers: { Authorization: { env: TEST_FATAL_CREDENTIAL } } }]',
    manifests: { 'weather.yaml': grant() },
  })
  installation.write('fail.mjs', `process.on('SIGWINCH', () => { throw new Error('broken at Bearer ${secret}') })\n`)
  const child = await startChild(t, installation, {
    command: [process.execPath, '--no-warnings', '--import', join(installation.folder, 'fail.mjs'), main],
  })
  child.process.kill('SIGWINCH')
  assert.deepEqual(await child.exited(), { code: 70, signal: null })
  const last = JSON.parse(child.stderr().trimEnd().split('\n').at(-1) ?? '')
  assert.equal(last.level, 'fatal')
  assert.match(last.err, /^Error: broken at Bearer /)
  assert.equal(child.stderr().includes(secret), false)
})
