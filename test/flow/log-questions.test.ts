/** The audit log asked over HTTP: pages, sums, single requests, and what of them a role sees. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseVerifierKey, verifyProof } from '../../src/proof/index.ts'
import { askAdmin, bearer, startAdminGateway } from '../support/admin-gateway.ts'
import { eachCase, times, until } from '../support/cases.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { exchangeRaw, manifest, proxyHeader } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

const auditor = bearer('token-of-the-auditor')
const seeing = bearer('token-of-the-seeing')

interface Entry {
  readonly [name: string]: unknown
  readonly index: number
}

async function start(t: TestContext, config = '') {
  const origin = await startOrigin(t)
  const gateway = await startAdminGateway(
    t,
    {
      manifests: {
        'weather.yaml': grant({ network: [toLocalhost(origin.port, { paths: ['/v1/**'] })] }),
        'other.yaml': manifest('other', 'network: []'),
      },
      config,
      admin: `tokens: [
        { name: ann, role: auditor, token: { file: ./ann } },
        { name: sam, role: auditor, personal: true, token: { file: ./sam } }]`,
    },
    async ({ write }) => {
      write('ann', 'token-of-the-auditor')
      write('sam', 'token-of-the-seeing')
    },
  )
  const settled = () => gateway.installation.records().filter(({ type }) => type === 'settled').length
  const request = async (path: string, who = 'weather') => {
    const before = settled()
    await exchangeRaw(
      gateway.proxyPort,
      `GET http://localhost:${origin.port}${path} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader(who)}\r\nConnection: close\r\n\r\n`,
    )
    await until(
      () => settled() > before,
      () => new Promise((resolve) => setImmediate(resolve)),
    )
  }
  const get = async (path: string, headers: Readonly<Record<string, string>> = auditor) => {
    const { status, text } = await askAdmin(gateway.adminPort, `/v1/audit/${path}`, { headers })
    return {
      status,
      text,
      body: JSON.parse(text) as { entries: Entry[]; next: number | null; detail: string; sums: Entry[] } & Record<string, unknown>,
    }
  }
  return { ...gateway, request, get }
}

test('records are found by the filters, page by page, and each answer is recorded with what was asked', async (t) => {
  const { request, get, installation } = await start(t)
  await request('/v1/a')
  await request('/admin')
  await request('/v1/b', 'other')
  const columns = async (query: string) =>
    (await get(`records?${query}`)).body.entries.map(({ integration, path, status }) => [integration, path, status])
  assert.deepEqual(await columns('decision=deny'), [
    ['other', '/v1/b', 403],
    ['weather', '/admin', 403],
  ])
  assert.deepEqual(await columns('host=localhost&path=/v1/*&order=oldest&integration=weather&integration=other'), [
    ['weather', '/v1/a', 200],
    ['other', '/v1/b', 403],
  ])
  const first = await get('records?type=decided&limit=2')
  const second = await get(`records?type=decided&limit=2&cursor=${first.body.next}`)
  assert.deepEqual([first.body.entries.length, second.body.entries.map(({ path }) => path), second.body.next], [2, ['/v1/a'], null])
  const sums = await get('sums?by=decision&kind=http')
  assert.deepEqual(
    sums.body.sums.map(({ value, requests }) => [value, requests]),
    [
      ['deny', 2],
      ['allow', 1],
    ],
  )
  const reads = installation.records().filter(({ type }) => type === 'read')
  assert.partialDeepStrictEqual(reads[0], {
    who: 'ann',
    role: 'auditor',
    by: 'token',
    what: 'records',
    asked: { decision: 'deny' },
    records: 2,
  })
  assert.deepEqual(
    reads.map(({ what, records }) => [what, records]),
    [
      ['records', 2],
      ['records', 2],
      ['records', 2],
      ['records', 1],
      ['sums', 0],
    ],
  )
})

test('one request is shown with all of its records, as they are in the log', async (t) => {
  const { request, get, installation } = await start(t)
  await request('/v1/a')
  const [decided, settled] = installation.records().filter(({ type }) => type === 'decided' || type === 'settled')
  const shown = await get(`requests/${String(decided?.['id'])}`)
  const records = shown.body['records'] as { index: number; record: unknown; text: string; proof: string }[]
  assert.deepEqual(
    records.map(({ record, text }) => [record, JSON.parse(text)]),
    [
      [decided, decided],
      [settled, settled],
    ],
  )
  assert.equal(records[0]?.proof, `/v1/audit/proofs/${records[0]?.index}`)
  assert.equal((shown.body['entry'] as Entry)['status'], 200)
  assert.equal((await get('requests/nothing')).status, 404)
})

test('what is personal is masked in every answer, and no filter, sum or id asks for it', async (t) => {
  const { request, get } = await start(t, 'audit: { personal: [path, identity] }')
  await request('/v1/people/anna')
  const masked = await get('records?type=decided')
  assert.partialDeepStrictEqual(masked.body.entries[0], { path: '[personal]', identity: '[personal]', integration: 'weather' })
  assert.doesNotMatch(masked.text, /anna/)
  const id = String(masked.body.entries[0]?.['id'])
  assert.doesNotMatch((await get(`requests/${id}`)).text, /anna|"text"|proof/)
  const whole = await get(`requests/${id}`, seeing)
  assert.match(whole.text, /\/v1\/people\/anna/)
  await eachCase(
    [
      'records?path=/v1/people/*',
      'records?text=anna',
      'records?identity=token',
      'sums?by=path',
      'sums?by=identity',
      'proofs/0',
      'consistency?old=1',
    ],
    async (path) => {
      const { status, text } = await get(path)
      assert.equal(status, 403, path)
      assert.doesNotMatch(text, /anna/)
      assert.notEqual((await get(path, seeing).catch(() => ({ status: 200 }))).status, 403, path)
    },
  )
  // What the other has asked for is masked as well.
  const reads = await get('records?type=read&limit=500')
  assert.doesNotMatch(reads.text, /people|anna/)
})

test('what cannot be asked is a 400 that says why, and nothing of it is run', async (t) => {
  const { get } = await start(t)
  await eachCase(
    [
      ['records?limit=501', /limit is from 1 to 500/],
      ['records?limit=0', /limit/],
      ['records?limit=1e2', /whole number/],
      ['records?cursor=-1', /whole number/],
      ['records?cursor=1%20OR%201=1', /whole number/],
      ['records?order=random', /newest or oldest/],
      ['records?hots=a', /there is no parameter "hots"/],
      ['records?decision=maybe', /not a decision/],
      ['records?status=abc', /not a status/],
      ['records?text=%22', /no letter/],
      ['records?since=now', /a time like/],
      ['records?limit=1&limit=2', /twice/],
      ['sums', /expected by=/],
      ['sums?by=peer', /there are no sums by that/],
      ['sums?by=constructor', /there are no sums by that/],
      ['consistency', /expected old=/],
      ['proofs/x', /whole number/],
      ['requests/%ff', /decode/],
      ['requests/a?x=1', /no parameters/],
    ] as const,
    async ([path, detail]) => {
      const { status, body } = await get(path)
      assert.equal(status, 400, path)
      assert.match(body.detail, detail)
    },
  )
  const injected = await get(`records?integration=${encodeURIComponent('weather" OR "a')}&text=${encodeURIComponent('a" OR "b*')}`)
  assert.deepEqual([injected.status, injected.body.entries], [200, []])
  assert.equal((await get('proofs/99999')).status, 404)
})

test('nobody asks for more at once than is answered at once, and what is too much is told when to come again', async (t) => {
  const { get, adminPort } = await start(t)
  await get('records')
  const answers = await Promise.all(Array.from({ length: 12 }, () => askAdmin(adminPort, '/v1/audit/records', { headers: auditor })))
  const statuses = answers.map(({ status }) => status).sort()
  assert.deepEqual([statuses[0], statuses.at(-1)], [200, 429])
  assert.ok(answers.every(({ status, headers }) => status === 200 || headers['retry-after'] === '1'))
  await times(2, async () => assert.equal((await get('records')).status, 200))
})

test('text that acts on a terminal is escaped in answers', async (t) => {
  const { request, get } = await start(t)
  await request('/v1/%E2%80%AEevil%C2%9B31m')
  const { text, body } = await get('records?type=decided')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  assert.doesNotMatch(text, /[\x00-\x1f\x7f-\x9f\u202e]/)
  assert.equal(body.entries.length, 1)
})

test('each record of a request is proved by what the gateway itself has signed', async (t) => {
  const { request, get, installation, adminPort } = await start(t)
  await request('/v1/a')
  const { entries } = (await get('records?type=decided')).body
  const shown = await get(`requests/${String(entries[0]?.['id'])}`)
  const records = shown.body['records'] as { text: string; proof: string }[]
  const key = parseVerifierKey(readFileSync(join(installation.folder, 'state/audit/verifier-key'), 'utf8').trim())
  assert.equal(records.length, 2)
  await eachCase(records, async ({ text, proof }) => {
    let answer = await askAdmin(adminPort, proof, { headers: auditor })
    // A checkpoint that covers it is signed within a second.
    await until(
      () => answer.status === 200,
      async () => {
        answer = await askAdmin(adminPort, proof, { headers: auditor })
      },
    )
    assert.equal(verifyProof(Buffer.from(answer.text), key).record.toString(), text)
  })
})
