/** Spans that wait for the collector: bounded by `queue`, shared out, and sent again where that helps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refused, Throttled } from '../../src/otlp/export.ts'
import { createSpanQueue } from '../../src/otlp/span-queue.ts'
import { times } from '../support/cases.ts'

function arrange(take: () => Promise<number> = async () => 0, maxBytes = 64 * 1024) {
  const ends: Record<string, number> = {}
  const bodies: string[] = []
  const problems: (string | null)[] = []
  const queue = createSpanQueue({
    collector: {
      take: (_signal, body) => {
        bodies.push(body.toString())
        return take()
      },
    },
    ...{ maxBytes, intervalMs: 3_600_000 },
    bodyOf: (spans) => spans,
    onEnd(outcome, requests) {
      ends[outcome] = (ends[outcome] ?? 0) + requests
    },
    onProblem: (problem) => void problems.push(problem),
  })
  return { queue, ends, bodies, problems }
}

test('beyond its queue spans are dropped and counted, and an integration that has half of it leaves the rest to others', async () => {
  const { queue, ends, bodies } = arrange()
  const kibi = 'a…'.repeat(512)
  await times(64, async () => void queue.put('greedy', kibi))
  assert.equal(queue.put('other', kibi), true)
  await queue.close(10_000)
  assert.deepEqual(ends, { dropped: 32, exported: 33 })
  assert.deepEqual(bodies, [new Array(33).fill(kibi).join(',')])
})

test('a batch is sent before the interval is over where half a mebibyte waits', async () => {
  const sent = Promise.withResolvers<void>()
  const { queue } = arrange(
    async () => {
      sent.resolve()
      return 0
    },
    4 * 1024 * 1024,
  )
  await times(9, async () => void queue.put('weather', 'a'.repeat(64 * 1024)))
  await sent.promise
  await queue.close(10_000)
})

test('what the collector refuses is not sent again, and what it has no room for now is', async () => {
  const answers = [() => new Throttled('later', 1), () => new Refused('not OTLP')]
  const { queue, ends, bodies, problems } = arrange(async () => {
    const failure = answers.shift()
    return failure === undefined ? 0 : Promise.reject(failure())
  })
  queue.put('weather', 'one')
  await queue.close(10_000)
  assert.deepEqual([bodies, ends, problems], [['one', 'one'], { refused: 1 }, ['later', 'not OTLP']])
})

test('at the end what a collector does not take in time is dropped', async () => {
  const { queue, ends } = arrange(() => Promise.reject(new Error('not there')))
  queue.put('weather', 'one')
  await queue.close(1)
  assert.deepEqual(ends, { dropped: 1 })
  assert.equal(queue.put('weather', 'two'), false)
})
