/** `npm test`, the long runs and the benchmarks: whatever ends one of them, nothing that it started is left. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { endingWithUs } from '../support/children.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { root } from '../support/installation.ts'
import { isRunning } from '../support/running.ts'

const skip = existsSync('/proc/self/task') && endingWithUs('true').length > 1 ? false : 'needs /proc and setpriv'
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

/** A benchmark takes some 450 ports from here on: another run of this test on the same machine takes others. */
const firstPort = 10_000 + (process.pid % 40) * 500

/** Starts a process that hangs, and a gateway, and never ends. */
const endless = `
import { test } from 'node:test'
import { createInstallation, startChild } from ${JSON.stringify(join(root, 'test/support/installation.ts'))}
import { startSilentListener } from ${JSON.stringify(join(root, 'test/support/silent-listener.ts'))}
test('never ends', async (t) => {
  await startSilentListener(t)
  void startChild(t, createInstallation(t)).catch(() => {})
  await new Promise(() => { setInterval(() => {}, 1000) })
})
`

/** A script's own words, with one test file instead of its own; of a benchmark, its own program. */
const lineOf = (script: string, file: string) => (scripts[script] ?? '').replace(/(?: \S*test\/\S*\.test\.ts\S*)+$/, ` ${file}`)

/** Those that it started, those that these started, and so on. */
function descendantsOf(id: number): readonly number[] {
  const parents = new Map<number, number[]>()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1])
      parents.set(parent, [...(parents.get(parent) ?? []), Number(name)])
    } catch {
      // It has ended.
    }
  }
  const below = (item: number): readonly number[] => (parents.get(item) ?? []).flatMap((child) => [child, ...below(child)])
  return below(id)
}

for (const [script, signal] of [
  ['fault', 'SIGKILL'],
  ['bench', 'SIGKILL'],
  ['bench', 'SIGTERM'],
] as const)
  test(`npm run ${script}, ended by ${signal}, leaves nothing behind, not even what hangs`, { skip }, async (t) => {
    const folder = createFolder(t, { 'endless.test.ts': endless })
    const { NODE_TEST_CONTEXT: _context, ...rest } = process.env
    const env = { ...rest, BENCH_FIRST_PORT: String(firstPort), TMPDIR: folder }
    const [program, ...words] = endingWithUs('sh', '-c', lineOf(script, join(folder, 'endless.test.ts')))
    const runner = spawn(program, words, { cwd: root, env, stdio: 'ignore' })
    t.after(() => void runner.kill('SIGKILL'))
    const id = runner.pid ?? 0
    // Of a test run the file, what hangs and the gateway; of a benchmark what it measures.
    const processes = script === 'bench' ? 2 : 3
    const started = await eventually('it has started others', () => {
      const found = descendantsOf(id)
      return found.length >= processes ? found : null
    })
    t.after(() => {
      eachCase(started, (item) => {
        if (isRunning(item)) process.kill(item, 'SIGKILL')
      })
    })
    const ended = once(runner, 'exit')
    runner.kill(signal)
    await ended
    await eventually('what it started has ended', () => !started.some(isRunning))
    assert.deepEqual(started.filter(isRunning), [])
  })
