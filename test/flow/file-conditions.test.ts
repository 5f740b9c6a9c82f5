/** Conditional requests for files (RFC 9110 §13): what the caller believes holds, or nothing happens; of several writers one wins. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { constants, linkSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { etagOf } from '../../src/resources/files/file-version.ts'
import { replaceFile } from '../../src/resources/files/replace.ts'
import { eachCase, times } from '../support/cases.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, startHere } from '../support/installation.ts'

/** Two gateways that serve one folder. */
async function arrange(t: TestContext) {
  const first = createInstallation(t)
  const data = join(first.folder, 'data')
  mkdirSync(data)
  const second = createInstallation(t)
  const files = grant({ files: [{ name: 'data', root: data, actions: ['stat', 'list', 'read', 'write'] }] })
  for (const installation of [first, second]) installation.write('integrations/weather.yaml', files)
  const ports = [(await startHere(t, first)).proxyPort, (await startHere(t, second)).proxyPort]
  const ask = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}, gateway = 0) =>
    fetch(`http://127.0.0.1:${ports[gateway]}/v1/files/data/${path}`, {
      ...init,
      headers: { authorization: 'Bearer weather-token', ...headers },
    })
  const put = (path: string, body: string, headers: Record<string, string> = {}, gateway = 0) =>
    ask(path, headers, { method: 'PUT', body }, gateway)
  const write = async (path: string, text: string): Promise<string> => (await put(path, text)).headers.get('etag') ?? ''
  return { data, ask, put, write }
}

const writers = Array.from({ length: 24 }, (_, index) => index)
const count = (statuses: readonly number[], status: number) => statuses.filter((statuse) => statuse === status).length

test('of many writers that replace the same version one succeeds, through two gateways too', async (t) => {
  const { data, put, write } = await arrange(t)
  await times(5, async (round) => {
    const etag = await write('a.txt', `round ${round}`)
    const replies = await Promise.all(writers.map((writer) => put('a.txt', `writer ${writer}`, { 'if-match': etag }, writer % 2)))
    const statuses = replies.map(({ status }) => status)
    assert.equal(count(statuses, 204), 1, statuses.join())
    assert.equal(count(statuses, 412), writers.length - 1, statuses.join())
    assert.equal(readFileSync(join(data, 'a.txt'), 'utf8'), `writer ${statuses.indexOf(204)}`)
  })
  assert.deepEqual(readdirSync(data), ['a.txt'])
})

test('of many writers that create the same file one succeeds, through two gateways too', async (t) => {
  const { data, put } = await arrange(t)
  await times(5, async (round) => {
    const name = `new-${round}`
    const replies = await Promise.all(writers.map((writer) => put(name, `writer ${writer}`, { 'if-none-match': '*' }, writer % 2)))
    const statuses = replies.map(({ status }) => status)
    assert.equal(count(statuses, 201), 1, statuses.join())
    assert.equal(count(statuses, 412), writers.length - 1, statuses.join())
    assert.equal(readFileSync(join(data, name), 'utf8'), `writer ${statuses.indexOf(201)}`)
  })
  assert.deepEqual(readdirSync(data).length, 5)
})

test('a version that another process replaces at this moment is left to it', async (t) => {
  const { data, put, write } = await arrange(t)
  const etag = await write('a.txt', 'old')
  linkSync(join(data, 'a.txt'), join(data, `.sallyport-claim-${etag.slice(1, -1)}`))
  assert.equal((await put('a.txt', 'new', { 'if-match': etag })).status, 412)
  assert.equal(readFileSync(join(data, 'a.txt'), 'utf8'), 'old')
  // Without a condition the last writer wins, as it says.
  assert.equal((await put('a.txt', 'new')).status, 204)
})

test('a claim that a dead process left is no lock forever', async (t) => {
  const folder = await open(createInstallation(t).folder)
  t.after(() => folder.close())
  const at = (name: string) => `/proc/self/fd/${folder.fd}/${name}`
  writeFileSync(at('a.txt'), 'old')
  writeFileSync(at('next'), 'new')
  const etag = etagOf(statSync(at('a.txt')))
  linkSync(at('a.txt'), at(`.sallyport-claim-${etag.slice(1, -1)}`))
  const conditions = { ifMatch: [etag], ifNoneMatch: null, ifModifiedSince: null, ifUnmodifiedSince: null }
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_600_000 })
  await assert.rejects(replaceFile(folder, 'a.txt', at('next'), conditions), /another writer was first/)
  assert.equal(await replaceFile(folder, 'a.txt', at('next'), conditions), false)
  assert.equal(readFileSync(at('a.txt'), 'utf8'), 'new')
})

