/** docs/watch/: a playbook for each rule that is shipped, and commands that the command line takes. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { rulesFrom } from '../../src/config/index.ts'
import { eachCase } from '../support/cases.ts'
import { commandsIn, problemOf } from '../support/command-lines.ts'
import { root } from '../support/installation.ts'

const page = (name: string) => readFileSync(join(root, 'docs/watch', name), 'utf8')
const sections = new Map(
  page('playbooks.md')
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section] as const),
)

test('each rule that is shipped has its playbook, which findings name, and there is none of another', () => {
  assert.deepEqual([...sections.keys()].sort(), Object.keys(rulesFrom()).sort())
})

test('each playbook says how to detect, contain, eradicate, recover and review', () => {
  eachCase(sections.values(), (section) =>
    assert.deepEqual(
      [...section.matchAll(/^\d\. \*\*(\w+)\.\*\* \S/gm)].map(([, step]) => step),
      ['Detect', 'Contain', 'Eradicate', 'Recover', 'Review'],
      section.slice(0, 30),
    ),
  )
})

test('each command of the pages on incidents is one that the command line takes', async () => {
  const commands = ['playbooks.md', 'incidents.md', 'drills.md'].flatMap((name) => commandsIn(page(name)))
  assert.ok(commands.length > 60, `${commands.length}`)
  await eachCase(commands, async (line) => assert.equal(await problemOf(line), null))
})

test('a command with an unknown flag, a missing argument or a wrong value is found', async () => {
  await eachCase(
    ['sallyport usage --windows day', 'sallyport suspend', 'sallyport resume a b', 'sallyport audit query --since soon', 'sallyport frob'],
    async (line) => assert.notEqual(await problemOf(line), null),
  )
})
