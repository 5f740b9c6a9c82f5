/** Who comes in is said by the newest manifests alone, whatever is in force of what they may do; and an operator can suspend them. */

import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { installationWithRules, sallyport as policyCommand } from '../support/author.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import { exchangeRaw, type Installation, main, manifest, portOf, type Running, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { connect } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'
import { openTunnel, readAll } from '../support/tunnel.ts'

const compilerTest = await testWith('compiler')

const sallyport = (installation: Installation, ...args: string[]) =>
  command(process.execPath, ['--no-warnings', main, ...args, '--config', installation.configFile])

async function arrange(t: TestContext, { config = '' } = {}) {
  const origin = await startOrigin(t, {
    answer(req, res) {
      if (req.url === '/slow') return void res.write('a part of it')
      res.end('hello')
    },
  })
  const rest = (more = '') =>
    `network:\n  - { hosts: [localhost], ports: [${origin.port}], tls: none, addresses: [127.0.0.0/8, "::1/128"] }\n  - { hosts: [127.0.0.1], ports: [${origin.port}], tls: tunnel, addresses: [127.0.0.0/8, "::1/128"] }\n${more}`
  /** Known by `token`; of weather unless another is named. */
  const text = (token: string, more = '', name = 'weather') => manifest(name, rest(more)).replace(/[0-9a-f]{64}/, hash('sha256', token))
  const installation = installationWithRules(t, { 'weather.yaml': text('weather-token'), 'other.yaml': grant({ name: 'other' }) }, config)
  const write = (token: string, more = '') => installation.write('integrations/weather.yaml', text(token, more))
  const status = async ({ proxyPort }: Pick<Running, 'proxyPort'>, token: string, name = 'weather') => {
    const credentials = Buffer.from(`${name}:${token}`).toString('base64')
    const reply = await exchangeRaw(
      proxyPort,
      `GET http://localhost:${origin.port}/ HTTP/1.1\r\nHost: h\r\nProxy-Authorization: Basic ${credentials}\r\nConnection: close\r\n\r\n`,
    )
    return Number(reply.slice(9, 12))
  }
  return { installation, write, text, status, origin }
}

test('a rollback brings no token back and locks out none, and a change of limits or of tokens alone is a revision', async (t) => {
  const { installation, write, status } = await arrange(t)
  const running = await startHere(t, installation)
  const first = JSON.parse((await policyCommand(installation, 'list', '--json')).stdout).active
  write('weather-token', 'limits: { concurrency: 7 }')
  const second = await running.gateway.reload()
  assert.notEqual(second.revision, first)
  write('two', 'limits: { concurrency: 7 }')
  assert.notEqual((await running.gateway.reload()).revision, second.revision, 'a token is a part of a revision')
  assert.deepEqual([await status(running, 'weather-token'), await status(running, 'two')], [407, 200])
  assert.equal((await policyCommand(installation, 'rollback')).stdout, `active: revision ${second.revision}\n`)
  assert.deepEqual([await status(running, 'weather-token'), await status(running, 'two')], [407, 200])
  assert.equal((await policyCommand(installation, 'rollback')).stdout, `active: revision ${first}\n`)
  assert.deepEqual([await status(running, 'weather-token'), await status(running, 'two')], [407, 200])
  const capacity = async () =>
    /"bucket":"concurrency"[^}]*"capacity":(\d+)/.exec(
      (await sallyport(installation, 'usage', '--json')).stdout.split('"integration":"weather"')[1] ?? '',
    )?.[1]
  assert.equal(await capacity(), '256')
  const shown = await policyCommand(installation, 'show', second.revision)
  assert.match(
    shown.stdout,
    new RegExp(
      `^revision ${second.revision}\n\\S+  rollback \\(operator\\)  weather: tokens\n\\S+  reload \\((?:signal|folders)\\)  weather: limits\n`,
    ),
  )
  assert.match(shown.stdout, /^== weather\.yaml\n.*concurrency: 7/ms)
  assert.deepEqual(
    installation
      .records()
      .flatMap(({ type, how, by, changed }) => (type === 'activated' ? [[how, by === 'signal' ? 'folders' : by, changed]] : [])),
    [
      ['start', 'folders', undefined],
      ['reload', 'folders', 'weather: limits'],
      ['reload', 'folders', 'weather: tokens'],
      ['rollback', 'operator', 'weather: tokens'],
      ['rollback', 'operator', 'weather: limits'],
    ],
  )
  assert.deepEqual(
    installation.records().flatMap(({ type, integration, change }) => (type === 'access' ? [[integration, change]] : [])),
    [['weather', 'tokens']],
  )
})

