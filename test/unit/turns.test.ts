/** Which work waits for which, and what gives way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTurns, GivenUp } from '../../src/policy/turns.ts'

const turnOfLoop = () => new Promise((resolve) => setImmediate(resolve))

/** Work whose parts end when they are told to. */
function parts() {
  const ends: (() => void)[] = []
  return { ends, part: () => new Promise<void>((resolve) => void ends.push(resolve)) }
}

test('what gives way is done again behind what it gave way to', async () => {
  const { inTurn, soon, givingWay } = createTurns()
  const { ends, part } = parts()
  const seen: string[] = []
  const first = inTurn(async () => {
    seen.push('begin')
    await givingWay(part)
    seen.push('end')
    return 'done'
  })
  await turnOfLoop()
  await soon(async () => void seen.push('chosen'))
  await turnOfLoop()
  assert.deepEqual(seen, ['begin', 'chosen', 'begin'])
  ends[1]?.()
  assert.equal(await first, 'done')
})

test('work that was given up and ends late takes nothing from the turn that waits then', async () => {
  const { inTurn, soon, givingWay } = createTurns()
  const { ends, part } = parts()
  const seen: string[] = []
  const work = () => inTurn(() => givingWay(part))
  const reloading = work()
  await turnOfLoop()
  await soon(async () => void seen.push('one'))
  await turnOfLoop()
  assert.equal(ends.length, 2)
  ends[0]?.()
  await turnOfLoop()
  await soon(async () => void seen.push('two'))
  assert.deepEqual(seen, ['one', 'two'])
  await turnOfLoop()
  ends[2]?.()
  await reloading
})

test('a choice gives way to the end alone, and nothing begins after it', async () => {
  const { inTurn, soon, untilClosed, close } = createTurns()
  const { part } = parts()
  const choosing = soon(() => untilClosed(part))
  await turnOfLoop()
  const second = soon(async () => 'never')
  const queued = inTurn(async () => 'never')
  await close()
  for (const one of [choosing, second, queued, inTurn(async () => 'never')]) await assert.rejects(one, GivenUp)
})
