/** The gateway's side of the process that watches, where that is slow, stuck, or gone. */
import assert from 'node:assert/strict'
import { ChildProcess } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { rulesFrom } from '../../src/config/index.ts'
import type { Slice } from '../../src/watch/index.ts'
import { createSender, startWatcher } from '../../src/watcher/index.ts'
import { eventually } from '../support/eventually.ts'

const slice = (flows = 1): Slice => ({ from: 0, to: 1000, flows: Array.from({ length: flows }, () => ({}) as Slice['flows'][number]) })

const ignored = { onFindings: () => {}, onAlert: () => {}, onReceiver: () => {}, onStatus: () => {} }

/** A process that takes messages, and says nothing but what the test says. */
function arrange(t: TestContext) {
  const told: { kind: string; id?: number }[] = []
  const children: ChildProcess[] = []
  const lost: number[] = []
  const startProcess = () => {
    const child = Object.assign(new ChildProcess(), {
      ...{ pid: 1_000_000 + children.length, connected: true },
      send: (message: { kind: string }) => void told.push(message),
      kill: () => child.emit('close', null, 'SIGKILL'),
    })
    children.push(child)
    return child
  }
  const watcher = startWatcher(
    { file: '/none', rules: rulesFrom(), rulesFor: {}, timeZone: 'UTC', receivers: [], resolveAfterMs: 1000, gateway: 'here' },
    { ...ignored, onEnd: () => {}, onLost: (slices) => void lost.push(slices), delays: { minMs: 1, maxMs: 1 }, startProcess },
  )
  t.after(async () => {
    const closing = watcher.close()
    children.at(-1)?.emit('close', 0, null)
    await closing
  })
  const say = (message: object) => children.at(-1)?.emit('message', message)
  return { watcher, told, children, lost, say }
}

test('a process that is stuck gets 64 slices, or 2,000 flows, and no more until it has looked at some', (t) => {
  const { watcher, say } = arrange(t)
  const takes = Array.from({ length: 100 }, () => watcher.take(slice()))
  assert.equal(takes.filter(Boolean).length, 64)
  say({ kind: 'took' })
  assert.deepEqual([watcher.take(slice()), watcher.take(slice())], [true, false])
  Array.from({ length: 64 }, () => say({ kind: 'took' }))
  assert.deepEqual([watcher.take(slice(1999)), watcher.take(slice(500)), watcher.take(slice())], [true, true, false])
})

test('what a process had not looked at when it ended is counted as lost, and questions to it fail', async (t) => {
  const { watcher, children, lost } = arrange(t)
  watcher.take(slice())
  watcher.take(slice())
  const question = assert.rejects(watcher.ask('overview'), /has ended/)
  children[0]?.emit('close', null, 'SIGKILL')
  await question
  assert.deepEqual([lost, watcher.pid, watcher.take(slice())], [[2], null, false])
  await eventually('another is started', () => children.length === 2)
  assert.equal(watcher.take(slice()), true)
})

test('an answer is given to its question, and a problem is its rejection', async (t) => {
  const { watcher, told, say } = arrange(t)
  const [good, bad] = [watcher.ask('overview'), watcher.ask('nonsense')]
  const [first, second] = told.filter(({ kind }) => kind === 'ask')
  say({ kind: 'answer', id: second?.id, result: null, problem: 'there is no question "nonsense"' })
  say({ kind: 'answer', id: first?.id, result: { ok: 1 }, problem: null })
  assert.deepEqual(await good, { ok: 1 })
  await assert.rejects(bad, /no question "nonsense"/)
  say({ kind: 'answer', id: first?.id, result: 'again', problem: null })
})

test('where the process is behind, a round waits for it, and drops what it does not take in time', async () => {
  const dropped: number[] = []
  const answers = [false, true, false, false]
  const sender = createSender({
    cut: () => [slice(), slice(), slice()],
    take: () => answers.shift() ?? false,
    onDropped: (slices) => void dropped.push(slices),
    patienceMs: 30,
  })
  const [round, meanwhile] = [sender.send(), sender.send()]
  await meanwhile
  assert.equal(sender.taken(), 0)
  await round
  assert.deepEqual([sender.taken(), dropped], [1, [1, 1]])
})