test('a write is judged by every condition of the standard', async (t) => {
  const { data, put, write } = await arrange(t)
  const etag = await write('a.txt', 'old')
  const stranger = '"0-0-0"'
  const refused: readonly Record<string, string>[] = [
    { 'if-none-match': etag },
    { 'if-none-match': `W/${etag}` },
    { 'if-none-match': `${stranger}, ${etag}` },
    { 'if-none-match': '*' },
    { 'if-match': stranger },
    { 'if-match': `W/${etag}` },
    { 'if-match': etag, 'if-none-match': etag },
    { 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' },
    { 'if-unmodified-since': 'Sunday, 06-Nov-94 08:49:37 GMT' },
    { 'if-unmodified-since': 'Sun Nov  6 08:49:37 1994' },
  ]
  await eachCase(refused, async (headers) => {
    const reply = await put('a.txt', 'lost', headers)
    assert.deepEqual([reply.status, reply.headers.get('sallyport-problem')], [412, 'precondition-failed'], JSON.stringify(headers))
  })
  await eachCase([{ 'if-match': 'bare' }, { 'if-none-match': '"a" "b"' }, { 'content-range': 'bytes 0-2/3' }], async (headers) =>
    assert.equal((await put('a.txt', 'lost', headers)).status, 400, JSON.stringify(headers)),
  )
  assert.equal((await put('absent.txt', 'lost', { 'if-match': '*' })).status, 412)
  assert.equal(readFileSync(join(data, 'a.txt'), 'utf8'), 'old')

  const accepted: readonly Record<string, string>[] = [
    { 'if-match': '*' },
    { 'if-none-match': `${stranger}, W/"x,y"` },
    { 'if-unmodified-since': 'Fri, 01 Jan 2100 00:00:00 GMT' },
    { 'if-unmodified-since': 'yesterday' },
  ]
  await eachCase(accepted, async (headers) => assert.equal((await put('a.txt', 'new', headers)).status, 204, JSON.stringify(headers)))
  const current = await write('a.txt', 'again')
  assert.equal((await put('a.txt', 'new', { 'if-match': `${stranger} , ${current}` })).status, 204)
  assert.equal((await put('b.txt', 'new', { 'if-none-match': stranger })).status, 201)
  // If-Match goes before a time, which tells less.
  const b = await write('b.txt', 'again')
  assert.equal((await put('b.txt', 'new', { 'if-match': b, 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' })).status, 204)
})

test('a read, and a HEAD, answer 304 to a caller that has the file', async (t) => {
  const { data, ask, write } = await arrange(t)
  await write('a.txt', 'text')
  utimesSync(join(data, 'a.txt'), 1_000_000_000.5, 1_000_000_000.5)
  const whole = await ask('a.txt')
  assert.equal(await whole.text(), 'text')
  const etag = whole.headers.get('etag') ?? ''
  assert.equal(whole.headers.get('last-modified'), 'Sun, 09 Sep 2001 01:46:40 GMT')
  await eachCase(['GET', 'HEAD'], async (method) => {
    const status = async (headers: Record<string, string>) => (await ask('a.txt', headers, { method })).status
    assert.equal(await status({ 'if-none-match': etag }), 304)
    assert.equal(await status({ 'if-none-match': `"0", W/${etag}` }), 304)
    assert.equal(await status({ 'if-none-match': '*' }), 304)
    assert.equal(await status({ 'if-none-match': '"0"', 'if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT' }), 200)
    assert.equal(await status({ 'if-modified-since': 'Sun, 09 Sep 2001 01:46:40 GMT' }), 304)
    assert.equal(await status({ 'if-modified-since': 'Sun, 09 Sep 2001 01:46:39 GMT' }), 200)
    assert.equal(await status({ 'if-match': '"0"' }), 412)
    assert.equal(await status({ 'if-match': etag }), 200)
    assert.equal(await status({ 'if-unmodified-since': 'Sun, 09 Sep 2001 01:46:39 GMT' }), 412)
  })
})

test('a pipe is not there, and its writer is not woken', async (t) => {
  const { data, ask } = await arrange(t)
  const pipe = join(data, 'pipe')
  execFileSync('mkfifo', [pipe])
  let woken = false
  const writing = open(pipe, 'w').finally(() => {
    woken = true
  })
  await eachCase(
    [
      ['pipe', 'GET'],
      ['pipe', 'HEAD'],
      ['pipe?op=stat', 'GET'],
    ] as const,
    async ([path, method]) => assert.equal((await ask(path, {}, { method })).status, 404, `${method} ${path}`),
  )
  assert.deepEqual(await (await ask('?op=list')).json(), { entries: [], complete: true })
  assert.equal(woken, false)
  const reading = await open(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  await eachCase([await writing, reading], (end) => end.close())
})
