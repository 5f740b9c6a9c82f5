/** Which revision decides: gated by the rules’ own tests, listed, chosen, rolled back, and kept over restarts. */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { CompilerRequest } from '../../src/opa/compiler/protocol.ts'
import { ask, installationWithRules, sallyport } from '../support/author.ts'
import { eachCase, times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { compileAnew, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

/** A compiler that counts how often it was asked for `command`. */
function counting(command: CompilerRequest['command']) {
  let begun = 0
  const compile: typeof compileAnew = (request, signal) => {
    if (request.command === command) begun += 1
    return compileAnew(request, signal)
  }
  return { compile, begun: () => begun }
}

compilerTest('rules whose own tests fail are not activated, and revisions can be listed, chosen and rolled back', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) })
  const { proxyPort, gateway } = await startHere(t, installation)
  const rule = (path: string) => rego`
    package sallyport.rules

    import rego.v1

    deny contains "no" if input.http.path == "${path}"
  `
  const status = async (path: string) => (await ask(proxyPort, origin.port, path)).status
  installation.write('rules/a.rego', rule('/one'))
  const first = await gateway.reload()
  installation.write(
    'rules/a_test.rego',
    rego`
      package sallyport.rules_test

      import rego.v1

      test_never if false
    `,
  )
  installation.write('rules/a.rego', rule('/two'))
  const rejected = await gateway.reload()
  assert.equal(rejected.ok, false)
  assert.match(rejected.problem ?? '', /^rules\/a_test\.rego:5:1: the test test_never fails/)
  assert.deepEqual([await status('/one'), await status('/two')], [403, 200])

  rmSync(join(installation.folder, 'rules/a_test.rego'))
  const second = await gateway.reload()
  assert.equal(second.ok, true)
  assert.deepEqual([await status('/one'), await status('/two')], [200, 403])
  const listed = await sallyport(installation, 'list')
  assert.match(
    listed.stdout,
    new RegExp(`^\\S+ {2}${second.revision} {2}reload +active\n\\S+ {2}${first.revision} {2}reload *\n\\S+ {2}\\S+ {2}start`),
  )

  assert.equal((await sallyport(installation, 'rollback')).stdout, `active: revision ${first.revision}\n`)
  assert.deepEqual([await status('/one'), await status('/two')], [403, 200])
  assert.deepEqual(await gateway.reload(), { ok: true, revision: first.revision, pinned: first.revision })
  assert.match((await sallyport(installation, 'list')).stdout, /rollback +active, pinned/)
  assert.match((await sallyport(installation, 'activate', '../../etc')).stderr, /is unknown; "sallyport policy list" shows/)
  assert.equal((await sallyport(installation, 'activate', second.revision)).code, 0)
  assert.deepEqual([await status('/one'), await status('/two')], [200, 403])
  assert.equal((await sallyport(installation, 'activate', 'latest')).code, 0)

  // What is kept of a revision was tampered with: it is not activated.
  const kept = join(installation.folder, 'state/policies/history', first.revision)
  const { rules } = JSON.parse(readFileSync(join(kept, 'revision.json'), 'utf8'))
  writeFileSync(join(kept, rules), gzipSync(JSON.stringify({ 'rules/a.rego': rule('/three') })))
  const tampered = await sallyport(installation, 'activate', first.revision)
  assert.equal(tampered.code, 1)
  assert.match(tampered.stderr, /what is kept of the rules was changed since/)
  assert.deepEqual([await status('/one'), await status('/two')], [200, 403])
})

test('a chosen revision is chosen again after a restart', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(8080)] }) })
  const { gateway } = await startHere(t, installation)
  const [before] = JSON.parse((await sallyport(installation, 'list', '--json')).stdout).activations as { revision: string }[]
  installation.write('integrations/weather.yaml', grant({ network: [toLocalhost(8081)] }))
  assert.notEqual((await gateway.reload()).revision, before?.revision)
  assert.equal((await sallyport(installation, 'rollback')).code, 0)
  await gateway.close()
  assert.ok(existsSync(join(installation.folder, 'state/policies/history/pinned')))
  const again = await startHere(t, installation)
  assert.equal((await again.gateway.reload()).pinned, before?.revision)
})

