/** `sallyport audit review` on a copy of a log, and the check of docs/audit/review.md beside the shipped ones. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseVerifierKey, verifyProof } from '../../src/proof/index.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { createFolder } from '../support/folder.ts'
import { main, root } from '../support/installation.ts'
import { allowed, type TestRecord, writeLog } from '../support/stored-log.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')
const inWindow = '--since 2026-01-30 --until 2026-01-31'
const records = [
  allowed('2026-01-01T10:00:00.000Z', 'mail', 'old.example'),
  allowed('2026-01-30T10:00:00.000Z', 'mail', 'old.example'),
  allowed('2026-01-30T10:00:01.000Z', 'mail', 'files.example'),
]

function place(t: TestContext, given: readonly TestRecord[], files: Readonly<Record<string, string>> = {}) {
  const log = createFolder(t)
  writeLog(log, given)
  const folder = createFolder(t, files)
  const words = ['--no-warnings', main, 'audit', 'review', '--folder', log]
  return { log, run: (args: string) => command(process.execPath, [...words, ...args.split(' ')], { cwd: folder }) }
}

test('findings are printed with the records that show them, worst first, without a configuration', async (t) => {
  const { log, run } = place(t, records)
  const { code, stdout, stderr } = await run(inWindow)
  assert.equal(
    stdout,
    `MEDIUM  mail  reached files.example:443 for the first time  (new_destination)
        1 allowed requests since 2026-01-30T10:00:01.000Z, and none in the log before
        record 2 of r-2026-01-30T10:00:01.000Z: sallyport audit prove 2 --folder ${log}
1 findings (0 high, 1 medium, 0 low) in 2 records from 2026-01-30T00:00:00.000Z to 2026-01-31T00:00:00.000Z
`,
    stderr,
  )
  assert.equal(code, 1)
  const { stdout: json } = await run(`${inWindow} --json`)
  const { findings } = JSON.parse(Buffer.from(json, 'latin1').toString()) as { findings: { records: { proof: string }[] }[] }
  const proof = findings[0]?.records[0]?.proof ?? ''
  const { index, record } = verifyProof(Buffer.from(proof), parseVerifierKey(readFileSync(join(log, 'verifier-key'), 'utf8')))
  assert.deepEqual([index, JSON.parse(record.toString()).subject.host], [2, 'files.example'])
  assert.deepEqual(findings, [
    {
      ...{ id: 'new_destination/mail/files.example:443', check: 'new_destination', severity: 'medium', integration: 'mail' },
      title: 'reached files.example:443 for the first time',
      why: '1 allowed requests since 2026-01-30T10:00:01.000Z, and none in the log before',
      records: [{ index: 2, id: 'r-2026-01-30T10:00:01.000Z', prove: `sallyport audit prove 2 --folder ${log}`, proof }],
    },
  ])
})

test('the exit code says whether anything is as serious as was asked', async (t) => {
  const { run } = place(t, records, { 'settings.json': '{"off":["new_destination"]}' })
  await eachCase(
    [
      ['--fail-on high', 0],
      ['--fail-on low --settings settings.json', 0],
    ] as const,
    async ([flags, code]) => assert.equal((await run(`${inWindow} ${flags}`)).code, code),
  )
})

test('what cannot be reviewed is said', async (t) => {
  const { run } = place(t, records, { 'settings.json': '{"unusedDays":0}', 'empty/x.txt': '' })
  await eachCase(
    [
      ['--since 2026-01-31 --until 2026-01-30', 64, /--until is not later than --since/],
      ['--settings settings.json', 1, /settings.json: unusedDays/],
      ['--settings none.json', 1, /none.json/],
      ['--checks empty', 1, /there is no .rego file in empty: no check would be asked/],
      ['--folder none', 69, /there is no audit log yet \(none\)/],
    ] as const,
    async ([flags, code, message]) => {
      const ended = await run(flags)
      assert.equal(ended.code, code, ended.stderr)
      assert.match(ended.stderr, message)
    },
  )
})

/** The files that the page shows. */
const shown = Object.fromEntries(
  [
    ...readFileSync(join(root, 'docs/audit/review.md'), 'utf8').matchAll(
      /`([\w./-]+)`[^`\n]*:?\n(?:[^\n]+\n)?\n```(?:rego|yaml)\n([\s\S]*?)```/g,
    ),
  ].map(([, name = '', text = '']) => [name, text]),
)

compilerTest('the check that docs/audit/review.md shows finds what it says, and its test holds it', async (t) => {
  assert.deepEqual(Object.keys(shown).sort(), ['checks/sharing.rego', 'checks/sharing_test.rego', 'settings.yaml'])
  const { run } = place(t, records, shown)
  const { stdout, stderr } = await run(`${inWindow} --checks checks --settings settings.yaml --fail-on high`)
  assert.match(stdout, /^HIGH {4}mail {2}sent 1 requests to files.example:443 {2}\(sharing\)$/m, stderr)
  const broken = { ...shown, 'checks/sharing.rego': shown['checks/sharing.rego']?.replace('in data', '== data') ?? '' }
  const refused = await place(t, records, broken).run(`${inWindow} --checks checks --settings settings.yaml`)
  assert.match(refused.stderr, /sharing_test.rego:3:1: the test test_a_request_to_the_service_is_found fails/)
  const misspelt = { 'checks/a.rego': shown['checks/sharing.rego']?.replace('.destinations', '.destination') ?? '' }
  assert.match(
    (await place(t, records, misspelt).run(`${inWindow} --checks checks`)).stderr,
    /a.rego:\d+:\d+: undefined ref: input.integration.destination/,
  )
})