test('while a revision is pinned a token that is taken away opens nothing, and it shows that one is pinned', async (t) => {
  const { installation, write, status } = await arrange(t)
  const running = await startHere(t, installation)
  const { active } = JSON.parse((await policyCommand(installation, 'list', '--json')).stdout)
  assert.equal((await policyCommand(installation, 'activate', active)).code, 0)
  write('two')
  assert.equal((await running.gateway.reload()).pinned, active)
  assert.deepEqual([await status(running, 'weather-token'), await status(running, 'two')], [407, 200])
  rmSync(join(installation.folder, 'integrations/weather.yaml'))
  await running.gateway.reload()
  assert.equal(await status(running, 'two'), 407)
  assert.equal(JSON.parse((await sallyport(installation, 'status')).stdout).pinned, active)
  const health = `http://127.0.0.1:${running.gateway.health.port}`
  assert.equal(((await (await fetch(`${health}/readyz`)).json()) as { pinned: boolean }).pinned, true)
  assert.match(await (await fetch(`${health}/metrics`)).text(), /^sallyport_policy_pinned 1$/m)
})

for (const [what, spoil] of [
  ['another manifest is broken', ({ write }: Installation) => write('integrations/other.yaml', 'name: [')],
  [
    'a rule does not compile',
    ({ write }: Installation) =>
      write(
        'rules/a.rego',
        rego`
          package sallyport.rules

          deny contains
        `,
      ),
  ],
  [
    'its own manifest is wrong elsewhere',
    ({ write, read }: Installation) => write('integrations/weather.yaml', `${read('integrations/weather.yaml')}limit: {}\n`),
  ],
] as const)
  compilerTest(`a token is taken away though ${what}`, async (t) => {
    const { installation, write, status } = await arrange(t)
    installation.write('rules/b.rego', rego`package sallyport.rules`)
    const running = await startHere(t, installation)
    assert.equal(await status(running, 'weather-token'), 200)
    write('two')
    spoil(installation)
    assert.equal((await running.gateway.reload()).ok, false)
    assert.deepEqual([await status(running, 'weather-token'), await status(running, 'two')], [407, 200])
  })

compilerTest('a request whose body is waited for while its token is taken away is refused, and reaches no origin', async (t) => {
  const { installation, write, origin } = await arrange(t)
  installation.write('rules/a.rego', 'package sallyport.rules\n\ndeny contains "small" if input.http.body.value == 1\n')
  const running = await startHere(t, installation)
  const socket = connect(running.proxyPort, '127.0.0.1')
  const credentials = Buffer.from('weather:weather-token').toString('base64')
  const target = `http://localhost:${origin.port}/pay`
  const head = `POST ${target} HTTP/1.1\r\nHost: h\r\nProxy-Authorization: Basic ${credentials}\r\nContent-Type: application/json`
  socket.write(`${head}\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`)
  // Invited: the policy waits for the body.
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 100 /)
  write('two')
  await running.gateway.reload()
  socket.write('22')
  assert.match(await readAll(socket), /^HTTP\/1\.1 407 /)
  assert.equal(origin.requests.length, 0)
})

test('a removed manifest lets no caller in, though a listener names it and the rest is rejected', async (t) => {
  const { installation, status } = await arrange(t, {
    config: 'listeners: [{ name: own, address: "127.0.0.1:0", integration: weather }, { name: all, address: "127.0.0.1:0" }]',
  })
  const { gateway } = await startHere(t, installation)
  const [own, all] = [{ proxyPort: portOf(gateway, 0) }, { proxyPort: portOf(gateway, 1) }]
  assert.deepEqual([await status(own, ''), await status(all, 'weather-token')], [200, 200])
  rmSync(join(installation.folder, 'integrations/weather.yaml'))
  assert.equal((await gateway.reload()).ok, false)
  assert.deepEqual([await status(own, ''), await status(all, 'weather-token')], [407, 407])
})

