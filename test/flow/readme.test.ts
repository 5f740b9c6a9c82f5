/** The first two minutes: the README's own lines, pasted. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { root } from '../support/installation.ts'
import { recordsIn } from '../support/log-records.ts'
import { createServer } from '../support/sockets.ts'

const lines = readFileSync(join(root, 'README.md'), 'utf8').split('\n')
const pasted = (form: RegExp) => lines.filter((line) => form.test(line)).map((line) => line.trim())

/** The quickstart’s ports are fixed, so that its lines can be copied. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
  })
  await new Promise((resolve) => server.close(resolve))
  return free
}

/** Resolves when the greeting is out; `null` where a port of the quickstart is in use here. */
async function startQuickstart(t: TestContext) {
  for (const port of [3128, 8282, 9080])
    if (!(await isFree(port))) {
      t.skip(`port ${port} of the quickstart is in use here`)
      return null
    }
  const started = performance.now()
  const npm = spawn('npm', ['start'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  t.after(() => {
    // npm may have ended and left the gateway behind, which is still of its group.
    try {
      process.kill(-(npm.pid as number), 'SIGKILL')
    } catch {
      // Nobody is left.
    }
  })
  let greeting = ''
  await new Promise<void>((resolve, reject) => {
    npm.once('exit', (code) => reject(new Error(`npm start ended with ${code}: ${greeting}`)))
    npm.stdout.on('data', (chunk: Buffer) => {
      greeting += chunk.toString()
      if (greeting.includes('Ctrl-C ends it')) resolve()
    })
  })
  t.diagnostic(`stands after ${Math.round(performance.now() - started)} ms`)
  return { npm, greeting, pid: npm.pid as number }
}

test('npm start, three curl lines, and what happened, as the README says', async (t) => {
  assert.equal(pasted(/^ {4}npm ci && npm start$/).length, 1)
  // What earlier runs have counted is shown as well.
  rmSync(join(root, 'state/usage'), { recursive: true, force: true })
  const quickstart = await startQuickstart(t)
  if (quickstart === null) return t.diagnostic('skipped, as said above')
  const { npm, greeting, pid } = quickstart

  const run = async (line: string) => (await command('sh', ['-c', line.replace(/^curl /, 'curl -sS ')], { cwd: root })).stdout
  const [allowed = '', denied = '', limited = '', ...more] = pasted(/^ {4}curl /)
  assert.deepEqual(more, [])
  eachCase([allowed, denied, limited], (line) => assert.ok(greeting.includes(line), line))
  assert.equal(JSON.parse(await run(allowed)).tomorrow, 'rain')
  const problem = JSON.parse(await run(denied))
  assert.deepEqual([problem.status, problem.rule, problem.integration], [403, 'default/deny', 'weather'])
  assert.match(JSON.stringify(problem), /weather\.yaml/)
  assert.match(JSON.stringify(problem), /\/admin\/keys/)
  assert.match(await run(limited), /^HTTP\/1\.1 200 .*HTTP\/1\.1 429 .*retry-after: \d+/is)

  const [tail = '', verify = '', usage = ''] = pasted(/^ {4}npx /)
  const rows = await run(tail)
  eachCase([/weather.*\/v1\/forecast/, /weather.*\/admin\/keys/, /reports.*\/v1\/cities/], (form) => assert.match(rows, form))
  assert.match(await run(verify), /^OK: \d+ records/m)
  assert.match(await run(usage), /^weather\n.*1 allowed, 1 denied/ms)

  // npm gets it and passes it on, and the gateway gets it as well: that is one signal, and the log is closed in peace.
  const ended = once(npm.stdout, 'close')
  process.kill(-pid, 'SIGINT')
  await ended
  const log = join(root, 'state/audit')
  assert.match(recordsIn(log).at(-1) ?? '', /"type":"stopped"/)
})

test('npm start ends, the gateway with it, when npm alone is told to', { timeout: 60_000 }, async (t) => {
  const quickstart = await startQuickstart(t)
  if (quickstart === null) return t.diagnostic('skipped, as said above')
  const { npm, pid } = quickstart
  // Open as long as any of its processes lives.
  const ended = once(npm.stdout, 'close')
  process.kill(pid, 'SIGTERM')
  await ended
})
