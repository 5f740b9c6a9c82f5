/** What is read of a folder, and which changes of it are told. */

import assert from 'node:assert/strict'
import fs, { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readBundleFolder } from '../../src/bundles/format/read-bundle.ts'
import { type FileKind, listFiles, readSteadily, watchFolder } from '../../src/files/index.ts'
import { createIntegrationRegistry, manifestFiles } from '../../src/manifests/index.ts'
import { readRules, ruleFiles } from '../../src/policy/index.ts'
import { eachCase, times } from '../support/cases.ts'
import { createConfigMap } from '../support/config-map.ts'
import { smallDefaults } from '../support/defaults.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { manifest } from '../support/installation.ts'

const names = async (folder: string, kind: FileKind) => (await listFiles(folder, kind)).map(({ name }) => name)

test('of a mounted ConfigMap each file is read once, by its plain name', async (t) => {
  const folder = createFolder(t)
  createConfigMap(join(folder, 'rules')).publish({ 'a.rego': 'package a', 'sub/b.rego': 'package b' })
  assert.deepEqual(await readRules(join(folder, 'rules')), { 'rules/a.rego': 'package a', 'rules/sub/b.rego': 'package b' })
  createConfigMap(join(folder, 'manifests')).publish({ 'weather.yaml': manifest('weather', '') })
  const { integrations } = await createIntegrationRegistry(join(folder, 'manifests'), smallDefaults).read()
  assert.deepEqual(
    integrations.map(({ name }) => name),
    ['weather'],
  )
  createConfigMap(join(folder, 'bundle')).publish({ '.manifest': '{"roots":["acme"]}', 'acme/data.json': '{"x":1}' })
  const bundle = await readBundleFolder(join(folder, 'bundle'), { verification: null })
  assert.deepEqual(bundle.kind === 'snapshot' && bundle.data, { acme: { x: 1 } })
})

test('subfolders and links to folders are watched, and links in a circle end', async (t) => {
  const folder = createFolder(t, { 'a.rego': '', 'sub/b.rego': '', 'sub/deeper/c.rego': '', '.hidden.rego': '', 'notes.txt': '' })
  symlinkSync('sub', join(folder, 'linked'))
  symlinkSync('..', join(folder, 'sub/circle'))
  symlinkSync('.', join(folder, 'self'))
  const found = await names(folder, ruleFiles)
  eachCase(['.hidden.rego', 'a.rego', 'linked/b.rego', 'linked/deeper/c.rego', 'sub/b.rego', 'sub/deeper/c.rego'], (name) =>
    assert.ok(found.includes(name), name),
  )
  assert.ok(found.length < 40, `${found.length}`)
  assert.deepEqual(await names(folder, manifestFiles), [])
})

test('a rule or a folder that is a link to nothing is a problem, and an editor’s lock is none', async (t) => {
  const folder = createFolder(t, { 'a.rego': 'package a' })
  symlinkSync('someone@machine.4711:1', join(folder, '.#a.rego'))
  assert.deepEqual(await readRules(folder), { 'rules/a.rego': 'package a' })
  symlinkSync('/nowhere/deny.rego', join(folder, 'deny.rego'))
  symlinkSync('/nowhere', join(folder, 'more'))
  await assert.rejects(readRules(folder), /rules\/deny\.rego.*cannot be read: ENOENT[\s\S]*rules\/more.*cannot be read: ENOENT/)
})

test('what changes while it is read is read again, so that no half of one version stands beside half of the next', async (t) => {
  const folder = createFolder(t)
  const map = createConfigMap(folder)
  const version = (text: string) => ({ 'a.rego': text, 'b.rego': text })
  map.publish(version('one'))
  let reads = 0
  const read = await readSteadily(folder, ruleFiles, (files) => {
    reads += 1
    return files.map(({ name }, index) => {
      const text = readFileSync(join(folder, name), 'utf8')
      if (reads === 1 && index === 0) map.publish(version('two'))
      return text
    })
  })
  assert.deepEqual([read, reads], [['two', 'two'], 2])
})

test('a file that vanishes while it is read is no problem of the set without it', async (t) => {
  const folder = createFolder(t, { 'a.rego': 'a', 'b.rego': 'b' })
  const read = await readSteadily(folder, ruleFiles, (files) => {
    rmSync(join(folder, 'b.rego'), { force: true })
    return files.map(({ name }) => readFileSync(join(folder, name), 'utf8'))
  })
  assert.deepEqual(read, ['a'])
})

test('a folder that changes at each read is taken as the last read found it', async (t) => {
  const folder = createFolder(t)
  let reads = 0
  const files = await readSteadily(folder, ruleFiles, (found) => {
    writeFileSync(join(folder, `${reads}.rego`), '')
    reads += 1
    return found.length
  })
  assert.deepEqual([files, reads], [4, 5])
})

interface Watched {
  readonly changes: () => number
  readonly errors: readonly Error[]
}

async function startWatch(t: TestContext, folder: string, kind: FileKind, everyMs?: number): Promise<Watched> {
  let changes = 0
  const errors: Error[] = []
  const watch = watchFolder(
    folder,
    kind,
    () => {
      changes += 1
    },
    (error) => errors.push(error),
    everyMs === undefined ? {} : { everyMs },
  )
  t.after(watch.stop)
  await watch.begun
  return { changes: () => changes, errors }
}

