/**
 * Package managers and git, with the variables of `sallyport env` and nothing else: they install from registries on this machine what
 * their integration may have, and say 403 of what it may not.
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type ClientGateway, startForClients } from '../support/client-gateway.ts'
import { command, type Finished } from '../support/command.ts'
import { serveGit } from '../support/git-backend.ts'
import { ballast, cargoRegistry, npmRegistry, type Published, pythonIndex } from '../support/registries.ts'
import { nodeClient, pythonWith, unless, withoutProgram } from '../support/tools.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }

let gateway: ClientGateway
let git: RequestListener
let published: Published

const answer: RequestListener = (req, res) => {
  const path = req.url ?? ''
  const content = published.get(path)
  res.setHeader('content-type', path.startsWith('/pip/simple/') ? 'text/html' : 'application/octet-stream')
  if (path.startsWith('/repo.git/')) git(req, res)
  else if (content === undefined) res.writeHead(404).end()
  else res.end(content)
}

before(async () => {
  gateway = await startForClients(whole, {
    answer,
    may: [
      { methods: ['GET'], paths: ['/npm/@acme%2Fgreeting', '/npm/@acme/greeting/**'], encodedSlash: 'literal' },
      { methods: ['GET'], paths: ['/pip/simple/greeting/', '/pip/files/*'] },
      { methods: ['GET'], paths: ['/cargo/config.json', '/cargo/gr/ee/greeting', '/cargo/crates/greeting/**'] },
      { methods: ['GET'], paths: ['/repo.git/info/refs'], query: { service: ['git-upload-pack'] } },
      { methods: ['POST'], paths: ['/repo.git/git-upload-pack'] },
    ],
  })
  const { https, installation } = gateway
  git = (await serveGit(installation.folder)).listener
  published = new Map([...(await npmRegistry(https)), ...(await pythonIndex(installation.folder)), ...(await cargoRegistry(https))])
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

/** A folder of its own, and how to run a program there. */
function workplace(name: string, more: NodeJS.ProcessEnv = {}) {
  const folder = mkdtempSync(join(gateway.installation.folder, `${name}-`))
  // What a machine's own settings add to every index.
  const env = { ...gateway.env, PIP_FIND_LINKS: '', ...more }
  return { folder, run: (program: string, ...args: string[]) => command(program, args, { env, cwd: folder }) }
}

function assertDenied({ code, stdout, stderr }: Finished): void {
  assert.notEqual(code, 0)
  assert.match(stdout + stderr, /403|policy-denied/)
}

const pnpm = await nodeClient('pnpm')
const yarn = await nodeClient('yarn')
const bun = await nodeClient('bun')
const installers = [
  { name: 'npm', program: 'npm', missing: null, words: ['install', '--cache', 'cache', '--fetch-retries', '0'] },
  { name: 'pnpm', ...pnpm, words: ['add', '--store-dir', 'store', '--fetch-retries', '0'] },
  { name: 'Yarn', ...yarn, words: ['add', '--cache-folder', 'cache'] },
  { name: 'Bun', ...bun, words: ['add', '--cache-dir', 'cache'] },
]
for (const { name, program, missing, words } of installers) {
  test(`${name} installs a scoped package, and not one that is not granted`, unless(missing), async () => {
    const { folder, run } = workplace(name)
    writeFileSync(join(folder, 'package.json'), '{ "name": "app", "version": "1.0.0", "private": true }')
    const install = (wanted: string) => run(program, ...words, '--registry', `${gateway.https}/npm/`, wanted)
    const installed = await install('@acme/greeting')
    assert.equal(installed.code, 0, installed.stdout + installed.stderr)
    assert.deepEqual(readFileSync(join(folder, 'node_modules/@acme/greeting/ballast')), ballast)
    assertDenied(await install('@acme/other'))
  })
}

const python = await pythonWith('pip', 'uv')
const pythonInstallers = {
  pip: '-m pip install -vv --target app --no-cache-dir --retries 0 --index-url',
  uv: '-m uv pip install --target app --cache-dir cache --default-index',
}
for (const [name, line] of Object.entries(pythonInstallers)) {
  test(`${name} installs a package, and not one that is not granted`, unless(python.missing), async () => {
    const { folder, run } = workplace(name)
    const install = (wanted: string) => run(python.program, ...line.split(' '), `${gateway.https}/pip/simple`, wanted)
    const installed = await install('greeting')
    assert.equal(installed.code, 0, installed.stderr)
    assert.deepEqual(readFileSync(join(folder, 'app/greeting.dat')), ballast)
    assertDenied(await install('other'))
  })
}

test('cargo fetches a crate, and not one that is not granted', unless(await withoutProgram('cargo')), async () => {
  const { folder, run } = workplace('cargo', { CARGO_HOME: join(gateway.installation.folder, 'cargo-home') })
  mkdirSync(join(folder, '.cargo'))
  mkdirSync(join(folder, 'src'))
  writeFileSync(join(folder, 'src/lib.rs'), '')
  writeFileSync(join(folder, '.cargo/config.toml'), `[registries.local]\nindex = "sparse+${gateway.https}/cargo/"\n[net]\nretry = 0\n`)
  const fetch = (name: string) => {
    writeFileSync(
      join(folder, 'Cargo.toml'),
      `[package]\nname = "app"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\n${name} = { version = "1", registry = "local" }\n`,
    )
    return run('cargo', 'fetch')
  }
  const fetched = await fetch('greeting')
  assert.equal(fetched.code, 0, fetched.stderr)
  assert.match(readFileSync(join(folder, 'Cargo.lock'), 'utf8'), /name = "greeting"\nversion = "1\.0\.0"/)
  assertDenied(await fetch('other'))
})

test('git clones and fetches, and cannot push', async () => {
  const { folder, run } = workplace('git', { GIT_TERMINAL_PROMPT: '0' })
  const cloned = await run('git', 'clone', '-q', `${gateway.https}/repo.git`, 'clone')
  assert.equal(cloned.code, 0, cloned.stderr)
  assert.equal(readFileSync(join(folder, 'clone/file.txt'), 'utf8'), 'kept in git\n')
  const fetched = await run('git', '-C', 'clone', 'fetch', '-q')
  assert.equal(fetched.code, 0, fetched.stderr)
  assertDenied(await run('git', '-C', 'clone', 'push', '-q', 'origin', 'HEAD:refs/heads/other'))
})
