/** `sallyport audit query | show` as they are typed: every command of docs/audit/query.md, and what they print. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { createProgram } from '../../src/cli/index.ts'
import { walName } from '../../src/records/index.ts'
import { eachCase } from '../support/cases.ts'
import { cleanEnv, command } from '../support/command.ts'
import { createFolder } from '../support/folder.ts'
import { createInstallation, main, root } from '../support/installation.ts'
import { type TestRecord, writeLog } from '../support/stored-log.ts'
import { walLine } from '../support/tlog-folder.ts'
import { decided, type Facts, settled } from '../support/written-log.ts'

const id = 'Zk3vQx8aT0Lw.1a'
const hostile = '=cmd|\u001b[2J\u202e"A1'
const facts: readonly Facts[] = [
  { type: 'started', version: '1' },
  { type: 'activated', revision: 'abc', how: 'start', integrations: 2 },
  decided('c.1', { kind: 'tunnel', subject: { host: 'api.example.com', port: 443 } }),
  decided(id, { parent: 'c.1', subject: { method: 'DELETE', scheme: 'https', host: 'api.example.com', port: 443, path: '/v1/users/7' } }),
  settled(id, { status: 503, attempts: 2, retried: [{ status: 502, afterMs: 3 }] }),
  decided('x.1', {
    allow: false,
    rule: 'uncovered',
    integration: 'mail',
    subject: { method: 'GET', scheme: 'http', host: '10.0.0.7', port: 80, path: '/' },
  }),
  decided('x.2', {
    allow: false,
    rule: 'uncovered',
    reasons: ['the address is private'],
    subject: { method: 'GET', scheme: 'http', host: 'b.example.com', port: 80, path: '/', query: hostile },
  }),
  settled('x.1', { status: 403, problem: 'denied' }),
  decided('x.3', { allow: false, rule: 'uncovered' }),
  { type: 'suspended', integration: 'mail', reason: hostile },
  { type: 'summed', who: 'mail', code: 'flood', count: 17 },
]
const records = facts.map((record, index) => ({
  time: new Date(Date.now() - 60_000 + index * 1000).toISOString(),
  ...record,
})) as TestRecord[]

function place(t: TestContext) {
  const { folder, configFile } = createInstallation(t)
  const log = join(folder, 'state/audit')
  mkdirSync(log, { recursive: true, mode: 0o700 })
  writeLog(log, records)
  return {
    log,
    words: ['--no-warnings', main, 'audit'],
    run: async (...words: readonly string[]) => {
      let printed = ''
      const all = ['audit', ...words, ...(words.includes('--folder') ? [] : ['--config', configFile])]
      const program = await createProgram(all, (text) => {
        printed += text
      })
      await program.parseAsync(all, { from: 'user' })
      return printed
    },
  }
}

const idOf = (row: string) => row.split(/ {2,}/).at(-1)
const rowsOf = (printed: string) => printed.split('\n').slice(0, -1)

test('every command of docs/audit/query.md finds something', async (t) => {
  const { run, log } = place(t)
  const page = readFileSync(join(root, 'docs/audit/query.md'), 'utf8')
  const lines = [...page.matchAll(/^ {4}sallyport audit (.*)$/gm)].map(([, words = '']) => words)
  assert.ok(lines.length > 15)
  process.env['XDG_CACHE_HOME'] = createFolder(t)
  await eachCase(lines, async (line) => {
    const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => (quoted ?? plain ?? '').replace('copy-of-the-log', log))
    assert.notEqual(await run(...words), '', line)
  })
})

test('a request is one row, newest first, and pages follow one another', async (t) => {
  const { run } = place(t)
  const all = rowsOf(await run('query', '--kind', 'http'))
  assert.deepEqual(all.map(idOf), ['x.3', 'x.2', 'x.1', id])
  assert.match(
    all[3] ?? '',
    /^\S+Z {2}weather {2}ALLOW {2}DELETE https:\/\/api\.example\.com:443\/v1\/users\/7 +capability\/read +503 1\.5 ms/,
  )
  assert.deepEqual(rowsOf(await run('query', '--kind', 'http', '-n', '2')).map(idOf), ['x.3', 'x.2'])
  assert.deepEqual(rowsOf(await run('query', '--kind', 'http', '-n', '2', '--cursor', '6')).map(idOf), ['x.1', id])
  assert.deepEqual(rowsOf(await run('query', '--kind', 'http', '--oldest')).map(idOf), [id, 'x.1', 'x.2', 'x.3'])
})

test('sums count the requests of a flood as well', async (t) => {
  const { run } = place(t)
  assert.equal(
    await run('query', '--by', 'integration', '-o', 'csv'),
    'integration,requests,allowed,denied,refused,sentBytes,receivedBytes\nmail,18,0,1,17,10,100\nweather,4,2,2,0,10,100\n',
  )
  const byDecision = rowsOf(await run('query', '--by', 'decision', '-o', 'json')).map((row) => JSON.parse(row))
  assert.deepEqual(
    byDecision.map(({ decision, requests }) => [decision, requests]),
    [
      ['refused', 17],
      ['deny', 3],
      ['allow', 2],
    ],
  )
})

test('nothing in a record does anything to a terminal or a spreadsheet', async (t) => {
  const { run } = place(t)
  await eachCase(['table', 'json', 'csv'], async (format) => {
    const printed = await run('query', '-o', format, '-n', '0')
    assert.match(printed, /cmd/)
    assert.doesNotMatch(printed.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u, format)
  })
  assert.match(await run('query', '-o', 'csv', '--id', 'x.2'), /,"'=cmd\|\\u001b\[2J\\u202e""A1",/)
  assert.doesNotMatch((await run('show', 'x.2')).replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
})

test('show gives a request with what it came in, and its records as they stand', async (t) => {
  const { run, log } = place(t)
  process.env['XDG_CACHE_HOME'] = createFolder(t)
  const shown = JSON.parse(await run('show', id, '--json'))
  assert.deepEqual([shown.entry.id, shown.parent.id, shown.entry.status], [id, 'c.1', 503])
  assert.deepEqual(
    shown.records,
    [3, 4].map((index) => ({ index, record: { seq: index, ...records[index] } })),
  )
  assert.deepEqual(
    JSON.parse(await run('show', 'c.1', '--json')).inside.map((entry: { id: string }) => entry.id),
    [id],
  )
  assert.match(await run('show', id), /attempts +2\nretried +\[\{"status":502/)
  assert.match(await run('show', id, '--folder', log), new RegExp(`^ {2}sallyport audit prove 3 --folder ${log}$`, 'm'))
  await assert.rejects(run('show', 'none'), { name: 'CommandError', exitCode: 1 })
})

test('commands at the same time ask a copy without a configuration, and write nothing into it', async (t) => {
  const { log, words } = place(t)
  const before = readdirSync(log)
  const cache = createFolder(t)
  const env = cleanEnv({ XDG_CACHE_HOME: cache })
  const ask = () =>
    command(process.execPath, [...words, 'query', '--folder', log, '--by', 'decision', '-o', 'csv'], {
      env,
      cwd: '/',
    })
  const asked = await Promise.all([ask(), ask()])
  assert.deepEqual(
    asked.map(({ code, stdout }) => [code, /^refused,17,/m.test(stdout)]),
    [
      [0, true],
      [0, true],
    ],
  )
  assert.deepEqual(readdirSync(log), before)
  assert.equal(readdirSync(join(cache, 'sallyport/audit-index')).length, 1)
})

test('what cannot be asked is said: a status that is none, words without a letter, a folder without a log', async (t) => {
  const { run } = place(t)
  await assert.rejects(run('query', '--status', '40'), { exitCode: 64, message: /"40" is not a status/ })
  await assert.rejects(run('query', '--text', '...'), { exitCode: 64, message: /no letter and no digit/ })
  await assert.rejects(run('query', '--folder', createFolder(t)), { exitCode: 69, message: /there is no audit log yet/ })
  await assert.rejects(run('query', '--folder', '/nonexistent'), { exitCode: 69 })
})

test('tail takes the same filters, as far back as it must, and shows ids', async (t) => {
  const { run } = place(t)
  assert.match(
    await run('tail', '--kind', 'http', '--decision', 'allow'),
    /^\S+Z {2}weather {2}ALLOW {2}DELETE [^\n]* {2}503 1\.5 ms {2}Zk3vQx8aT0Lw\.1a\n$/,
  )
  assert.deepEqual(rowsOf(await run('tail', '--kind', 'http', '-n', '2')).map(idOf), ['x.2', 'x.3'])
  assert.deepEqual(
    rowsOf(await run('tail', '--integration', 'mail', '--json')).map((row) => JSON.parse(row).type),
    ['decided', 'suspended', 'summed'],
  )
})

test('what is followed is wanted by the same filter, also where it began before', async (t) => {
  const { log, words } = place(t)
  const following = spawn(process.execPath, [...words, 'tail', '-f', '--folder', log, '--integration', 'weather', '--status', '2xx'], {
    env: cleanEnv({ XDG_CACHE_HOME: createFolder(t) }),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => following.kill('SIGKILL'))
  const rows = createInterface(following.stdout)[Symbol.asyncIterator]()
  const later = [
    settled('x.3'),
    settled('x.2', { status: 500 }),
    decided('n.1', { integration: 'mail' }),
    settled('n.1'),
    decided('n.2'),
    settled('n.2'),
  ]
  appendFileSync(
    join(log, 'wal', walName(0)),
    later.map((record) => walLine(JSON.stringify({ time: '2030-01-01T00:00:00Z', ...record }))).join(''),
  )
  const [first, second] = [await rows.next(), await rows.next()]
  assert.deepEqual([first.value ?? '', second.value ?? ''].map(idOf), ['x.3', 'n.2'])
})