/** Each with the folder as the one before left it. */
const edits: readonly (readonly [string, (folder: string) => void])[] = [
  ['a file is written', (folder) => writeFileSync(join(folder, 'a.rego'), 'longer')],
  [
    'a file is saved by renaming another over it',
    (folder) => {
      writeFileSync(join(folder, '.a.swp'), 'second')
      renameSync(join(folder, '.a.swp'), join(folder, 'a.rego'))
    },
  ],
  [
    'a file is as long as before, and its time was set back',
    (folder) => {
      writeFileSync(join(folder, 'a.rego'), 'fourth')
      utimesSync(join(folder, 'a.rego'), 0, 0)
    },
  ],
  [
    'a folder below is made',
    (folder) => {
      mkdirSync(join(folder, 'later'))
      writeFileSync(join(folder, 'later/b.rego'), 'b')
    },
  ],
  ['a file in it is written', (folder) => writeFileSync(join(folder, 'later/b.rego'), 'bb')],
  ['data is put there', (folder) => writeFileSync(join(folder, 'later/data.json'), '{}')],
  ['and taken away', (folder) => rmSync(join(folder, 'later/data.json'))],
  [
    'the folder is replaced',
    (folder) => {
      mkdirSync(`${folder}.next`)
      writeFileSync(join(`${folder}.next`, 'c.rego'), 'c')
      renameSync(folder, `${folder}.old`)
      renameSync(`${folder}.next`, folder)
    },
  ],
  ['a file of the new one is written', (folder) => writeFileSync(join(folder, 'c.rego'), 'cc')],
  ['the folder is removed', (folder) => rmSync(folder, { recursive: true })],
  [
    'and is there again',
    (folder) => {
      mkdirSync(folder)
      writeFileSync(join(folder, 'd.rego'), 'd')
    },
  ],
]

async function follow(t: TestContext, count: number, everyMs: number): Promise<void> {
  const folder = join(createFolder(t, { 'rules/a.rego': 'a' }), 'rules')
  const { changes } = await startWatch(t, folder, ruleFiles, everyMs)
  for (const [what, edit] of edits.slice(0, count)) {
    const before = changes()
    edit(folder)
    await eventually(`it is told that ${what}`, () => changes() > before)
  }
}

// Longer than the test may take: what is told is told by events.
test('changes are reported as they happen', (t) => follow(t, edits.length, 2 ** 31 - 1))

test('changes are found where the system reports none', async (t) => {
  const { watch } = fs
  t.after(() => {
    fs.watch = watch
    syncBuiltinESMExports()
  })
  fs.watch = (() => {
    throw Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), { code: 'ENOSPC' })
  }) as typeof watch
  syncBuiltinESMExports()
  await follow(t, 4, 20)
})

for (const [name, kind] of [
  ['a.rego', ruleFiles],
  ['weather.yaml', manifestFiles],
  ['acme.tar.gz', { covers: (name: string) => name === 'acme.tar.gz', deep: false }],
] as const)
  test(`versions of a ConfigMap with ${name} are told, and what was read before is not told again`, async (t) => {
    const folder = createFolder(t)
    const map = createConfigMap(folder)
    map.publish({ [name]: 'one', 'other.txt': '' })
    const { changes } = await startWatch(t, folder, kind, 2 ** 31 - 1)
    await eachCase(['two', 'six', 'ten'].entries(), async ([index, text]) => {
      map.publish({ [name]: text, 'other.txt': '' })
      await eventually(`version ${text} is told`, () => changes() === index + 1)
    })
  })

test('a folder that is a link is followed to where it leads', async (t) => {
  const place = createFolder(t, { 'one/a.rego': '1', 'two/a.rego': '2' })
  const folder = join(place, 'rules')
  symlinkSync('one', folder)
  const { changes } = await startWatch(t, folder, ruleFiles)
  writeFileSync(join(place, 'one/a.rego'), '11')
  await eventually('a change behind the link is told', () => changes() === 1)
  symlinkSync('two', `${folder}.next`)
  renameSync(`${folder}.next`, folder)
  await eventually('another target is told', () => changes() === 2)
  writeFileSync(join(place, 'two/a.rego'), '22')
  await eventually('a change behind it is told', () => changes() === 3)
})

test('changes of files that are not watched are not reported, and a burst is reported once', async (t) => {
  const folder = createFolder(t, { 'weather.yaml': '1' })
  const { changes } = await startWatch(t, folder, manifestFiles)
  mkdirSync(join(folder, 'sub'))
  eachCase(['notes.txt', '.weather.yaml.swp', '.hidden.yaml', 'sub/mailer.yaml'], (name) => {
    writeFileSync(join(folder, name), '')
  })
  times(3000, (index) => {
    writeFileSync(join(folder, `i${index}.yaml`), '')
  })
  await eventually('it is told', () => changes() > 0)
  const told = changes()
  assert.ok(told <= 3, `${told}`)
  const before = await names(folder, manifestFiles)
  assert.equal(before.length, 3001)
})
