/** Which answers of the compiler are kept, for how long, and when it is asked again. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createCompile } from '../../src/opa/compiler/compile.ts'
import { createAnswers } from '../../src/opa/compiler/compiler-cache.ts'
import { commandFolders } from '../../src/opa/compiler/folders.ts'
import type { CompilerAnswer, CompilerRequest } from '../../src/opa/compiler/protocol.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const ofSource = (source: string): CompilerRequest => ({ command: 'check', sources: { 'a.rego': source } })
const noProblem: CompilerAnswer = { problems: [] }
const problem: CompilerAnswer = {
  problems: [{ file: 'a.rego', row: 1, column: 2, code: 'rego_parse_error', message: 'unexpected if keyword' }],
}

/** `get` gives what was answered; `asked` has the sources that the compiler was asked about. */
function keptIn(t: TestContext) {
  const folder = createFolder(t)
  const answers = createAnswers({ built: [], work: [folder], userCache: null, keepsAnswers: true })
  const asked: string[] = []
  const get = (source: string, answer: () => CompilerAnswer) =>
    answers.get('compiler.wasm', ofSource(source), async () => {
      asked.push(source)
      return answer()
    })
  return { folder, asked, get }
}

test('problems in the sources are kept as success is', async (t) => {
  const { asked, get } = keptIn(t)
  assert.deepEqual(await get('if', () => problem), problem)
  assert.deepEqual(await get('if', () => noProblem), problem)
  assert.deepEqual(await get('p := 1', () => noProblem), noProblem)
  assert.deepEqual(await get('p := 1', () => problem), noProblem)
  assert.deepEqual(asked, ['if', 'p := 1'])
})

compilerTest('rules that do not compile are compiled once, and their problems told each time', async (t) => {
  const folder = createFolder(t)
  const compile = createCompile({ ...commandFolders(), work: [folder] })
  const expected = { name: 'RegoError', message: /^a\.rego:1:1: / }
  await assert.rejects(compile(ofSource('if')), expected)
  const kept = readdirSync(folder)
  assert.equal(kept.length, 1)
  await assert.rejects(compile(ofSource('if')), expected)
  assert.deepEqual(readdirSync(folder), kept)
})

test('a compiler that fails is asked again', async (t) => {
  const { folder, asked, get } = keptIn(t)
  const fails = () => {
    throw new Error('the compiler did not end within 60 s')
  }
  await assert.rejects(get('p := 1', fails), /did not end/)
  assert.deepEqual(readdirSync(folder), [])
  assert.deepEqual(await get('p := 1', () => noProblem), noProblem)
  assert.deepEqual(asked, ['p := 1', 'p := 1'])
})

test('an answer that was damaged is asked for again', async (t) => {
  const { folder, asked, get } = keptIn(t)
  await get('p := 1', () => noProblem)
  const [name = ''] = readdirSync(folder)
  await eachCase(['not gzip', gzipSync('1')], async (content) => {
    writeFileSync(join(folder, name), content)
    assert.deepEqual(await get('p := 1', () => noProblem), noProblem)
  })
  assert.deepEqual(asked, ['p := 1', 'p := 1', 'p := 1'])
})

test('an earlier version does not find problems where it looks for a success', async (t) => {
  const { folder, get } = keptIn(t)
  const request = JSON.stringify(ofSource('if'))
  const earlier = createHash('sha256').update('compiler.wasm').update('\0').update(request).digest('hex')
  await get('if', () => problem)
  assert.equal(readdirSync(folder).length, 1)
  assert.ok(!readdirSync(folder).includes(`answer-${earlier}.json.gz`))
})

test('the answers that were used longest ago make room', async (t) => {
  const { folder, get } = keptIn(t)
  const megabytesAndMinutes = [
    ['answer-newest', 40, 1],
    ['answer-older', 30, 2],
    ['answer-oldest', 1, 3],
    ['rego-compiler.wasm', 41, 4],
  ] as const
  eachCase(megabytesAndMinutes, ([name, megabytes, minutes]) => {
    writeFileSync(join(folder, name), '')
    truncateSync(join(folder, name), megabytes * 1024 * 1024)
    const usedAt = new Date(Date.now() - minutes * 60_000)
    utimesSync(join(folder, name), usedAt, usedAt)
  })
  await get('p := 1', () => noProblem)
  const kept = readdirSync(folder).filter((name) => !/^answer-[0-9a-f]{64}\.json\.gz$/.test(name))
  assert.deepEqual(kept.toSorted(), ['answer-newest', 'rego-compiler.wasm'])
  assert.equal(readdirSync(folder).length, 3)
})
