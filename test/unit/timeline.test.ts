/** Phases are what lies between the points that a request told of, whatever else it tells. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Timeline } from '../../src/core/index.ts'

type Step = 'admitted' | 'dialling' | 'dialled' | 'started' | 'answered'

/** Each step is a second after the one before it. */
function after(...steps: readonly Step[]): readonly (number | null)[] {
  let clock = 0
  const path = new Path(() => clock)
  for (const step of steps) {
    clock += 1000
    path[step](null)
  }
  const { queueMs, connectMs, firstByteMs } = path
  return [queueMs, connectMs, firstByteMs]
}

class Path extends Timeline {
  override admitted(_nothing?: null): void {
    super.admitted()
  }
}

for (const [name, steps, phases] of [
  ['over a new connection', ['admitted', 'dialling', 'dialled', 'started', 'answered'], [2000, 1000, 1000]],
  ['over a kept connection there is nothing to connect', ['admitted', 'started', 'answered'], [1000, null, 1000]],
  ['over another connection than was dialled for it', ['admitted', 'dialling', 'started', 'dialled', 'answered'], [2000, null, 2000]],
  [
    'repeated: its destination was waited for since it was first asked',
    ['admitted', 'started', 'dialling', 'dialled', 'started', 'answered'],
    [1000, null, 4000],
  ],
  ['where no connection comes about', ['admitted', 'dialling'], [null, null, null]],
  ['where no answer comes', ['admitted', 'dialling', 'dialled', 'started'], [2000, 1000, null]],
  ['where nothing is reached', ['admitted', 'answered'], [null, null, null]],
] as const)
  test(name, () => assert.deepEqual(after(...steps), phases))
