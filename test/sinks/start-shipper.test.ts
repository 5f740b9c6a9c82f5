/** The process that ships: started again whatever keeps it from running, and never the gateway's end. */
import assert from 'node:assert/strict'
import { ChildProcess, fork } from 'node:child_process'
import { test } from 'node:test'
import { startShipper } from '../../src/sinks/index.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'

test('a process that cannot be started, or ends at once, is tried again, and what it wrote is told', async (t) => {
  const folder = createFolder(t, {
    'ends.cjs': 'console.error("no such disk"); process.exit(3)',
    'stays.cjs': 'process.on("message", () => {})',
  })
  const never = () => {
    const child = new ChildProcess()
    queueMicrotask(() => child.emit('error', new Error('spawn EMFILE')))
    return child
  }
  const forked = (name: string) => () => fork(`${folder}/${name}`, [], { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  const starts = [() => assert.fail('spawn ENOMEM'), never, forked('ends.cjs')]
  const ends: (readonly string[])[] = []
  const shipper = startShipper(
    { folder, sinks: [], witness: null, state: { sinks: folder, policies: folder, compiler: folder }, version: '0.1.0' },
    {
      onProgress: () => {},
      note: async () => {},
      onMaskFailure: () => {},
      onEnd: (...how) => void ends.push(how),
      delays: { minMs: 1, maxMs: 1 },
      startProcess: () => (starts.shift() ?? forked('stays.cjs'))(),
    },
  )
  t.after(() => shipper.close(0, 0))
  await eventually('it runs', () => ends.length === 3 && shipper.pid)
  assert.deepEqual(ends, [
    ['before it began: spawn ENOMEM', ''],
    ['before it began: spawn EMFILE', ''],
    ['with code 3', 'no such disk\n'],
  ])
})