test('a manifest that cannot be read leaves its tokens as they were, after a restart too, and status names it', async (t) => {
  const { installation, write, status } = await arrange(t)
  const running = await startHere(t, installation)
  write('two')
  assert.equal((await running.gateway.reload()).ok, true)
  const { active } = JSON.parse((await policyCommand(installation, 'list', '--json')).stdout)
  assert.equal((await policyCommand(installation, 'activate', active)).code, 0)
  installation.write('integrations/weather.yaml', 'name: [')
  await running.gateway.reload()
  const unreadable = async () => JSON.parse((await sallyport(installation, 'status')).stdout).unreadable
  assert.deepEqual(await unreadable(), ['weather.yaml'])
  assert.deepEqual([await status(running, 'weather-token'), await status(running, 'two')], [407, 200])
  await running.gateway.close()
  const again = await startHere(t, installation)
  assert.deepEqual([await status(again, 'weather-token'), await status(again, 'two')], [407, 200])
})

test('a manifest that was removed while no gateway ran lets no caller in, and the removal is recorded', async (t) => {
  const { installation, status } = await arrange(t)
  const { gateway } = await startHere(t, installation)
  await gateway.close()
  rmSync(join(installation.folder, 'integrations/other.yaml'))
  const again = await startHere(t, installation)
  assert.deepEqual([await status(again, 'other-token', 'other'), await status(again, 'weather-token')], [407, 200])
  assert.deepEqual(
    installation.records().flatMap(({ type, integration, change }) => (type === 'access' ? [[integration, change]] : [])),
    [['other', 'removed']],
  )
})

test('of two manifests with one name only tokens of both let a caller in', async (t) => {
  const { installation, text, status } = await arrange(t)
  const running = await startHere(t, installation)
  installation.write('integrations/copy.yaml', text('two'))
  assert.equal((await running.gateway.reload()).ok, false)
  assert.deepEqual([await status(running, 'weather-token'), await status(running, 'two')], [407, 407])
})

test('a manifest that is changed while the gateway starts is taken up', async (t) => {
  const { installation, write, status } = await arrange(t)
  const gateway = await startGateway(loadConfig(installation.configFile), { logTo: { write() {} }, beforeListening: () => write('two') })
  t.after(() => gateway.close())
  const running = { proxyPort: portOf(gateway) }
  await eventually(
    'the new token is the one',
    async () => (await status(running, 'weather-token')) === 407 && (await status(running, 'two')) === 200,
  )
})

