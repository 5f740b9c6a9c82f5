/** Who gets into the dashboard of the command: the browser that was given its address, once, and nobody else on loopback. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createLoopbackDashboard, type LoopbackDashboard } from '../../src/dashboard/index.ts'
import { type Answered, type Asking, askAdmin } from '../support/admin-gateway.ts'
import { eachCase } from '../support/cases.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, startHere } from '../support/installation.ts'

/** Lives as long as this file. */
const cleanups: (() => unknown)[] = []
const whole = { after: (cleanup: () => unknown) => void cleanups.push(cleanup) }

let socket: string
let served: LoopbackDashboard
let port: number
let secret: string

before(async () => {
  const installation = createInstallation(whole, { manifests: { 'weather.yaml': grant() } })
  await startHere(whole, installation)
  socket = join(installation.folder, 'state/admin.sock')
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

async function open(): Promise<void> {
  served = await createLoopbackDashboard({ socketPath: socket, operator: 'olga' }, 0)
  cleanups.push(served.close)
  const url = new URL(served.url)
  port = Number(url.port)
  secret = url.hash.replace('#once=', '')
}

const ask = (path: string, { headers, ...asking }: Asking = {}): Promise<Answered> =>
  askAdmin(port, path, { ...asking, headers: { host: `127.0.0.1:${port}`, ...headers } })
const enter = (headers: Readonly<Record<string, string>> = {}) =>
  ask('/dashboard/session', { method: 'POST', headers: { authorization: `Bearer ${secret}`, ...headers } })

async function session(): Promise<Record<string, string>> {
  await open()
  const { headers, text } = await enter()
  const [cookie = ''] = String(headers['set-cookie']).split(';')
  return { cookie, 'sallyport-key': JSON.parse(text).key }
}

test('the secret of the address opens one session, which asks over the operator’s socket', async () => {
  const proved = await session()
  const { status, text } = await ask('/v1/me', { headers: proved })
  assert.deepEqual([status, JSON.parse(text).role], [200, 'operator'])
  assert.equal((await enter()).status, 401)
  assert.equal((await ask('/v1/me', { headers: proved })).status, 200)
})

test('the cookie is for no script, no other site and no other path, and the page is for no frame and no script but its own', async () => {
  await open()
  const entered = await enter()
  assert.match(String(entered.headers['set-cookie']), /^sallyport-dashboard=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
  const { headers, text } = await ask('/dashboard/')
  assert.match(String(headers['content-security-policy']), /^default-src 'none'; script-src 'self'; style-src 'self';/)
  assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'; require-trusted-types-for 'script'/)
  assert.doesNotMatch(text, /<style|style=|\son\w+=|<script(?![^>]*src=)|https?:/)
})

test('neither the cookie nor the key alone is a session', async () => {
  const proved = await session()
  const { cookie = '', 'sallyport-key': key = '' } = proved
  const wrong: Readonly<Record<string, string>>[] = [
    {},
    { cookie },
    { 'sallyport-key': key },
    { cookie, 'sallyport-key': `${key}x` },
    { cookie: `${cookie}x`, 'sallyport-key': key },
    { authorization: `Bearer ${secret}` },
  ]
  await eachCase(wrong, async (headers) => assert.equal((await ask('/v1/status', { headers })).status, 401))
})

test('another secret opens nothing, and does not use up the one there is', async () => {
  await open()
  await eachCase(['', 'Bearer x', `Bearer ${secret}x`, `Basic ${secret}`], async (authorization) =>
    assert.equal((await enter({ authorization })).status, 401),
  )
  assert.equal((await enter()).status, 200)
})

test('a name that was rebound to this machine reaches nothing, and neither does a page of another origin', async () => {
  const proved = await session()
  const own = `http://127.0.0.1:${port}`
  const foreign: Readonly<Record<string, string>>[] = [
    { host: 'evil.example' },
    { host: `evil.example:${port}` },
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: `http://127.0.0.1:${port + 1}` },
    { origin: `https://127.0.0.1:${port}` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]
  await eachCase(foreign, async (headers) => {
    assert.equal((await ask('/dashboard/', { headers })).status, 403)
    assert.equal((await ask('/v1/status', { headers: { ...proved, ...headers } })).status, 403)
    assert.equal((await ask('/v1/reload', { method: 'POST', headers: { ...proved, ...headers } })).status, 403)
  })
  const given = { ...proved, origin: own, 'sec-fetch-site': 'same-origin' }
  assert.equal((await ask('/v1/reload', { method: 'POST', headers: given })).status, 200)
  assert.equal(
    (await ask('/v1/status', { headers: { ...given, host: `localhost:${port}`, origin: `http://localhost:${port}` } })).status,
    200,
  )
})

test('no path of a request is a path of the disk, and a session that was ended is over', async () => {
  const proved = await session()
  await eachCase(
    ['/dashboard/../pages.ts', '/dashboard/%2e%2e/pages.ts', '/dashboard/lib', '/dashboard/lib/', '/etc/passwd', '/dashboard//lib/dom.js'],
    async (path) => assert.equal((await ask(path, { headers: proved })).status, 404),
  )
  assert.equal((await ask('/dashboard/session', { method: 'DELETE', headers: proved })).status, 204)
  assert.equal((await ask('/v1/status', { headers: proved })).status, 401)
})

test('what is not there any more is said', async () => {
  const proved = await session()
  const other = await createLoopbackDashboard({ socketPath: join(socket, '../none.sock'), operator: 'olga' }, 0)
  cleanups.push(other.close)
  const url = new URL(other.url)
  port = Number(url.port)
  secret = url.hash.replace('#once=', '')
  const { headers, text } = await enter()
  const [cookie = ''] = String(headers['set-cookie']).split(';')
  const { status, text: told } = await ask('/v1/status', { headers: { ...proved, cookie, 'sallyport-key': JSON.parse(text).key } })
  assert.deepEqual([status, JSON.parse(told).detail], [502, 'the gateway is not running'])
})
