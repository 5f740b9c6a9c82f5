/** The body of a reply, pushed from its stream into a sink: as fast as the sink takes it, and to its end or with why not. */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { Refusal } from '../../src/core/index.ts'
import { pushStream } from '../../src/resources/http/index.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'

const codeOf = (error: unknown) => (error as Refusal).code

/** A stream that is pushed into a sink which takes each chunk when `take` is called, and says whether it wants more. */
function arrange({ maxBytes = 100, answers = null as boolean | null, isPushed = true } = {}) {
  const stream = new PassThrough({ highWaterMark: 1000 }).on('error', () => {})
  const heard: string[] = []
  const clock: string[] = []
  let taken: PromiseWithResolvers<boolean> | null = null
  let failure: Error | null = null
  let isReset = false
  const timer = { start: () => void clock.push('start'), touch: () => void clock.push('touch'), stop: () => void clock.push('stop') }
  const reply = {
    ...{ stream, timer, idleTimeoutMs: 1000, maxBytes },
    isWhole: () => stream.readableEnded && !isReset,
    fail(refusal: Refusal) {
      failure = refusal
      stream.destroy()
    },
    broken: () => failure ?? new Error('it broke off'),
  }
  const sink = {
    write(chunk: Uint8Array) {
      heard.push(String(chunk))
      if (answers !== null) return answers
      taken = Promise.withResolvers()
      return taken.promise
    },
  }
  const ends: string[] = []
  const push = (more = {}) =>
    pushStream({ ...reply, ...more }, sink).then(
      () => void ends.push('whole'),
      (error) => void ends.push(codeOf(error) ?? (error as Error).message),
    )
  if (isPushed) void push()
  return {
    ...{ stream, heard, clock, ends, push },
    take: (wantsMore = true) => taken?.resolve(wantsMore),
    breaks: () => taken?.reject(new Error('the sink failed')),
    reset() {
      isReset = true
    },
  }
}

const hears = ({ heard }: { readonly heard: readonly string[] }, count: number) => eventually('it is heard', () => heard.length === count)
const ended = ({ ends }: { readonly ends: readonly string[] }) => eventually('it has ended', () => ends[0])

test('nothing more is read before the sink has taken a chunk, and meanwhile no clock runs against the stream', async () => {
  const pushed = arrange()
  pushed.stream.write('one')
  await hears(pushed, 1)
  pushed.stream.write('two')
  assert.deepEqual([pushed.stream.isPaused(), pushed.clock], [true, ['start', 'stop']])
  pushed.take()
  await hears(pushed, 2)
  assert.deepEqual(
    [pushed.heard, pushed.clock],
    [
      ['one', 'two'],
      ['start', 'stop', 'start', 'stop'],
    ],
  )
})

test('a stream that has ended is whole once the sink has taken its last chunk, whether it wants more or not', async () => {
  const pushed = arrange()
  pushed.stream.end('last')
  await hears(pushed, 1)
  await eventually('the stream has ended', () => pushed.stream.readableEnded)
  assert.deepEqual(pushed.ends, [])
  pushed.take(false)
  assert.equal(await ended(pushed), 'whole')
  assert.equal(pushed.clock.at(-1), 'stop')
})

test('a stream that breaks off is told at once, whatever the sink has still to take', async () => {
  const pushed = arrange()
  pushed.stream.write('some')
  await hears(pushed, 1)
  pushed.stream.destroy()
  assert.equal(await ended(pushed), 'it broke off')
})

test('a stream whose end says nothing yet is asked again when it has closed', async () => {
  const pushed = arrange({ answers: true, isPushed: false })
  void pushed.push({ knowsEnd: () => pushed.stream.closed })
  pushed.stream.on('end', pushed.reset).end('some')
  assert.equal(await ended(pushed), 'it broke off')
  assert.deepEqual(pushed.clock, ['start', 'touch', 'stop'])
})

test('a sink that wants no more, at once or after it has taken a chunk, or that fails, ends the stream as its caller left', async () => {
  const [atOnce, later, failing] = [arrange({ answers: false }), arrange(), arrange()]
  eachCase([atOnce, later, failing], ({ stream }) => void stream.write('some'))
  await hears(later, 1)
  await hears(failing, 1)
  later.take(false)
  failing.breaks()
  assert.deepEqual([await ended(atOnce), await ended(later), await ended(failing)], Array(3).fill('client-closed'))
  assert.deepEqual(
    [atOnce, later, failing].map(({ stream }) => stream.destroyed),
    [true, true, true],
  )
})

test('a chunk beyond the bound is not pushed, and ends the stream', async () => {
  const pushed = arrange({ answers: true, maxBytes: 5 })
  pushed.stream.write('five!')
  await hears(pushed, 1)
  pushed.stream.write('6')
  assert.equal(await ended(pushed), 'reply-too-large')
  assert.deepEqual(pushed.heard, ['five!'])
})

test('a stream that has ended or broken off before it is pushed is told as it is', async () => {
  const [whole, broken] = [arrange({ isPushed: false }), arrange({ isPushed: false })]
  whole.stream.resume().end()
  broken.stream.destroy()
  await eventually('both are closed', () => whole.stream.closed && broken.stream.closed)
  await Promise.all([whole.push(), broken.push()])
  assert.deepEqual([whole.ends, broken.ends, whole.clock], [['whole'], ['it broke off'], ['stop']])
})
