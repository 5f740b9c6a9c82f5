/** What `sallyport doctor` finds, `sallyport run` does not start with; and the other way round. */

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { doctor } from '../../src/cli/doctor.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { createInstallation, main, startHere } from '../support/installation.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

/** An installation with a file `afile`, and what doctor says of it. */
async function examine(t: TestContext, config: string, operator = '') {
  const installation = createInstallation(t, { config })
  // The operator's socket has its line already.
  installation.write('sallyport.yaml', installation.read('sallyport.yaml').replace('"127.0.0.1:0" }\n', `"127.0.0.1:0"${operator} }\n`))
  installation.write('afile', '')
  const checks = await doctor(installation.configFile)
  const failed = checks.filter(({ state }) => state === 'fail')
  return {
    installation,
    failed: failed.map(({ name, detail }) => `${name}: ${detail.replaceAll(`${installation.folder}/`, '')}`),
    run: () => command(process.execPath, ['--no-warnings', main, 'run', '--config', installation.configFile]),
  }
}

const socket = (path: string) => `listeners: [{ name: proxy, socket: ${path} }]`
const misplaced: readonly (readonly [string, string, string?])[] = [
  [socket('./none/s'), 'sockets: listener "proxy" cannot listen on none/s: there is no folder none'],
  [socket('./afile/s'), 'sockets: listener "proxy" cannot listen on afile/s: afile is not a folder'],
  [socket('./afile'), 'sockets: listener "proxy" cannot be at afile: something is there that is not a socket'],
  [socket('./integrations'), 'sockets: listener "proxy" cannot be at integrations: something is there that is not a socket'],
  ['state: ./afile/state', 'state folder: the state folder cannot be at afile/state: afile is not a folder'],
  ['audit: { folder: ./afile/deep/log }', 'audit log: the audit log cannot be at afile/deep/log: afile is not a folder'],
  ['', 'sockets: the operator’s socket cannot be at afile: afile is not a folder', ', socket: ./afile/s'],
]

for (const [config, said, operator = ''] of misplaced) {
  test(`doctor and run refuse ${config}${operator}`, async (t) => {
    const { failed, run, installation } = await examine(t, config, operator)
    assert.ok(failed.includes(said), failed.join('\n'))
    const { code, stderr } = await run()
    assert.equal(stderr.replaceAll(`${installation.folder}/`, ''), `${said.slice(said.indexOf(': ') + 2)}\n`)
    assert.equal(code, 78)
  })
}

test('a listener may have its socket in a folder that the start makes', async (t) => {
  const { failed, installation } = await examine(t, socket('./state/s'))
  assert.deepEqual(failed, [])
  await startHere(t, installation)
})

compilerTest('doctor compiles a shadow policy’s rules as it compiles the rules', async (t) => {
  const installation = createInstallation(t, { config: 'policy: { shadow: { rules: ./next } }' })
  mkdirSync(join(installation.folder, 'next'))
  installation.write('next/rule.rego', 'package sallyport.rules\n\ndeny contains input.nonsense if true\n')
  const shadow = (await doctor(installation.configFile)).find(({ name }) => name === 'shadow policy')
  assert.equal(shadow?.state, 'fail')
  assert.match(shadow?.detail ?? '', /^next\/rule\.rego:3:/)
})

for (const [mode, state] of [
  [0o700, 'ok'],
  [0o755, 'warn'],
  [0o770, 'fail'],
] as const) {
  test(`a state folder of mode ${mode.toString(8)} is ${state}`, async (t) => {
    const installation = createInstallation(t)
    mkdirSync(join(installation.folder, 'state'))
    chmodSync(join(installation.folder, 'state'), mode)
    assert.equal((await doctor(installation.configFile)).find(({ name }) => name === 'state folder')?.state, state)
  })
}

const tokens = { manifests: {} }
const until = (time: number) => ({ since: '2026-01-01T00:00:00.000Z', until: new Date(time).toISOString(), reason: null })

test('doctor says who is suspended, and that what is kept of it is damaged', async (t) => {
  const installation = createInstallation(t)
  const file = join(installation.folder, 'state/access.json')
  mkdirSync(join(installation.folder, 'state'), { mode: 0o700 })
  const access = async () => (await doctor(installation.configFile)).find(({ name }) => name === 'access')
  assert.deepEqual(await access(), { name: 'access', state: 'ok', detail: 'no integration is suspended' })
  const suspended = { past: until(Date.now() - 1), weather: until(Date.now() + 600_000) }
  installation.write('state/access.json', JSON.stringify({ ...tokens, suspended }))
  assert.deepEqual(await access(), { name: 'access', state: 'warn', detail: 'suspended: weather' })
  await eachCase(
    ['', '{"manifests":{}', 'null', '[]', '{"manifests":{},"suspended":{"weather":{}}}', '{"manifests":{"a":null},"suspended":{}}'],
    async (damaged) => {
      installation.write('state/access.json', damaged)
      const detail = `${file} is not what a gateway keeps of tokens. Restore it, or remove it: then tokens are read from the manifests again`
      assert.deepEqual(await access(), { name: 'access', state: 'fail', detail })
    },
  )
  const { code, stderr } = await command(process.execPath, ['--no-warnings', main, 'run', '--config', installation.configFile])
  assert.equal(code, 78)
  assert.match(stderr, /access\.json is not what a gateway keeps of tokens\. Restore it, or remove it/)
})

compilerTest('doctor says which sink of the audit log would ship nothing, with which a gateway starts', async (t) => {
  const installation = createInstallation(t, {
    config: `audit: { sinks: [
      { name: fine, type: file, path: ./fine.jsonl },
      { name: nowhere, type: file, path: ./none/audit.jsonl },
      { name: unmasked, type: stdout, rules: ./masks } ] }`,
  })
  mkdirSync(join(installation.folder, 'masks'))
  installation.write('masks/masks.rego', 'package system.log\n\nmask contains x\n')
  const sinks = (await doctor(installation.configFile)).find(({ name }) => name === 'sinks')
  assert.equal(sinks?.state, 'warn')
  assert.match(sinks.detail, /^nowhere: ENOENT.*; unmasked: .*masks\.rego:3/)
})

test('doctor warns of an operator’s API that other machines can reach without TLS', async (t) => {
  const found = async (address: string, more = '') => {
    const { installation } = await examine(t, '', `, tcp: { address: "${address}", token: { file: ./operator }${more} }`)
    installation.write('operator', 'token-of-the-operator')
    const check = (await doctor(installation.configFile)).find(({ name }) => name === 'operator’s API')
    return `${check?.state}: ${check?.detail.replace(installation.folder, '')}`
  }
  const clear = (address: string) =>
    `warn: ${address} can be reached from other machines, and tokens of operators travel in the clear: add admin.tcp.tls`
  await eachCase(['0.0.0.0:8383', '10.1.2.3:8383'], async (address) => assert.equal(await found(address), clear(address)))
  assert.equal(await found('[::]:8383'), clear('[::]:8383'))
  await eachCase(['127.0.0.1:8383', 'localhost:8383'], async (address) =>
    assert.equal(await found(address), 'ok: /state/admin.sock, 127.0.0.1:8383'),
  )
})
