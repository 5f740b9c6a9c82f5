/** What another revision makes of recorded requests, and a manifest made of them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, installationToItems, installationWithRules, sallyport } from '../support/author.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { main, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

compilerTest('replay judges by a kept revision too, and only what is asked for', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const allowing = (path: string) => grant({ network: [toLocalhost(origin.port, { paths: [path] })] })
  const installation = installationWithRules(t, { 'weather.yaml': allowing('/v1/**') })
  const { proxyPort, gateway } = await startHere(t, installation)
  const first = await ask(proxyPort, origin.port, '/v1/a')
  const { revision } = await gateway.reload()
  installation.write('integrations/weather.yaml', allowing('/admin/**'))
  assert.equal((await gateway.reload()).ok, true)
  const second = await ask(proxyPort, origin.port, '/admin/x')
  assert.deepEqual([first.status, second.status], [200, 200])

  const kept = await sallyport(installation, 'replay', '--against', revision)
  assert.equal(kept.code, 1)
  assert.match(
    kept.stdout,
    new RegExp(
      `^\\S+ ${second.id} weather .*: allowed by default/network/0 .* denied by default/deny .*\n2 decisions against ${revision} `,
    ),
  )
  const latest = JSON.parse((await sallyport(installation, 'replay', '--json', '--integration', 'weather')).stdout)
  assert.deepEqual([latest.decisions, latest.differences.length, latest.differences[0].record.id], [2, 1, first.id])
  assert.match((await sallyport(installation, 'replay', '--id', second.id)).stdout, /^1 decisions against latest .* 0 differ\n$/)
  assert.match((await sallyport(installation, 'replay', '--since', '2999-01-01')).stdout, /^0 decisions /)
  assert.match((await sallyport(installation, 'replay', '--since', '1h', '--integration', 'other')).stdout, /^0 decisions /)

  const since = await sallyport(installation, 'replay', '--since', 'yesterday')
  assert.deepEqual([since.code, /it is a time span such as "2h"/.test(since.stderr)], [64, true])
  const unknown = await sallyport(installation, 'replay', '--against', '../../etc')
  assert.equal(unknown.code, 64)
  assert.match(unknown.stderr, /^the revision "\.\.\/\.\.\/etc" is unknown; "sallyport policy list" shows those that are kept/)
  assert.equal((await sallyport(installation, 'replay', '--against', revision, '--rules', 'rules')).code, 64)
  installation.write(
    'rules/s.rego',
    rego`
      package sallyport.rules

      import rego.v1

      deny contains "x" if input.http.segments[0] == "v1"
    `,
  )
  assert.match((await sallyport(installation, 'replay')).stdout, new RegExp(`${first.id} .* denied by rules/deny`))
})

test('suggest writes a manifest that check accepts and the gateway then allows the same by', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = installationToItems(t, origin.port)
  const { proxyPort, gateway } = await startHere(t, installation)
  const paths = ['/v1/items/1', '/v1/items/2', '/admin']
  await eachCase(paths, (path) => ask(proxyPort, origin.port, path))
  const suggested = await sallyport(installation, 'suggest', 'weather', '-o', 'suggested.yaml')
  assert.equal(suggested.stdout, 'suggested.yaml: 1 capability for 3 allowed and denied requests; review each\n')
  const again = await sallyport(installation, 'suggest', 'weather', '-o', 'suggested.yaml')
  assert.equal(again.code, 66)
  assert.match(again.stderr, /^suggested\.yaml exists already, and nothing is overwritten\n$/)
  const only = await sallyport(installation, 'suggest', 'weather', '--only', 'denied')
  assert.match(only.stdout, /from 1 request \(0 allowed, 1 denied\)/)
  assert.doesNotMatch(only.stdout, /items/)

  installation.write('integrations/weather.yaml', installation.read('suggested.yaml'))
  const checked = await command(process.execPath, ['--no-warnings', main, 'check', '--config', installation.configFile])
  assert.equal(checked.code, 0, checked.stderr)
  assert.equal((await gateway.reload()).ok, true)
  await eachCase([...paths, '/v1/items/3'], async (path) => assert.equal((await ask(proxyPort, origin.port, path)).status, 200, path))
  assert.equal((await ask(proxyPort, origin.port, '/v1/other/3')).status, 403)

  const nobody = await sallyport(installation, 'suggest', 'nobody')
  assert.equal(nobody.code, 64)
  assert.match(nobody.stderr, /^the log has no request of "nobody" \(it has some of: weather\)\n$/)
  assert.equal((await sallyport(installation, 'suggest', 'weather', '--only', 'some')).code, 64)
})
