/** Where the compiler is looked for and what is written where, whatever a machine lacks. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { createCompile } from '../../src/opa/compiler/compile.ts'
import { commandFolders, gatewayFolders, openWorkFolder } from '../../src/opa/compiler/folders.ts'
import { compiler, programPath } from '../../src/opa/compiler/program.ts'
import { runProgram } from '../../src/opa/compiler/run-program.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { root } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const alone = (folder: string) => ({ built: [folder], work: [folder], userCache: null, keepsAnswers: false })
const isRoot = process.getuid?.() === 0

test('a gateway writes in its state folder alone, and reads what a user built where there is a home', () => {
  const { built, work } = gatewayFolders('/state/compiler', { HOME: '/home/a' })
  assert.deepEqual(work, ['/state/compiler'])
  assert.deepEqual(built.slice(1), ['/state/compiler', '/home/a/.cache/sallyport'])
})

test('without HOME, and with caches that are not absolute, nothing is looked for there', () => {
  eachCase([{}, { HOME: '' }, { HOME: 'home', XDG_CACHE_HOME: 'cache' }], (env) =>
    assert.deepEqual(gatewayFolders('/state/compiler', env).built.slice(1), ['/state/compiler']),
  )
  assert.deepEqual(gatewayFolders('/state/compiler', { HOME: '/h', XDG_CACHE_HOME: '/c' }).built.slice(2), ['/c/sallyport'])
})

test('a command works in the first folder that can be written, and says why the others cannot', (t) => {
  const folder = createFolder(t, { file: '' })
  const { work } = commandFolders(null, { HOME: join(folder, 'file') })
  assert.equal(work[0], join(folder, 'file/.cache/sallyport'))
  assert.equal(openWorkFolder({ ...alone(''), work: [work[0] as string, join(folder, 'second')] }), join(folder, 'second'))
  assert.throws(() => openWorkFolder({ ...alone(''), work: [work[0] as string] }), /file\/\.cache\/sallyport cannot be written: ENOTDIR/)
})

test('where no cache can be written a command works in the state folder, if that is its own user’s', (t) => {
  const folder = createFolder(t)
  const tmp = process.env['TMPDIR']
  t.after(() => {
    if (tmp === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = tmp
  })
  process.env['TMPDIR'] = join(folder, 'nothing/file')
  writeFileSync(join(folder, 'nothing'), '')
  const state = join(folder, 'state')
  const gateway = { folder: state, compiler: join(state, 'compiler') }
  const none = commandFolders(gateway, {})
  assert.throws(() => openWorkFolder(none), /^CompilerMissing: there is no folder to compile in: .*ENOTDIR; set XDG_CACHE_HOME/)
  mkdirSync(state)
  assert.equal(openWorkFolder(commandFolders(gateway, {})), join(state, 'compiler'))
  if (!isRoot) return t.diagnostic('only root can give a folder to another user')
  chownSync(state, 54321, 54321)
  assert.throws(() => openWorkFolder(commandFolders(gateway, {})), /there is no folder to compile in/)
})

test('a folder that others can write, or that is a link, is not worked in, and no program in one is run', async (t) => {
  const folder = createFolder(t)
  const shared = join(folder, 'shared')
  mkdirSync(shared)
  chmodSync(shared, 0o777)
  symlinkSync(folder, join(folder, 'link'))
  assert.throws(() => openWorkFolder({ ...alone(''), work: [shared] }), /others can write there/)
  const known = await programPath(compiler).catch(() => null)
  if (known === null) return t.skip('there is neither a compiler that was built nor Go')
  const planted = join(shared, basename(known))
  writeFileSync(planted, 'not ours')
  await assert.rejects(programPath(compiler, alone(shared)), /others can write there/)
  chmodSync(shared, 0o755)
  assert.equal(await programPath(compiler, alone(shared)), planted)
  chmodSync(planted, 0o666)
  const readFrom = { ...alone(shared), work: [join(folder, 'link')] }
  await assert.rejects(programPath(compiler, readFrom), /others can write there/)
})

test('Go keeps its caches where they usually are in a user’s cache, and beside what it builds everywhere else', async (t) => {
  const folder = createFolder(t, {
    'bin/go': '#!/bin/sh\n[ "$1" = env ] && exit 0\necho "caches in $HOME" >&2\nexit 1\n',
  })
  chmodSync(join(folder, 'bin/go'), 0o755)
  const { PATH: path, HOME: home } = process.env
  t.after(() => {
    process.env['PATH'] = path
    process.env['HOME'] = home
  })
  process.env['PATH'] = `${join(folder, 'bin')}:/usr/bin:/bin`
  process.env['HOME'] = join(folder, 'home')
  const [cache, other] = [join(folder, 'cache'), join(folder, 'other')]
  const build = (userCache: string) => programPath(compiler, { built: [], work: [cache], userCache, keepsAnswers: false })
  await assert.rejects(build(cache), new RegExp(`caches in ${folder}/home`))
  await assert.rejects(build(other), new RegExp(`caches in ${folder}/cache/build-`))
})

test('what fails is told: that Go is not there, or what it said, and nothing is left behind', async (t) => {
  const folder = createFolder(t, { 'bin/go': '#!/bin/sh\necho "no space left on device" >&2\nexit 1\n' })
  chmodSync(join(folder, 'bin/go'), 0o755)
  const path = process.env['PATH']
  t.after(() => {
    process.env['PATH'] = path
  })
  const work = join(folder, 'work')
  process.env['PATH'] = join(folder, 'nothing')
  await assert.rejects(
    programPath(compiler, alone(work)),
    /rego-compiler was not built before \(looked in .*work\), and "go" is not on PATH/,
  )
  process.env['PATH'] = `${join(folder, 'bin')}:/usr/bin:/bin`
  await assert.rejects(programPath(compiler, alone(work)), /"go build" failed: no space left on device/)
  assert.deepEqual(readdirSync(work), [])
  if (isRoot) return t.diagnostic('root can write everywhere: the read-only folder is tested in flow/fresh-machine')
  chmodSync(work, 0o500)
  await assert.rejects(programPath(compiler, alone(work)), /work cannot be written: EACCES/)
})

compilerTest('a compiler that is aborted says nothing of the rules', async (t) => {
  const folder = createFolder(t)
  const compile = createCompile({ ...commandFolders(), keepsAnswers: false, work: [folder] })
  const request = {
    command: 'check',
    sources: {
      'a.rego': rego`
        package a

        p := 1
      `,
    },
  } as const
  const controller = new AbortController()
  const aborted = compile(request, controller.signal)
  setImmediate(() => controller.abort(new Error('something newer')))
  await assert.rejects(aborted, { message: 'something newer' })
  await assert.rejects(compile(request, controller.signal), { message: 'something newer' })
  assert.deepEqual((await compile(request)).problems, [])
})

test('a program that ends early, or never, is told by how it ended', async (t) => {
  const folder = createFolder(t, { 'broken.wasm': 'not WebAssembly' })
  const broken = await runProgram(join(folder, 'broken.wasm'), 'x'.repeat(1_000_000), { timeoutMs: 60_000 })
  assert.equal(broken.code, 1)
  assert.match(broken.stderr, /CompileError/)
  // (module (memory (export "memory") 1) (func (export "_start") (loop br 0)))
  const endless = Buffer.from(
    '0061736d010000000104016000000302010005030100010713020' + '66d656d6f72790200065f737461727400000a09010700034' + '00c000b0b',
    'hex',
  )
  writeFileSync(join(folder, 'endless.wasm'), endless)
  const late = await runProgram(join(folder, 'endless.wasm'), '', { timeoutMs: 1500 })
  assert.deepEqual([late.code, late.timedOut], [null, true])
  const controller = new AbortController()
  const aborted = runProgram(join(folder, 'endless.wasm'), '', { timeoutMs: 60_000, signal: controller.signal })
  setImmediate(() => controller.abort())
  assert.deepEqual([(await aborted).code, (await aborted).timedOut], [null, false])
  const never = await runProgram(join(folder, 'endless.wasm'), '', { timeoutMs: 60_000, signal: controller.signal })
  assert.deepEqual([never.code, never.timedOut], [null, false])
})

test('a compiler that would never end does once the one that started it is killed', {
  skip: process.platform === 'linux' ? false : 'needs /proc',
}, async (t) => {
  // (module (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
  //   (memory (export "memory") 1) (func (export "_start") (loop (drop (call 0 (i32.const 0) (i64.const 0) (i32.const 8))) (br 0))))
  const endless = Buffer.from(
    'AGFzbQEAAAABCwJgA39+fwF/YAAAAikBFndhc2lfc25hcHNob3RfcHJldmlldzEOY2xvY2tfdGltZV9nZXQAAAMCAQEFAwEAAQcTAgZtZW1vcnkCAAZfc3RhcnQAAQoSARAAA0BBAEIAQQgQABoMAAsL',
    'base64',
  )
  const folder = createFolder(t, { 'endless.wasm': endless })
  const script = `import { runProgram } from ${JSON.stringify(join(root, 'src/opa/compiler/run-program.ts'))}
    await runProgram(process.argv[1], '', { timeoutMs: 1e9 })`
  const words = ['--no-warnings', '--input-type=module-typescript', '-e', script, join(folder, 'endless.wasm')]
  const parent = spawn(process.execPath, words, { stdio: 'ignore' })
  t.after(() => void parent.kill('SIGKILL'))
  const compiling = await eventually('it compiles', () => {
    const [child] = readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8').split(' ').filter(Boolean)
    return child !== undefined && readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('endless.wasm') ? Number(child) : null
  })
  const isRunning = () => {
    try {
      return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${compiling}/status`, 'utf8'))
    } catch {
      return false
    }
  }
  t.after(() => {
    if (isRunning()) process.kill(compiling, 'SIGKILL')
  })
  parent.kill('SIGKILL')
  await eventually('the compiler has ended', () => !isRunning())
})
