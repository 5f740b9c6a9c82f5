/** What a kill file stops: what it names, and everything where it cannot be understood. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createKillSwitch } from '../../src/containment/index.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'

function arrange(t: TestContext) {
  const file = join(createFolder(t), 'kill')
  const told: (readonly [readonly string[], string | null])[] = []
  const removed = { times: 0 }
  const killSwitch = createKillSwitch({
    file,
    onNamed: (names, problem) => void told.push([names, problem]),
    onRemoved: () => {
      removed.times += 1
    },
    onFailed: () => {},
    everyMs: 3_600_000,
  })
  t.after(() => killSwitch.close())
  return { file, told, removed, killSwitch }
}

test('names that are there are told once, and their removal', async (t) => {
  const { file, told, removed, killSwitch } = arrange(t)
  await killSwitch.start()
  assert.deepEqual(told, [])
  writeFileSync(file, ' weather \n\n# a comment\nmail # it too')
  assert.deepEqual([...(await killSwitch.look())], ['weather', 'mail'])
  await killSwitch.look()
  writeFileSync(file, 'weather\n*\n')
  await killSwitch.look()
  assert.deepEqual(told, [
    [['weather', 'mail'], null],
    [['*'], null],
  ])
  rmSync(file)
  assert.equal((await killSwitch.look()).size, 0)
  assert.equal(removed.times, 1)
})

test('a file that says nothing that is understood kills everything, once it has stayed so', async (t) => {
  await eachCase(
    [
      ['an empty one', (file: string) => writeFileSync(file, ''), [], 'it names nothing'],
      ['only a comment', (file: string) => writeFileSync(file, '# weather'), [], 'it names nothing'],
      [
        'a line that is no name',
        (file: string) => writeFileSync(file, 'weather\nMail Server\n'),
        ['weather'],
        '"Mail Server" is not a name',
      ],
      ['a folder', (file: string) => mkdirSync(file), [], 'it cannot be read (EISDIR)'],
      ['a link to nothing', (file: string) => symlinkSync('nowhere', file), [], 'it cannot be read (ENOENT)'],
    ] as const,
    async ([, make, plain, problem]) => {
      const { file, told, killSwitch } = arrange(t)
      make(file)
      // It may be half written.
      assert.deepEqual([...(await killSwitch.look())], plain)
      assert.deepEqual([...(await killSwitch.look())], [...plain, '*'])
      assert.deepEqual(told.at(-1), [['*'], problem])
    },
  )
})

test('what could not be told is told with the next look, and until then the switch does not work', async (t) => {
  const file = join(createFolder(t), 'kill')
  const fault = { isThere: true, reports: 0, told: 0 }
  const killSwitch = createKillSwitch({
    file,
    onNamed() {
      if (fault.isThere) throw new Error('the log takes nothing')
      fault.told += 1
    },
    onRemoved: () => {},
    onFailed() {
      fault.reports += 1
      throw new Error('nor this')
    },
    everyMs: 1,
  })
  t.after(() => killSwitch.close())
  await killSwitch.start()
  writeFileSync(file, 'weather')
  await eventually('it was tried again', () => fault.reports > 2)
  assert.equal(killSwitch.works(), false)
  fault.isThere = false
  await eventually('it works', () => killSwitch.works())
  assert.equal(fault.told, 1)
})

test('what is there at the start is in force when that resolves, however odd it is', async (t) => {
  const { file, told, killSwitch } = arrange(t)
  writeFileSync(file, '')
  await killSwitch.start()
  assert.deepEqual(told, [[['*'], 'it names nothing']])
})
