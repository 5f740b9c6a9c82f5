/** An `opa` on PATH in place of the compiler: it builds with the type check, checks, formats, runs tests, and says what it cannot do. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { compileWithOpa } from '../../src/opa/compiler/opa.ts'
import { compilerEnvironment } from '../../src/policy/build.ts'
import { command } from '../support/command.ts'
import { createFolder } from '../support/folder.ts'
import { main } from '../support/installation.ts'
import { findOpa } from '../support/opa.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('opa')

const opaFolder = () => dirname(findOpa())
/** Without Go, wherever it is on this machine. */
const withoutGo = () => `${opaFolder()}:/usr/bin:/bin`

function setPath(t: TestContext, path: string): void {
  const before = process.env['PATH']
  t.after(() => {
    process.env['PATH'] = before
  })
  process.env['PATH'] = path
}

const rules = 'package sallyport.rules\n\ndeny contains "no" if input.http.path == data.k.v\n'
const tests = `package sallyport.rules_test

import data.sallyport.rules

test_good if rules.deny with input.http.path as "/x"

test_bad if {
	print("looked")
	count(rules.deny) == 1 with input.http.path as "/y"
}

todo_test_later if true
`

test('tests run on an opa, with their data, and those that fail are told with their place', async (t) => {
  setPath(t, withoutGo())
  const { capabilities } = await compilerEnvironment()
  const request = {
    command: 'test',
    sources: { '../../rules/a b.rego': rules, '../../rules/a b_test.rego': tests },
    capabilities,
    data: { k: { v: '/x' } },
  } as const
  const { problems, tests: outcomes = [] } = await compileWithOpa(request, null)
  assert.deepEqual(problems, [])
  const place = { file: '../../rules/a b_test.rego', package: 'data.sallyport.rules_test' }
  assert.deepEqual(
    outcomes.map(({ millis, ...outcome }) => outcome).toSorted((a, b) => a.row - b.row),
    [
      { ...place, row: 5, name: 'test_good', passed: true },
      { ...place, row: 7, name: 'test_bad', passed: false, output: 'looked\n' },
      { ...place, row: 12, name: 'todo_test_later', passed: false, skipped: true },
    ],
  )
  assert.ok(outcomes.every(({ millis }) => millis >= 0 && millis < 5000))
  const { tests: some } = await compileWithOpa({ ...request, run: 'good' }, null)
  assert.deepEqual(
    some?.map(({ name }) => name),
    ['test_good'],
  )
  const broken = await compileWithOpa({ ...request, sources: { 'a.rego': 'package a\n\np if {' } }, null)
  assert.deepEqual(broken, {
    problems: [{ file: 'a.rego', row: 3, column: 0, code: 'rego_parse_error', message: 'unexpected eof token' }],
  })
})

