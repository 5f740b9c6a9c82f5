/** What a benchmark, a soak or a test starts ends with it, also where it is killed. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { endsWithParent } from '../support/children.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'

const bench = join(import.meta.dirname, '../bench/process.ts')
/** Notes its id once it runs, and would run forever. */
const idle =
  "import { renameSync, writeFileSync } from 'node:fs'\nconst file = process.env.PID_FILE\nwriteFileSync(file + '.new', String(process.pid))\nrenameSync(file + '.new', file)\nsetInterval(() => {}, 1000)\n"

const isRunning = (pid: number): boolean => {
  try {
    // A process that has ended and was not waited for yet still has its id.
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Starts a process that starts another, ends the first by a signal, and waits for the end of the second. */
async function requireEnds(t: TestContext, folder: string, signal: NodeJS.Signals, words: readonly string[]): Promise<void> {
  const file = join(folder, `${signal}.pid`)
  // A test file's processes would take themselves for part of the run that this one is in.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const parent = spawn(process.execPath, words, { stdio: 'ignore', env: { ...env, PID_FILE: file } })
  t.after(() => void parent.kill('SIGKILL'))
  const pid = await eventually('the process runs', () => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : null))
  const above = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  parent.kill(signal)
  await once(parent, 'exit')
  await eventually(`the process ends after ${signal} of the one that started it`, () => !isRunning(pid) && !isRunning(above))
}

const skip = process.platform === 'linux' ? false : 'needs /proc'

for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL'] as const) {
  test(`what a benchmark measures ends with the benchmark, ended by ${signal}`, { skip }, async (t) => {
    const folder = createFolder(t, { 'idle.ts': idle })
    const script = `import { start } from ${JSON.stringify(bench)}\nstart(${JSON.stringify(join(folder, 'idle.ts'))}, [])\nsetInterval(() => {}, 1000)`
    await requireEnds(t, folder, signal, ['--no-warnings', '--input-type=module-typescript', '-e', script])
  })

  test(`the files of a long run end with their runner, ended by ${signal}`, { skip }, async (t) => {
    const folder = createFolder(t, { 'long.test.ts': idle })
    await requireEnds(t, folder, signal, ['--no-warnings', '--import', endsWithParent, '--test', join(folder, 'long.test.ts')])
  })
}

test('a long run ends with npm, which started it', { skip }, async (t) => {
  const folder = createFolder(t, { 'long.test.ts': idle })
  const words = ['--no-warnings', '--import', endsWithParent, '--test', join(folder, 'long.test.ts')]
  const npm = `require('node:child_process').spawn(process.execPath, ${JSON.stringify(words)}, { stdio: 'ignore' })`
  await requireEnds(t, folder, 'SIGKILL', ['-e', npm])
})

for (const name of ['bench', 'soak', 'fuzz', 'fault'])
  test(`every long run loads what ends it, and has no shell between it and npm: ${name}`, () => {
    const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    assert.match(scripts[name] ?? '', /(?:^| )exec node (?:--\S+ )*--import \.\/test\/support\/ends-with-parent\.ts /, name)
  })
