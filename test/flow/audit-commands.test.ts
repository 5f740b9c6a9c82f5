/** `sallyport audit` over logs of every condition: short, huge, tampered with, and none at all. */

import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readRecords, tailAudit, walName } from '../../src/records/index.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { createFolder } from '../support/folder.ts'
import { createInstallation, main } from '../support/installation.ts'
import { walLine, writeTlog } from '../support/tlog-folder.ts'

const node = process.execPath

/** Each of the texts in place of a record. */
function place(t: TestContext, records: readonly string[] | null) {
  const installation = createInstallation(t)
  const folder = join(installation.folder, 'state/audit')
  mkdirSync(folder, { recursive: true })
  if (records !== null) writeTlog(folder, { records })
  return { ...commandsOf(installation.configFile), folder }
}

function commandsOf(configFile: string) {
  const words = (args: string) => `${node} --no-warnings ${main} audit ${args} --config ${configFile}`
  return {
    run: (args: string) => command('sh', ['-c', words(args)]),
    /** The command's own exit code is on standard error. */
    pipe: (args: string, into: string) => command('bash', ['-c', `${words(args)} | ${into}; echo "code \${PIPESTATUS[0]}" >&2`]),
  }
}

const time = '2026-11-28T00:00:00.000Z'
const breaker = (seq: number) => `{"seq":${seq},"time":"${time}","type":"breaker","state":"open"}`
const decided = (id: string) => `{"time":"${time}","type":"decided","id":"${id}","allow":true,"rule":"r","integration":"weather"}`
const settled = (id: string) => `{"time":"${time}","type":"settled","id":"${id}","status":200,"durationMs":1}`
const rowsOf = (stdout: string) => stdout.split('\n').slice(0, -1)

for (const args of ['tail -n 20000', 'tail -n 20000 --json', 'verify'])
  test(`a reader that has seen enough ends a command without a word: ${args}`, async (t) => {
    const { pipe } = place(
      t,
      Array.from({ length: 20_000 }, (_, index) => breaker(index)),
    )
    const { stdout, stderr } = await pipe(args, 'head -1')
    assert.equal(rowsOf(stdout).length, 1)
    // What "verify" says of a good log may be written before its reader has left.
    assert.match(stderr, args === 'verify' ? /^code (141|0)\n$/ : /^code (141|1)\n$/, args)
  })

test('audit tail shows as many rows as were asked for', async (t) => {
  const ids = Array.from({ length: 28 }, (_, index) => `r${index}`)
  const { run } = place(t, [...ids.map(decided), ...ids.map(settled), breaker(1), decided('r28'), decided('r29')])
  assert.deepEqual(rowsOf((await run('tail -n 0')).stdout), [])
  assert.match((await run('tail -n 1')).stdout, /\(not settled\) {2}r29\n$/)
  assert.deepEqual(
    rowsOf((await run('tail -n 5')).stdout).map((row) => row.split('  ').at(-1)),
    ['r26', 'r27', 'state=open', 'r28', 'r29'],
  )
  assert.equal(rowsOf((await run('tail -n 100')).stdout).length, 31)
  assert.equal(rowsOf((await run('tail -n 2 --json')).stdout).length, 2)
})

test('a row of audit tail says of a refusal what was asked for, and who its caller claims to be', async (t) => {
  const refused = {
    ...{ time, type: 'refused', id: 'r1', integration: null, code: 'unidentified', detail: 'send a token', claimed: 'weather' },
    subject: { method: 'GET', scheme: 'http', host: 'example.com', port: 80, path: '/a', query: 'b=1' },
  }
  const { claimed: _, subject: __, ...bare } = refused
  const { run } = place(t, [JSON.stringify(refused), settled('r1'), JSON.stringify({ ...bare, id: 'r2' })])
  assert.deepEqual(
    rowsOf((await run('tail')).stdout).map((row) => row.slice(row.indexOf('  '))),
    [
      '  - (claims to be weather)  REFUSED  GET http://example.com:80/a?b=1  unidentified: send a token  200 1 ms  r1',
      '  -  REFUSED  unidentified: send a token  (not settled)  r2',
    ],
  )
})

