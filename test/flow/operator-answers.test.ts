/** What the operator is told where something is amiss: by the commands in words, by the API in JSON, and never by a stack. */

import assert from 'node:assert/strict'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { lockFolder } from '../../src/files/folder-lock.ts'
import { installationWithRules, sallyport } from '../support/author.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, type Installation, main, manifest, startHere } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const run = ({ configFile }: Installation, ...words: string[]) =>
  command(process.execPath, ['--no-warnings', main, ...words, '--config', configFile])

async function api({ folder }: Installation, path: string, method = 'GET'): Promise<{ status: number; body: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    request({ socketPath: join(folder, 'state/admin.sock'), path, method, agent: false }, (res) => {
      text(res).then((body) => resolve({ status: res.statusCode ?? 0, body: JSON.parse(body) }), reject)
    })
      .on('error', reject)
      .end()
  })
}

test('a gateway that runs and does not listen yet is not said to be stopped', async (t) => {
  const installation = createInstallation(t)
  mkdirSync(join(installation.folder, 'state'))
  const unlock = lockFolder(join(installation.folder, 'state'))
  t.after(unlock)
  const starting = await run(installation, 'status')
  assert.deepEqual([starting.code, starting.stdout], [69, ''])
  assert.match(starting.stderr, /^no answer on [^\n]*admin\.sock: the gateway runs, and does not answer yet [^\n]*; try again\n$/)
  unlock()
  assert.match((await run(installation, 'status')).stderr, /the gateway is not running; start it with "sallyport run"/)
})

test('a name that was mistyped raises no alarm', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(8080)] }) })
  await startHere(t, installation)
  await eachCase(['mistyped', '0123456789ab-0123456789ab'], async (name) => {
    const mistyped = await sallyport(installation, 'activate', name)
    assert.equal(mistyped.code, 1)
    assert.match(mistyped.stderr, new RegExp(`the revision "${name}" is unknown`))
  })
  const { body } = await api(installation, '/v1/status')
  assert.equal(body['rejected'], null)
  assert.deepEqual(
    installation.records().filter(({ type }) => type === 'rejected'),
    [],
  )
})

test('a reload says that a change of sallyport.yaml waits for a restart', async (t) => {
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant() } })
  const { log } = await startHere(t, installation)
  assert.doesNotMatch((await run(installation, 'reload')).stdout, /sallyport\.yaml/)
  const before = installation.read('sallyport.yaml')
  installation.write('sallyport.yaml', `${before}drainTimeout: 1s\n`)
  const changed = await run(installation, 'reload')
  assert.equal(changed.code, 0)
  assert.match(
    changed.stdout,
    /^active: revision \S+\nsallyport\.yaml has changed since the start, and is read only then: restart the gateway for it\n$/,
  )
  assert.equal(log.filter((line) => line.includes('sallyport.yaml has changed')).length, 1)
  installation.write('sallyport.yaml', before)
  assert.doesNotMatch((await run(installation, 'reload')).stdout, /sallyport\.yaml/)
})

test('what fails in the operator’s API is told in JSON and in words, without a stack', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': grant() })
  const { log } = await startHere(t, installation)
  assert.deepEqual((await api(installation, '/v1/policy/activate/%ff', 'POST')).body['status'], 400)
  assert.deepEqual((await api(installation, '/v1/nothing')).status, 404)
  const lines = join(installation.folder, 'state/policies/history/activations.jsonl')
  renameSync(lines, `${lines}.away`)
  mkdirSync(lines)
  const { status, body } = await api(installation, '/v1/policy')
  assert.deepEqual([status, body['title'], body['detail']], [500, 'Internal error', 'EISDIR: illegal operation on a directory, read'])
  assert.equal(log.filter((line) => line.includes('the operator’s API failed')).length, 1)
  const listed = await sallyport(installation, 'list')
  assert.deepEqual([listed.code, listed.stderr], [1, 'the gateway answered 500: EISDIR: illegal operation on a directory, read\n'])
})

compilerTest('texts of a revision cannot move the cursor or turn the line around', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': manifest('weather', '# \u202e\u001b[2J first') })
  const rule = (note: string) => rego`
    package sallyport.rules

    # ${note}
    deny contains "no" if {
      input.http.path == "/x"
    }
  `
  writeFileSync(join(installation.folder, 'rules/a.rego'), rule('\u2066one'))
  const { gateway } = await startHere(t, installation)
  const { revision } = await gateway.reload()
  writeFileSync(join(installation.folder, 'rules/a.rego'), rule('\u2067two\u200f'))
  await eachCase(
    [
      ['show', revision],
      ['show', revision, '--json'],
      ['diff', revision, 'latest'],
      ['diff', revision, 'latest', '--json'],
    ],
    async (words) => {
      const { stdout, stderr } = await sallyport(installation, ...words)
      // The helper gives bytes.
      assert.doesNotMatch(Buffer.from(`${stdout}${stderr}`, 'latin1').toString(), /[^\P{C}\n\t]/u, words.join(' '))
      assert.match(stdout, /\\u206[67]/, words.join(' '))
    },
  )
  // What indents a rule stays.
  assert.match((await sallyport(installation, 'show', revision)).stdout, /\n\tinput\.http\.path/)
})
