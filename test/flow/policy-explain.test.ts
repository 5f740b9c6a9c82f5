/** What authors learn of a recorded request: why it was decided so, and what would change that. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, idOf, installationToItems, installationWithRules, sallyport } from '../support/author.ts'
import { times } from '../support/cases.ts'
import { cleanEnv, command } from '../support/command.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { exchangeRaw, proxyUrl, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

compilerTest('explain and replay tell of recorded requests why, what would change it, and what now differs', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = installationToItems(t, origin.port)
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
  // As the refusal shows it.
  const { instance } = JSON.parse(denied.text.split('\r\n\r\n')[1] ?? '') as { instance: string }
  assert.equal((await sallyport(installation, 'explain', instance)).stdout, why.stdout)

  assert.match((await sallyport(installation, 'replay')).stdout, /^2 decisions against latest in .*, 0 differ\n$/)
  installation.write(
    'rules/a.rego',
    rego`
      package sallyport.rules

      import rego.v1

      deny contains "not a" if input.http.path == "/v1/a"
    `,
  )
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

compilerTest('explain tells of a rule where it stands, and of tunnels, refusals and floods what the log knows', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = installationWithRules(
    t,
    { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) },
    'limits: { arrivals: { rate: 1/h, burst: 5 } }',
  )
  installation.write(
    'rules/a.rego',
    rego`
      package sallyport.rules

      import rego.v1

      deny contains "never" if input.http.path == "/never"
    `,
  )
  const { proxyPort, gateway } = await startHere(t, installation)
  const denied = await ask(proxyPort, origin.port, '/never')
  const refused = await ask(proxyPort, origin.port, '/a%2Fb')
  const curl = ['-sS', '-p', '-x', proxyUrl('weather', proxyPort), `http://localhost:${origin.port}/inside`]
  assert.equal((await command('curl', curl, { env: cleanEnv() })).stdout, 'hello')
  await times(3, () => ask(proxyPort, origin.port, '/flood'))
  const flooded = await ask(proxyPort, origin.port, '/flood')
  assert.deepEqual([denied.status, refused.status, flooded.status], [403, 400, 429])
  await gateway.close()

  const why = await sallyport(installation, 'explain', denied.id)
  assert.match(why.stdout, /denied by rules\/deny/)
  assert.match(
    why.stdout,
    /No change of the manifest would allow it: a rule denies it \(rules\/a\.rego:5\), and a deny wins over every manifest\.\n$/,
  )
  assert.match((await sallyport(installation, 'explain', refused.id)).stdout, /was refused before any rule was asked: malformed-request: /)
  const unknown = await sallyport(installation, 'explain', flooded.id)
  assert.equal(unknown.code, 1)
  assert.match(unknown.stderr, /In a flood requests are refused and only counted: \d+ are in the log’s sums without their ids/)

  const decided = installation.records().filter(({ type }) => type === 'decided')
  const tunnel = decided.find(({ kind }) => kind === 'tunnel')
  const inside = decided.find(({ parent }) => parent !== undefined)
  assert.match(
    (await sallyport(installation, 'explain', String(tunnel?.['id']))).stdout,
    new RegExp(`1 request inside it: ${inside?.['id']}\n`),
  )
  assert.match(
    (await sallyport(installation, 'explain', String(inside?.['id']))).stdout,
    new RegExp(`inside the tunnel ${tunnel?.['id']}\n`),
  )
})

test('explain tells of files and services the change that helps, or why none does', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = installationWithRules(
    t,
    { 'weather.yaml': grant({ files: [{ name: 'data', root: '../data', actions: ['list'] }] }) },
    `services: [{ name: search, url: "http://localhost:${origin.port}/", addresses: [127.0.0.0/8, "::1/128"] }]\nlisteners: [{ name: all, address: "127.0.0.1:0", doors: [proxy, services, broker] }]`,
  )
  const { proxyPort } = await startHere(t, installation)
  const get = async (path: string) => {
    const reply = await exchangeRaw(
      proxyPort,
      `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer weather-token\r\nProxy-Authorization: Bearer weather-token\r\nConnection: close\r\n\r\n`,
    )
    assert.match(reply, /^HTTP\/1\.1 403 /)
    const told = await sallyport(installation, 'explain', idOf(reply))
    assert.equal(told.code, 0, told.stderr)
    return told.stdout
  }
  assert.match(
    await get('/v1/files/data/a.txt'),
    /\{"files":\[\{"name":"data","actions":\["read"\],"paths":\["a\.txt"\],"root":"\.\.\/data"\}\]\}\n$/,
  )
  assert.match(await get('/services/search/q'), /\{"services":\[\{"name":"search","methods":\["GET"\],"paths":\["\/q"\]\}\]\}\n$/)
})