test('more records are read than a call has arguments, over files and bundles', async (t) => {
  const folder = createFolder(t)
  writeTlog(folder, { records: Array.from({ length: 140_000 }, () => '{}'), walFrom: 70_001 })
  const records = await tailAudit(folder, 130_000)
  assert.equal(records.length, 130_000)
  assert.deepEqual(
    [records[0], records.at(-1)],
    [10_000, 139_999].map((index) => ({ index, text: '{}' })),
  )
})

test('what is written after the end was read is followed, over files and half lines', async (t) => {
  const half = walLine('half')
  const folder = createFolder(t, { [`wal/${walName(0)}`]: `${walLine('a')}${walLine('b')}${half.slice(0, 11)}` })
  assert.deepEqual(await tailAudit(folder, 1), [{ index: 1, text: 'b' }])
  const enough = new AbortController()
  const following = readRecords(folder, { from: 2, follow: true, signal: enough.signal })
  const next = async () => (await following.next()).value
  appendFileSync(join(folder, 'wal', walName(0)), half.slice(11))
  assert.deepEqual(await next(), [{ index: 2, text: 'half' }])
  writeFileSync(join(folder, 'wal', walName(3)), walLine('c'))
  assert.deepEqual(await next(), [{ index: 3, text: 'c' }])
  appendFileSync(join(folder, 'wal', walName(3)), walLine('d'))
  assert.deepEqual(await next(), [{ index: 4, text: 'd' }])
  enough.abort()
  assert.equal(await next(), undefined)
})

test('a record that cannot be read is shown with its place among the others', async (t) => {
  const { run } = place(t, [breaker(0), '{"seq":1,', 'null', breaker(3)])
  const { stdout, code } = await run('tail')
  assert.equal(code, 0)
  assert.deepEqual(
    rowsOf(stdout).map((row) => row.split('  ').slice(0, 3).join(' ')),
    [`${time} - BREAKER`, 'record 1 - UNREADABLE', 'record 2 - UNREADABLE', `${time} - BREAKER`],
  )
})

for (const args of ['verify', 'verify --json', 'tail'])
  test(`a folder without a record is no log: ${args}`, async (t) => {
    const { run } = place(t, null)
    const { stdout, stderr, code } = await run(args)
    assert.deepEqual({ stdout, code }, { stdout: '', code: 69 }, args)
    assert.match(stderr, /^there is no audit log yet \(.*\/state\/audit\)/)
  })

test('nothing in a record does anything to the terminal that shows it', async (t) => {
  const odd = '\u202e\u2066\u200f\u061c\u009b31m\u0085\u2028\u2029\u007f\ufeff\u{e0041}'
  const { run } = place(t, [
    `{"time":"t","type":"decided","id":"a","allow":false,"rule":"r${odd}","integration":"weather","kind":"http","subject":{"path":"/${odd}"}}`,
    `{"time":"t","type":"rejected","problem":"\\u001b[2J${odd}"}`,
    'null',
  ])
  await eachCase(['tail', 'tail --json', 'verify', 'verify --json'], async (args) => {
    const { stdout } = await run(args)
    assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\u2028\u2029]/u, args)
  })
  const [first] = rowsOf((await run('tail --json')).stdout)
  assert.equal((JSON.parse(first ?? '') as { rule: string }).rule, `r${odd}`)
})

test('verify looks for a noted head, and refuses a word that is not a head', async (t) => {
  const { run, folder } = place(t, null)
  writeFileSync(join(folder, '00000001.jsonl'), `{"seq":1,"type":"breaker","prev":"${hash('sha256', 'sallyport audit log v1')}"}\n`)
  const [, head = ''] = /^head ([0-9a-f]{64})$/m.exec((await run('verify')).stdout) ?? []
  const found = await run(`verify --head ${head.toUpperCase()} --head ${head}`)
  assert.deepEqual([found.code, found.stdout.includes(`noted ${head} is 00000001.jsonl:1\n`)], [0, true])
  const missing = await run(`verify --head ${head} --head ${'0'.repeat(64)}`)
  assert.equal(missing.code, 1)
  assert.match(missing.stdout, /the noted head 0{64} is not in the log/)
  assert.equal((await run('verify --head abc')).code, 64)
})
