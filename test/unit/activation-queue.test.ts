/** Which activation waits for which, what gives way, and who is given what comes of it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createActivationQueue, Preempted, unlessAborted, type Work } from '../../src/rollout/activation-queue.ts'
import { eachCase } from '../support/cases.ts'

const turnOfLoop = () => new Promise((resolve) => setImmediate(resolve))

/** Work that ends when it is told to, or is aborted. */
function createParts() {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const part =
    (name: string): Work<string> =>
    (signal) => {
      begun.push(name)
      return unlessAborted(signal, new Promise<string>((resolve) => void ends.set(name, () => resolve(name))))
    }
  return { begun, part, end: (name: string) => ends.get(name)?.() }
}

test('of a burst of reloads the first and the newest are begun, and all are given what comes of the newest', async () => {
  const { reload } = createActivationQueue()
  const { begun, part, end } = createParts()
  const first = reload(part('0'))
  await turnOfLoop()
  const burst = Array.from({ length: 9 }, (_, index) => reload(part(`${index + 1}`)))
  await turnOfLoop()
  assert.deepEqual(begun, ['0', '9'])
  end('9')
  assert.deepEqual(await Promise.all([first, ...burst]), Array(10).fill('9'))
})

test('reloads of one turn of the event loop are one', async () => {
  const { reload } = createActivationQueue()
  const { begun, part, end } = createParts()
  const asked = ['a', 'b', 'c'].map((name) => reload(part(name)))
  await turnOfLoop()
  assert.deepEqual(begun, ['c'])
  end('c')
  assert.deepEqual(await Promise.all(asked), ['c', 'c', 'c'])
})

test('a reload that has waited long is let come to its end, and the newest comes behind it', async () => {
  const { reload } = createActivationQueue(0)
  const { begun, part, end } = createParts()
  const asked = [reload(part('a'))]
  await turnOfLoop()
  asked.push(reload(part('b')), reload(part('c')))
  await turnOfLoop()
  assert.deepEqual(begun, ['a'])
  end('a')
  await turnOfLoop()
  assert.deepEqual(begun, ['a', 'c'])
  end('c')
  assert.deepEqual(await Promise.all(asked), ['a', 'c', 'c'])
})

test('a choice goes first, and what it aborted comes again behind it, in its order', async () => {
  const { reload, enqueue, choose } = createActivationQueue()
  const { begun, part, end } = createParts()
  const asked = [enqueue(part('bundle')), reload(part('folders'))]
  await turnOfLoop()
  asked.push(choose(part('chosen')), choose(part('and then')))
  await turnOfLoop()
  await eachCase(['chosen', 'and then', 'bundle', 'folders'], async (name) => {
    end(name)
    await turnOfLoop()
  })
  assert.deepEqual(begun, ['bundle', 'chosen', 'and then', 'bundle', 'folders'])
  assert.deepEqual(await Promise.all(asked), ['bundle', 'folders', 'chosen', 'and then'])
})

test('a reload aborts neither a choice nor what a bundle brought', async () => {
  const { reload, enqueue, choose } = createActivationQueue()
  const { begun, part, end } = createParts()
  const asked = [choose(part('chosen'))]
  await turnOfLoop()
  asked.push(enqueue(part('bundle')), reload(part('folders')))
  await turnOfLoop()
  assert.deepEqual(begun, ['chosen'])
  end('chosen')
  await turnOfLoop()
  asked.push(reload(part('newer')))
  await turnOfLoop()
  assert.deepEqual(begun, ['chosen', 'bundle'])
  end('bundle')
  await turnOfLoop()
  end('newer')
  assert.deepEqual(await Promise.all(asked), ['chosen', 'bundle', 'newer', 'newer'])
})

test('work that fails is not begun again, and keeps none behind it from beginning', async () => {
  const { reload, enqueue } = createActivationQueue()
  const failing = enqueue(async () => {
    throw new Error('bad')
  })
  const next = reload(async () => 'good')
  await assert.rejects(failing, /^Error: bad$/)
  assert.equal(await next, 'good')
})

test('the end aborts what runs, a choice too, and nothing begins after it', async () => {
  const { reload, enqueue, choose, close } = createActivationQueue()
  const { begun, part } = createParts()
  const choosing = choose(part('chosen'))
  await turnOfLoop()
  const asked = [choosing, choose(part('second')), enqueue(part('bundle')), reload(part('folders'))]
  const settled = Promise.allSettled(asked)
  await close()
  eachCase(await settled, (outcome) => assert.ok(outcome.status === 'rejected' && outcome.reason instanceof Preempted))
  await assert.rejects(reload(part('late')), Preempted)
  assert.deepEqual(begun, ['chosen'])
})