test('a build on an opa is checked against the schema of the input, its tests left out', async (t) => {
  setPath(t, withoutGo())
  const surroundings = await compilerEnvironment()
  const request = { command: 'build', ...surroundings, entrypoints: ['sallyport/rules/deny'] } as const
  const good = await compileWithOpa({ ...request, sources: { 'a.rego': rules, 'a_test.rego': 'package broken\n\np if nothing' } }, null)
  assert.deepEqual(good.problems, [])
  assert.equal(
    Buffer.from(good.wasm ?? '', 'base64')
      .subarray(0, 4)
      .toString('latin1'),
    '\0asm',
  )
  const { problems } = await compileWithOpa({ ...request, sources: { 'a.rego': rules.replace('input.http', 'input.htpp') } }, null)
  assert.deepEqual(
    problems.map(({ file, row, column, code }) => ({ file, row, column, code })),
    [{ file: 'a.rego', row: 3, column: 23, code: 'rego_type_error' }],
  )
  assert.match(problems[0]?.message ?? '', /^undefined ref: input\.htpp.*\(want \(one of\): \[.*"http"/)
})

test('with an opa alone, policy test tells what passed, and takes coverage that nobody measured for too little', async (t) => {
  const folder = createFolder(t, {
    'a.rego': rules.replace('data.k.v', '"/x"'),
    'a_test.rego': 'package sallyport.rules_test\n\ntest_x if data.sallyport.rules.deny with input.http.path as "/x"\n',
  })
  const env = { ...process.env, PATH: withoutGo(), XDG_CACHE_HOME: folder }
  const run = (...flags: string[]) => command(process.execPath, ['--no-warnings', main, 'policy', 'test', folder, ...flags], { env })
  const plain = await run()
  assert.deepEqual(plain, {
    code: 0,
    stdout: '1 of 1 tests pass, how much of the rules they reach is not known without Go\n',
    stderr: '',
  })
  const asked = await run('--threshold', '50')
  assert.equal(asked.stderr, 'coverage is asked for, and cannot be measured without Go\n')
  assert.equal(asked.code, 1)
})

test('with an opa alone, rules are checked and formatted as with Go', async (t) => {
  setPath(t, withoutGo())
  const surroundings = await compilerEnvironment()
  const check = (text: string, ofTests = 'package b_test\n\ntest_x if true\n') =>
    compileWithOpa({ command: 'check', ...surroundings, sources: { 'a.rego': text, 'b_test.rego': ofTests } }, null)
  assert.deepEqual((await check(rules)).problems, [])
  const found = async (...given: Parameters<typeof check>) =>
    (await check(...given)).problems.map(({ file, row, code }) => [file, row, code])
  assert.deepEqual(await found(rules.replace('input.http', 'input.htpp')), [['a.rego', 3, 'rego_type_error']])
  assert.deepEqual(await found('package a\n\np if {'), [['a.rego', 3, 'rego_parse_error']])
  assert.deepEqual(await found(rules, 'package b_test\n\ntest_x if nothing\n'), [['b_test.rego', 3, 'rego_unsafe_var_error']])
  const format = (sources: Record<string, string>) => compileWithOpa({ command: 'fmt', sources }, null)
  const { formatted } = await format({ '../a_test.rego': 'package a\np if   true\n', 'b.rego': 'package b\n\np := 1\n' })
  assert.deepEqual(formatted, { '../a_test.rego': 'package a\n\np := true\n', 'b.rego': 'package b\n\np := 1\n' })
  const broken = await format({ 'b.rego': 'package b\n\np := 1\n', 'c.rego': 'package c\n\np if {\n' })
  assert.deepEqual(
    broken.problems.map(({ file, code }) => [file, code]),
    [['c.rego', 'rego_parse_error']],
  )

  const folder = createFolder(t, { 'a.rego': 'package a\np if   true\n' })
  const run = (...words: string[]) =>
    command(process.execPath, ['--no-warnings', main, 'policy', ...words], {
      cwd: folder,
      env: { ...process.env, PATH: withoutGo(), XDG_CACHE_HOME: folder },
    })
  assert.deepEqual(await run('check', 'a.rego'), { code: 0, stdout: 'OK: 1 file\n', stderr: '' })
  assert.deepEqual(await run('fmt', 'a.rego'), { code: 0, stdout: 'a.rego\n', stderr: '' })
  assert.equal(readFileSync(join(folder, 'a.rego'), 'utf8'), 'package a\n\np := true\n')
})

test('what an opa cannot stand in for is said to need Go, and no opa at all is said to be none', async (t) => {
  setPath(t, opaFolder())
  await assert.rejects(compileWithOpa({ command: 'eval' }, null), {
    name: 'CompilerMissing',
    message: /^this command needs Go .*with the "opa" on PATH, rules can be compiled, checked, formatted and tested/,
  })
  process.env['PATH'] = '/nowhere'
  await assert.rejects(compileWithOpa({ command: 'build' }, null), { name: 'CompilerMissing', message: /there is no compiler: install Go/ })
})
