/** What hears of an activation: one that fails keeps none of the others from it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callEach } from '../../src/gateway/activation-listener.ts'
import type { InForce } from '../../src/rollout/index.ts'

test('a listener that throws is reported, and the others hear of the activation all the same', () => {
  const heard: unknown[] = []
  const failures: unknown[] = []
  const inForce = { integrations: [] } as unknown as InForce
  const listeners = [
    (given: InForce) => void heard.push(['first', given === inForce]),
    () => {
      throw new Error('a bug')
    },
    (given: InForce) => void heard.push(['last', given === inForce]),
  ]
  callEach(listeners, inForce, (error) => failures.push((error as Error).message))
  assert.deepEqual(heard, [
    ['first', true],
    ['last', true],
  ])
  assert.deepEqual(failures, ['a bug'])
})