compilerTest('a test that never ends is named, and keeps nobody from rolling back meanwhile', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) })
  const { compile, begun } = counting('test')
  const { proxyPort, gateway } = await startHere(t, installation, { compile })
  const status = async (path: string) => (await ask(proxyPort, origin.port, path)).status
  const rule = (path: string) => rego`
    package sallyport.rules

    deny contains "no" if input.http.path == "${path}"
  `
  installation.write('rules/a.rego', rule('/one'))
  const first = await gateway.reload()
  installation.write('rules/a.rego', rule('/two'))
  await gateway.reload()
  installation.write('rules/a.rego', rule('/three'))
  installation.write(
    'rules/a_test.rego',
    rego`
      package sallyport.rules_test

      many := numbers.range(1, 30000)

      test_endless if {
        some a in many
        some b in many
        a == b
        b == 0
      }
    `,
  )
  const alone = await gateway.reload()
  assert.match(alone.problem ?? '', /^rules\/a_test\.rego:5:1: the test test_endless fails: did not end within 5s$/)

  const before = begun()
  const [waiting, queued] = [gateway.reload(), gateway.reload()]
  let ended = false
  waiting.then(() => {
    ended = true
  })
  await eventually('the test runs again', () => begun() > before)
  assert.equal(ended, false)
  assert.equal((await sallyport(installation, 'rollback')).stdout, `active: revision ${first.revision}\n`)
  // What gave way came again, behind the choice: which stays.
  eachCase(await Promise.all([waiting, queued]), (result) =>
    assert.deepEqual(result, { ok: true, revision: first.revision, pinned: first.revision }),
  )
  assert.deepEqual([await status('/one'), await status('/two'), await status('/three')], [403, 200, 200])
})

compilerTest('of ten changes in a burst one or two are compiled, and the newest decides', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) })
  const { proxyPort, gateway } = await startHere(t, installation, { compile: compileAnew })
  const write = (path: string) =>
    installation.write(
      'rules/a.rego',
      rego`
        package sallyport.rules

        deny contains "no" if input.http.path == "${path}"
      `,
    )
  const asked: ReturnType<typeof gateway.reload>[] = []
  await times(10, async (round) => {
    const change = round + 1

    write(`/${change}`)
    asked.push(gateway.reload())
    await new Promise(setImmediate)
  })
  // Whoever asked is told once what was there when it asked, or something newer, decides.
  const results = await Promise.all(asked)
  assert.deepEqual([...new Set(results.map(({ ok }) => ok))], [true])
  assert.equal((await ask(proxyPort, origin.port, '/10')).status, 403)
  const revisions = new Set(results.map(({ revision }) => revision))
  assert.ok(revisions.size <= 2, [...revisions].join())
  const builds = readdirSync(join(installation.folder, 'state/policies')).filter((name) => /^[0-9a-f]{32}$/.test(name))
  assert.ok(builds.length <= 2, builds.join())
})

compilerTest('a gateway that closes while rules are built activates nothing any more, and its log ends with its end', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(8080)] }) })
  const { compile, begun } = counting('build')
  const { gateway } = await startHere(t, installation, { compile })
  installation.write(
    'rules/a.rego',
    rego`
      package sallyport.rules

      deny contains "no" if input.http.path == "/one"
    `,
  )
  const before = begun()
  const [building, queued] = [gateway.reload(), gateway.reload()]
  await eventually('the rules are being built', () => begun() > before)
  await gateway.close()
  eachCase(await Promise.all([building, queued]), (result) => {
    assert.equal(result.ok, false)
    assert.equal(result.problem, 'preempted: the gateway is shutting down')
  })
  assert.equal(installation.records().at(-1)?.['type'], 'stopped')
})

compilerTest('a choice that fails loses no change that gave way to it', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(8080)] }) })
  const { gateway } = await startHere(t, installation, { compile: compileAnew })
  const before = JSON.parse((await sallyport(installation, 'list', '--json')).stdout).active
  installation.write(
    'rules/a.rego',
    rego`
      package sallyport.rules

      deny contains "no" if input.http.path == "/one"
    `,
  )
  const [reloading, mistyped] = [gateway.reload(), sallyport(installation, 'activate', 'mistyped')]
  assert.match((await mistyped).stderr, /is unknown/)
  const result = await reloading
  assert.equal(result.ok, true)
  assert.notEqual(result.revision, before)
})

test('labels are part of the revision: rules may ask for them', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': grant({ labels: { stage: 'test' } }) })
  const { gateway } = await startHere(t, installation)
  const { revision } = await gateway.reload()
  installation.write('integrations/weather.yaml', grant({ labels: { stage: 'live' } }))
  assert.notEqual((await gateway.reload()).revision, revision)
})
