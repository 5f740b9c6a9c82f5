/** What is kept of revisions: whole folders, on disk before they have their name, bounded, and read back as they were. */

import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import promises, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { HistoryError, UnknownRevision } from '../../src/rollout/history/revision-folder.ts'
import { createHistory } from '../../src/rollout/index.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'

const revisionOf = (index: number) => `0123456789ab-${String(index).padStart(12, '0')}`
const made = (text: string) => ({ manifests: { 'a.yaml': text }, rules: { 'rules/a.rego': 'package a' }, bundles: new Map() })

test('a revision is a folder with everything in it, which needs no other', async (t) => {
  const folder = createFolder(t)
  const history = createHistory(folder)
  await history.keep(revisionOf(1), made('one'))
  await history.keep(revisionOf(2), made('two'))
  assert.deepEqual(readdirSync(folder).sort(), [revisionOf(1), revisionOf(2)])
  // What has not changed is on disk once.
  const [first, second] = [1, 2].map((index) => JSON.parse(readFileSync(join(folder, revisionOf(index), 'revision.json'), 'utf8')))
  assert.equal(first.rules, second.rules)
  assert.equal(statSync(join(folder, revisionOf(1), first.rules)).nlink, 2)
  await promises.rm(join(folder, revisionOf(1)), { recursive: true })
  assert.deepEqual(await history.read(revisionOf(2)), made('two'))
  await assert.rejects(history.read(revisionOf(1)), UnknownRevision)
  await eachCase(['..', '../x', '', 'pinned', '0123456789ab-00000000000z'], (name) => assert.rejects(history.read(name), UnknownRevision))
})

test('a revision whose folder is damaged is told so, and is written again when it decides again', async (t) => {
  const folder = createFolder(t)
  await createHistory(folder).keep(revisionOf(1), made('one'))
  writeFileSync(join(folder, revisionOf(1), 'revision.json'), '{"manifests":"../../secret","rules":"","bundles":{}}')
  const history = createHistory(folder)
  await assert.rejects(history.read(revisionOf(1)), HistoryError)
  await history.keep(revisionOf(1), made('one'))
  assert.deepEqual(await history.read(revisionOf(1)), made('one'))
})

test('a damaged line of the history hides no other activation', async (t) => {
  const folder = createFolder(t)
  const history = createHistory(folder)
  const activated = { revision: revisionOf(1), at: '2026-01-01T00:00:00.000Z', how: 'start' } as const
  await history.keep(revisionOf(1), made('one'))
  await history.record(activated)
  const odd = [
    'null',
    '5',
    '"x"',
    '[]',
    '{}',
    '{"revision":7}',
    '{"revision":"..","at":"","how":"start"}',
    `{"revision":"${revisionOf(2)}"}`,
    '{"',
  ]
  const changed = [null, { a: 'tokens' }].map((changes) => JSON.stringify({ ...activated, changed: changes }))
  writeFileSync(join(folder, 'activations.jsonl'), [...odd, ...changed, JSON.stringify(activated), ''].join('\n'), { flag: 'a' })
  assert.deepEqual(
    (await history.list()).map(({ revision }) => revision),
    [revisionOf(1), revisionOf(1)],
  )
})

/** What is asked of the file system, in its order. */
function recordCalls(t: TestContext): string[] {
  const calls: string[] = []
  const { open, rename } = promises
  t.after(() => {
    Object.assign(promises, { open, rename })
    syncBuiltinESMExports()
  })
  const nameOf = (path: unknown) =>
    basename(String(path))
      .replace(/^\..*\.tmp$/, 'temporary')
      .replace(/^[0-9a-f]{64}$/, 'part')
  Object.assign(promises, {
    async open(...args: Parameters<typeof open>): Promise<FileHandle> {
      const handle = await open(...args)
      const { sync } = handle
      handle.sync = async () => {
        calls.push(`sync ${nameOf(args[0])}`)
        await sync.call(handle)
      }
      return handle
    },
    async rename(...args: Parameters<typeof rename>) {
      calls.push(`rename ${nameOf(args[0])} to ${nameOf(args[1])}`)
      await rename(...args)
    },
  })
  syncBuiltinESMExports()
  return calls
}

test('all of a revision, the choice of one and the line of one are on disk before it is said that they are', async (t) => {
  const folder = join(createFolder(t), 'history')
  mkdirSync(folder)
  const calls = recordCalls(t)
  const history = createHistory(folder)
  await history.keep(revisionOf(1), made('one'))
  const named = [`rename temporary to ${revisionOf(1)}`, 'sync history']
  assert.deepEqual(calls.splice(0), ['sync part', 'sync part', 'sync revision.json', 'sync temporary', ...named])
  await history.pin(revisionOf(1))
  assert.deepEqual(calls.splice(0), ['sync temporary', 'rename temporary to pinned', 'sync history'])
  await history.pin(null)
  assert.deepEqual(calls.splice(0), ['sync history'])
  await history.record({ revision: revisionOf(1), at: '', how: 'start' })
  assert.deepEqual(calls.splice(0), ['sync activations.jsonl'])
})

test('what a write that failed or was cut short left is no revision, and is removed', async (t) => {
  const folder = createFolder(t)
  const history = createHistory(folder)
  const { rename } = promises
  t.after(() => {
    promises.rename = rename
    syncBuiltinESMExports()
  })
  promises.rename = () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }))
  syncBuiltinESMExports()
  await assert.rejects(history.keep(revisionOf(1), made('one')), { code: 'ENOSPC' })
  promises.rename = rename
  syncBuiltinESMExports()
  assert.deepEqual(readdirSync(folder), [])
  const left = `.4711.${crypto.randomUUID()}.tmp`
  mkdirSync(join(folder, left))
  await history.keep(revisionOf(1), made('one'))
  await history.record({ revision: revisionOf(1), at: '', how: 'start' })
  assert.deepEqual(readdirSync(folder).sort(), [revisionOf(1), 'activations.jsonl'])
})

test('lines stay bounded where two revisions take turns', async (t) => {
  const folder = createFolder(t)
  const history = createHistory(folder)
  await eachCase([1, 2], (index) => history.keep(revisionOf(index), made(`${index}`)))
  const lines = Array.from({ length: 3000 }, (_, index) => ({
    revision: revisionOf(1 + (index % 2)),
    at: `${index}`,
    how: 'reload' as const,
  }))
  writeFileSync(join(folder, 'activations.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  await history.record({ revision: revisionOf(1), at: 'last', how: 'reload' })
  const listed = await history.list()
  assert.deepEqual([listed.length, listed[0]?.at, listed[1]?.at], [1000, 'last', '2999'])
})

test('what an earlier version kept is told to be so, and goes once something newer is kept', async (t) => {
  const folder = createFolder(t, {
    [`${revisionOf(1)}.json`]: '{"manifests":{},"rules":{}}',
    'objects/00': '',
    'activations.jsonl': `\n${JSON.stringify({ revision: revisionOf(1), at: '', how: 'start' })}\n`,
  })
  const history = createHistory(folder)
  await assert.rejects(history.read(revisionOf(1)), /in the form of an earlier version, which this one does not read/)
  await history.keep(revisionOf(2), made('two'))
  await history.record({ revision: revisionOf(2), at: '', how: 'start' })
  assert.deepEqual(readdirSync(folder).sort(), [revisionOf(2), 'activations.jsonl'])
  assert.deepEqual(
    (await history.list()).map(({ revision }) => revision),
    [revisionOf(2)],
  )
})
