/** What a denied caller is told: its own rule, reasons and hint, and nothing of other integrations or of the host. */

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { idOf } from '../support/author.ts'
import { eachCase } from '../support/cases.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, exchangeRaw, startHere } from '../support/installation.ts'

/** One of each kind that is denied, some coming near a capability. */
const asked = [
  'GET http://api.example.com/admin HTTP/1.1\r\nHost: api.example.com',
  'POST http://api.example.com/v1/a HTTP/1.1\r\nHost: api.example.com',
  'GET http://other.example.com/v1/a HTTP/1.1\r\nHost: other.example.com',
  'GET http://10.1.2.3/ HTTP/1.1\r\nHost: 10.1.2.3',
  'CONNECT api.example.com:8443 HTTP/1.1\r\nHost: api.example.com:8443',
  'CONNECT other.example.com:443 HTTP/1.1\r\nHost: other.example.com:443',
  'GET /services/search/q HTTP/1.1\r\nHost: x',
  'GET /v1/files/data/private/a HTTP/1.1\r\nHost: x',
  'GET /v1/files/theirs/a HTTP/1.1\r\nHost: x',
]

const weather = grant({
  network: [{ hosts: ['api.example.com'], tls: 'none', methods: ['GET'], paths: ['/v1/**'], addresses: ['10.0.0.0/8'] }],
  files: [{ name: 'data', root: '../data-of-weather', actions: ['read'], paths: ['public/**'] }],
})
/** May do all that is asked here. */
const other = (name: string) =>
  grant({
    name,
    labels: { secret: `${name}-label` },
    network: [
      { hosts: ['*', 'api.example.com', 'other.example.com', '10.1.2.3'], tls: 'none', ports: [80, 443, 8443], addresses: ['10.1.0.0/16'] },
    ],
    services: [{ name: 'search' }],
    files: [
      { name: 'data', root: `../data-of-${name}`, actions: ['read'] },
      { name: 'theirs', root: '../theirs', actions: ['read'] },
    ],
  })

async function replies(t: TestContext, manifests: Record<string, string>, config = ''): Promise<readonly string[]> {
  const installation = createInstallation(t, {
    config: `services: [{ name: search, url: "http://127.0.0.1:9/" }]\nlisteners: [{ name: all, address: "127.0.0.1:0", doors: [proxy, services, broker] }]\n${config}`,
    manifests: { 'weather.yaml': weather, ...manifests },
  })
  for (const name of ['data-of-weather', 'data-of-mail', 'theirs']) mkdirSync(join(installation.folder, name))
  const { proxyPort } = await startHere(t, installation)
  const found: string[] = []
  for (const head of asked) {
    const token = 'Authorization: Bearer weather-token\r\nProxy-Authorization: Bearer weather-token\r\nConnection: close\r\n\r\n'
    const reply = await exchangeRaw(proxyPort, `${head}\r\n${token}`)
    assert.match(reply, /^HTTP\/1\.1 403 /, head)
    assert.ok(!reply.includes(installation.folder), reply)
    found.push(
      reply
        .replaceAll(idOf(reply), '<id>')
        .replaceAll(String(proxyPort), '<port>')
        .replace(/^date: .*$/im, 'Date: <time>'),
    )
  }
  return found
}

test('a denial is the same to the byte whatever other integrations there are and may do', async (t) => {
  const alone = await replies(t, {})
  const among = await replies(t, { 'mail.yaml': other('mail'), 'a.yaml': other('a'), 'zebra.yaml': other('zebra') })
  assert.deepEqual(among, alone)
})

test('a denial tells rule, reasons and a hint, and no root, address block, token or other path of the manifest', async (t) => {
  eachCase(await replies(t, { 'mail.yaml': other('mail') }), (reply) => {
    const problem = JSON.parse(reply.slice(reply.indexOf('\r\n\r\n')))
    assert.deepEqual(Object.keys(problem), [
      'type',
      'title',
      'status',
      'detail',
      'instance',
      'code',
      'self',
      'integration',
      'rule',
      'reasons',
      'hint',
    ])
    // True of a rule's deny as well, which may stand beside an allow.
    assert.equal(problem.title, 'The policy denies this request')
    assert.equal(problem.integration, 'weather')
    assert.equal(problem.rule, 'default/deny')
    assert.ok(problem.reasons.length > 0)
    assert.equal(problem.hint.manifest, 'weather.yaml')
    assert.doesNotMatch(reply, /data-of|theirs\/|10\.0\.0\.0|10\.1\.0\.0|public|\/v1\/\*\*|sha256|mail|label/)
  })
})