test('a suspended integration is cut and refused, over a restart too, until it is resumed', async (t) => {
  const { installation, status, origin } = await arrange(t)
  const running = await startHere(t, installation)
  const credentials = Buffer.from('weather:weather-token').toString('base64')
  const slow = connect(running.proxyPort, '127.0.0.1')
  slow.write(`GET http://localhost:${origin.port}/slow HTTP/1.1\r\nHost: h\r\nProxy-Authorization: Basic ${credentials}\r\n\r\n`)
  await once(slow, 'data')
  const tunnel = await openTunnel(running.proxyPort, `127.0.0.1:${origin.port}`)
  const closed = [once(slow, 'close'), once(tunnel, 'close')]
  const suspended = await sallyport(installation, 'suspend', 'weather', '--reason', 'it sends what it should not')
  assert.deepEqual([suspended.code, suspended.stdout], [0, 'suspended: weather; "sallyport resume weather" ends it\n'])
  await Promise.all(closed)
  assert.equal(await status(running, 'weather-token'), 403)
  assert.equal(await status(running, 'wrong'), 407)
  await eventually('its ends are recorded', () =>
    installation.records().some(({ type, problem }) => type === 'settled' && problem === 'suspended'),
  )
  const records = installation.records()
  const of = (type: string) => records.filter((record) => record['type'] === type)
  assert.deepEqual(
    of('suspended').map(({ integration, reason, until }) => [integration, reason, until]),
    [['weather', 'it sends what it should not', undefined]],
  )
  assert.equal(of('revoked').length, 1)
  assert.deepEqual(of('refused').map(({ integration, code }) => [integration, code])[0], ['weather', 'suspended'])
  await eachCase(
    [
      [['suspend', ''], /^"": expected a name of lower-case letters/],
      [['resume', '../weather'], /^"\.\.\/weather": expected a name of lower-case letters/],
      [['suspend', 'weather', '--for', '0s'], /^--for 0s: a duration must be above zero, at least "1ms"$/m],
    ] as const,
    async ([words, told]) => {
      const { code, stderr } = await sallyport(installation, ...words)
      assert.equal(code, 64, stderr)
      assert.match(stderr, told)
    },
  )
  assert.equal((await sallyport(installation, 'suspend', 'nobody')).stderr, 'there is no integration "nobody"; known are: other, weather\n')
  await running.gateway.close()

  const again = await startHere(t, installation)
  assert.equal(await status(again, 'weather-token'), 403)
  assert.deepEqual(Object.keys(JSON.parse((await sallyport(installation, 'status')).stdout).suspended), ['weather'])
  assert.equal((await sallyport(installation, 'resume', 'weather')).stdout, 'resumed: weather\n')
  assert.equal(await status(again, 'weather-token'), 200)
  assert.deepEqual(
    [
      (await sallyport(installation, 'resume', 'weather')).code,
      (await sallyport(installation, 'suspend', 'weather', '--for', 'long')).code,
    ],
    [1, 64],
  )
})

test('a suspension for a while ends by itself, and says how long to wait', async (t) => {
  const { installation, status, origin } = await arrange(t)
  const running = await startHere(t, installation)
  assert.match((await sallyport(installation, 'suspend', 'weather', '--for', '2s')).stdout, /^suspended: weather until \d{4}-\S+Z; /)
  const credentials = Buffer.from('weather:weather-token').toString('base64')
  const reply = await exchangeRaw(
    running.proxyPort,
    `GET http://localhost:${origin.port}/ HTTP/1.1\r\nHost: h\r\nProxy-Authorization: Basic ${credentials}\r\nConnection: close\r\n\r\n`,
  )
  assert.match(reply, /^HTTP\/1\.1 403 suspended\r\n.*retry-after: [12]\r\n/is)
  await eventually('it is over', async () => (await status(running, 'weather-token')) === 200)
  await eventually('its end is recorded', () => installation.records().some(({ type }) => type === 'resumed'))
})

test('going back twice goes back two revisions, not to the one that was bad', async (t) => {
  const { installation, write } = await arrange(t)
  const { gateway } = await startHere(t, installation)
  const first = JSON.parse((await policyCommand(installation, 'list', '--json')).stdout).active
  write('weather-token', 'limits: { concurrency: 7 }')
  const { revision: second } = await gateway.reload()
  write('weather-token', 'limits: { concurrency: 8 }')
  await gateway.reload()
  assert.equal((await policyCommand(installation, 'rollback')).stdout, `active: revision ${second}\n`)
  assert.equal((await policyCommand(installation, 'rollback')).stdout, `active: revision ${first}\n`)
  const further = await policyCommand(installation, 'rollback')
  assert.deepEqual([further.code, further.stderr.split('\n')[1]], [1, 'there is no earlier revision'])
})

test('a set that cannot be kept in the history is rejected, and does not decide', async (t) => {
  const { installation, write } = await arrange(t)
  const { gateway } = await startHere(t, installation)
  const first = JSON.parse((await policyCommand(installation, 'list', '--json')).stdout).active
  const history = join(installation.folder, 'state/policies/history')
  renameSync(history, `${history}.away`)
  writeFileSync(history, '')
  write('weather-token', 'limits: { concurrency: 7 }')
  const { ok, revision } = await gateway.reload()
  assert.deepEqual([ok, revision], [false, first])
})
