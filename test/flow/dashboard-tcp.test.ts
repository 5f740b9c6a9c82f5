/** The dashboard on the operator's TCP port: who gets a session, what it may do, and that nothing else of the port is otherwise. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type AdminGateway, type Answered, type Asking, askAdmin, bearer, startAdminGateway } from '../support/admin-gateway.ts'
import { eachCase } from '../support/cases.ts'
import { grant } from '../support/grant.ts'

/** Lives as long as this file. */
const cleanups: (() => unknown)[] = []
const whole = { after: (cleanup: () => unknown) => void cleanups.push(cleanup) }
const roles = ['viewer', 'auditor', 'operator'] as const
const tokenOf = (role: string) => `token-of-the-${role}`

let gateway: AdminGateway

before(async () => {
  const tokens = roles.map((role) => `{ name: the-${role}, role: ${role}, token: { file: ./${role} } }`).join(', ')
  gateway = await startAdminGateway(
    whole,
    {
      manifests: { 'weather.yaml': grant() },
      tcp: 'dashboard: { hosts: [gateway.example] }',
      admin: `tokens: [${tokens}]`,
    },
    async ({ write }) => roles.map((role) => write(role, tokenOf(role))),
  )
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

const ask = (path: string, { headers, ...asking }: Asking = {}): Promise<Answered> =>
  askAdmin(gateway.adminPort, path, { ...asking, headers: { host: `127.0.0.1:${gateway.adminPort}`, ...headers } })
const own = (host = '127.0.0.1') => ({
  host: `${host}:${gateway.adminPort}`,
  origin: `http://${host}:${gateway.adminPort}`,
  'sec-fetch-site': 'same-origin',
})

async function signIn(role: string): Promise<Record<string, string>> {
  const { status, headers, text } = await ask('/dashboard/session', { method: 'POST', headers: { ...own(), ...bearer(tokenOf(role)) } })
  assert.equal(status, 200)
  return { cookie: String(headers['set-cookie']).split(';')[0] ?? '', 'sallyport-key': JSON.parse(text).key }
}

test('a token opens a session with the name and the role of its holder, which the gateway holds it to', async () => {
  const asked = [
    ['GET', '/v1/status', [200, 200, 200]],
    ['GET', '/v1/audit/records', [403, 200, 200]],
    ['GET', '/v1/policy/diff', [403, 400, 400]],
    ['POST', '/v1/reload?reason=a', [403, 403, 200]],
    ['POST', '/v1/integrations/weather/suspend?reason=a', [403, 403, 200]],
  ] as const
  await eachCase(roles, async (role) => {
    const headers = { ...own(), ...(await signIn(role)) }
    assert.deepEqual(JSON.parse((await ask('/v1/me', { headers })).text), { name: `the-${role}`, role, personal: false, by: 'token' })
    const given = await Promise.all(asked.map(async ([method, path]) => (await ask(path, { method, headers })).status))
    assert.deepEqual(
      given,
      asked.map(([, , expected]) => expected[roles.indexOf(role)]),
    )
  })
  const acted = gateway.installation.records().filter(({ type, act }) => type === 'acted' && act === 'suspend')
  assert.deepEqual(
    acted.map(({ who, reason, ok }) => [who, reason, ok]),
    [
      ['the-viewer', 'a', false],
      ['the-auditor', 'a', false],
      ['the-operator', 'a', true],
    ],
  )
})

test('without a token there is no session, and without a session a page gets nothing', async () => {
  await eachCase([{}, bearer('token-of-the-viewe'), bearer('')], async (headers) =>
    assert.equal((await ask('/dashboard/session', { method: 'POST', headers: { ...own(), ...headers } })).status, 401),
  )
  const { cookie = '', 'sallyport-key': key = '' } = await signIn('operator')
  const { cookie: other = '' } = await signIn('viewer')
  const wrong: Readonly<Record<string, string>>[] = [
    { 'sallyport-key': key },
    { 'sallyport-key': key, cookie: other },
    { 'sallyport-key': 'x', cookie },
  ]
  await eachCase(wrong, async (headers) => assert.equal((await ask('/v1/status', { headers })).status, 401))
  // Beside a key that is none, a token counts for nothing: it is one who asks, or nobody.
  assert.equal((await ask('/v1/status', { headers: { 'sallyport-key': 'x', ...bearer(tokenOf('operator')) } })).status, 401)
  assert.equal((await ask('/v1/status', { headers: { cookie } })).status, 401)
})

test('a host that is not in admin.tcp.dashboard.hosts is refused, and so is a page of another origin', async () => {
  const session = await signIn('operator')
  await eachCase(['gateway.example', 'localhost', '127.0.0.1', '10.1.2.3', '[::1]'], async (host) => {
    assert.equal((await ask('/dashboard/', { headers: { host: `${host}:${gateway.adminPort}` } })).status, 200)
    assert.equal((await ask('/v1/status', { headers: { ...session, ...own(host) } })).status, 200)
  })
  const foreign: Readonly<Record<string, string>>[] = [
    own('evil.example'),
    { ...own(), host: 'evil.example' },
    { ...own(), origin: 'http://evil.example' },
    { ...own(), 'sec-fetch-site': 'cross-site' },
  ]
  await eachCase(foreign, async (headers) => {
    assert.equal((await ask('/dashboard/', { headers })).status, 403)
    assert.equal((await ask('/v1/reload', { method: 'POST', headers: { ...session, ...headers } })).status, 403)
    assert.equal((await ask('/dashboard/session', { method: 'POST', headers: { ...headers, ...bearer(tokenOf('operator')) } })).status, 403)
  })
})

test('who asks without a session is answered as before: a token does, and no page of a browser', async () => {
  const token = bearer(tokenOf('operator'))
  assert.equal((await ask('/v1/status', { headers: token })).status, 200)
  assert.equal((await ask('/v1/status', { headers: { ...token, ...own() } })).status, 403)
  assert.equal((await ask('/v1/status')).status, 401)
})
