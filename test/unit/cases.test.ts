/** The loops that other tests leave to test/support: a case that fails is named, and nothing runs side by side. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachCase, times, until } from '../support/cases.ts'

const naming = (error: Error) => [error.message, error.stack].every((text) => text?.startsWith("for { host: 'a' }: "))

test('a case whose check fails is named in front of what failed, in the stack too', async () => {
  const cases = [{ host: 'b' }, { host: 'a' }]
  assert.throws(() => eachCase(cases, ({ host }) => assert.equal(host, 'b')), naming)
  await assert.rejects(
    eachCase(cases, async ({ host }) => assert.equal(host, 'b')),
    naming,
  )
})

test('no case is checked before the one in front of it has ended, and none behind one that failed', async () => {
  const seen: string[] = []
  const checking = eachCase(['a', 'b', 'c'], async (name) => {
    seen.push(`${name} begins`)
    await Promise.resolve()
    assert.notEqual(name, 'b')
    seen.push(`${name} ends`)
  })
  await assert.rejects(checking, /for 'b'/)
  assert.deepEqual(seen, ['a begins', 'a ends', 'b begins'])
})

test('what is not asynchronous is checked at once', () => {
  const seen: number[] = []
  times(3, (round) => void seen.push(round))
  assert.deepEqual(seen, [0, 1, 2])
})

test('until does not begin what is done already', async () => {
  let rounds = 0
  await until(
    () => rounds === 2,
    () => {
      rounds += 1
    },
  )
  assert.equal(rounds, 2)
})
