/** A scrape gives way to requests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSlices, family } from '../../src/telemetry/exposition.ts'
import { textFormat } from '../../src/telemetry/format.ts'

/** A clock that goes on by a millisecond per look, and as many lines as are asked for. */
function arrange(count: number) {
  let clock = 0
  const slices = createSlices(() => clock++)
  const of = Array.from({ length: count }, (_, index) => index)
  const lines = () =>
    family({ format: textFormat, name: 'm', type: 'gauge', help: 'of a test', of, lines: (index: number) => `m{i="${index}"} 1\n` })
  return { slices, lines }
}

async function read(parts: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const part of parts) text += part
  return text
}

/** Turns of the event loop until `work` is done. */
async function turnsOf(work: Promise<unknown>): Promise<number> {
  let turns = 0
  let isOver = false
  const turn = () => {
    turns += 1
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await work
  isOver = true
  return turns
}

test('a scrape lets other work run between its slices, and is complete', async () => {
  const { slices, lines } = arrange(100)
  let text = ''
  const turns = await turnsOf(read(slices(lines())).then((all) => (text = all)))
  assert.equal(text, [...lines()].join(''))
  assert.ok(turns > 30, `${turns} turns`)
})

test('simultaneous scrapes share one slice per turn', async () => {
  const { slices, lines } = arrange(100)
  const alone = await turnsOf(read(slices(lines())))
  const together = await turnsOf(Promise.all(Array.from({ length: 5 }, () => read(slices(lines())))))
  assert.ok(together > 4 * alone, `${together} turns beside ${alone}`)
})

test('each metric is one group: its help, its type, then its series', () => {
  const { lines } = arrange(2)
  assert.equal([...lines()].join(''), '# HELP m of a test\n# TYPE m gauge\nm{i="0"} 1\nm{i="1"} 1\n')
})
