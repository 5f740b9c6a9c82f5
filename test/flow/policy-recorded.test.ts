/** What authors learn from recorded requests: why, what would change it, what another revision makes of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, installationWithRules, sallyport } from '../support/author.ts'
import { manifest, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

test('explain and replay tell of recorded requests why, what would change it, and what now differs', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = installationWithRules(t, {
    'weather.yaml': manifest(
      'weather',
      `network: [{ hosts: [localhost], ports: [${origin.port}], tls: none, paths: [/v1/**], addresses: [127.0.0.0/8, "::1/128"] }]`,
    ),
  })
  const { proxyPort, gateway } = await startHere(t, installation)
  const allowed = await ask(proxyPort, origin.port, '/v1/a')
  const denied = await ask(proxyPort, origin.port, '/admin/keys')
  assert.deepEqual([allowed.status, denied.status], [200, 403])

  const why = await sallyport(installation, 'explain', denied.id)
  assert.match(why.stdout, /denied by default\/deny/)
  assert.match(why.stdout, /network\/0 does not allow the path \/admin\/keys/)
  assert.match(
    why.stdout,
    /The smallest change that would allow it, in integrations\/weather\.yaml:\n {2}\{"network":\[\{"hosts":\["localhost"\]/,
  )
  assert.match(why.stdout, /decide the same/)
  assert.match((await sallyport(installation, 'explain', 'nosuch')).stderr, /the log has no decision about nosuch/)

  assert.match((await sallyport(installation, 'replay')).stdout, /^2 decisions against latest in .*, 0 differ\n$/)
  installation.write('rules/a.rego', 'package sallyport.rules\n\nimport rego.v1\n\ndeny contains "not a" if input.http.path == "/v1/a"\n')
  const replayed = await sallyport(installation, 'replay')
  assert.equal(replayed.code, 1)
  assert.match(
    replayed.stdout,
    new RegExp(
      `${allowed.id} weather http .*: allowed by default/network/0 .* denied by rules/deny[^\\n]*\\n2 decisions against latest in .*, 1 differ`,
    ),
  )
  assert.equal((await gateway.reload()).ok, true)
  const ruled = await ask(proxyPort, origin.port, '/v1/a')
  assert.match((await sallyport(installation, 'explain', ruled.id)).stdout, /rule that held: rules\/a\.rego:5 \(deny\)/)
})
