/** Two gateways on the same folders: one holds them, the others refuse before they write anything. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../src/config/index.ts'
import { lockFolder } from '../../src/files/folder-lock.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { verifyAudit } from '../../src/proof/index.ts'
import { eachCase, times } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, main, root, startChild, startHere } from '../support/installation.ts'

const rounds = Number(process.env['SALLYPORT_LOCK_ROUNDS'] ?? 5)

/** Takes the lock and says so, or why not; holds it until it is killed. */
const script = `
  import { lockFolder } from ${JSON.stringify(join(root, 'src/files/folder-lock.ts'))}
  process.stdin.once('data', () => {
    try { globalThis.unlock = lockFolder(process.argv[1]); console.log('held ' + process.pid) } catch (error) { console.log(error.message) }
  })
  console.log('ready')
`

interface Contender {
  readonly process: ChildProcess
  contend(): Promise<string>
}

async function contender(t: TestContext, folder: string, before: readonly string[] = []): Promise<Contender> {
  const [program = '', ...words] = [...before, process.execPath, '--no-warnings', '--input-type=module-typescript', '-e', script, folder]
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => void child.kill('SIGKILL'))
  const said = async () => String((await once(child.stdout, 'data'))[0]).trim()
  assert.equal(await said(), 'ready')
  return {
    process: child,
    contend() {
      child.stdin.write('go\n')
      return said()
    },
  }
}

test('of three that start at once one holds the folder, whatever a dead one left', async (t) => {
  const folder = createFolder(t, { lock: '1 0', 'gateway.pid': '1 on another\n' })
  await times(rounds, async () => {
    const contenders = await Promise.all([1, 2, 3].map(() => contender(t, folder)))
    const said = await Promise.all(contenders.map((contender) => contender.contend()))
    assert.equal(said.filter((text) => text.startsWith('held')).length, 1, said.join('\n'))
    eachCase(
      said.filter((text) => !text.startsWith('held')),
      (text) => assert.match(text, /is in use by another gateway/),
    )
    await eachCase(contenders, async ({ process: child }) => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    })
  })
  lockFolder(folder)()
})

const namespaces = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true'])
const noNamespaces = namespaces.status === 0 ? false : `no pid namespace can be made here: ${namespaces.stderr}`
if (noNamespaces !== false && process.env['CI'] === 'true') throw new Error(noNamespaces)

test('two containers on one volume, each process 1: the second refuses', { skip: noNamespaces }, async (t) => {
  const folder = createFolder(t, {})
  const enter = ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
  const [first, second] = [await contender(t, folder, enter), await contender(t, folder, enter)]
  assert.equal(await first.contend(), 'held 1')
  assert.match(await second.contend(), /is in use by another gateway \(process 1 on /)
})

test('the folder is free once its gateway has given it back, in the same process as well', (t) => {
  const folder = createFolder(t, {})
  const unlock = lockFolder(folder)
  assert.throws(() => lockFolder(folder), { name: 'FolderLockError', message: /is in use/ })
  unlock()
  unlock()
  lockFolder(folder)()
})

test('a file system that proves nothing is refused, and nothing is written to it', (t) => {
  const folder = createFolder(t, {})
  eachCase([[0x6969, 'NFS'] as const, [0x65735546, 'FUSE'] as const, [0x123, 'a type that is not known'] as const], ([type, name]) =>
    assert.throws(() => lockFolder(folder, { fileSystemOf: () => type }), {
      name: 'FolderLockError',
      message: new RegExp(`is on a file system \\(${name}, .* put state and audit.folder on a local file system`),
    }),
  )
  assert.deepEqual(readdirSync(folder), [])
})

test('a folder whose lock cannot be taken is refused with the reason', (t) => {
  const folder = createFolder(t, {})
  mkdirSync(join(folder, 'gateway.lock'))
  assert.throws(
    () => lockFolder(folder),
    /cannot be locked \(unable to open database file\), and nothing shows that no other gateway uses it/,
  )
})

/** Every file below a folder with its time, size and content. */
function snapshot(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => !name.includes('gateway.lock'))
  return Object.fromEntries(
    files.map((name) => {
      const { mtimeMs, ino, isFile } = { ...statSync(join(folder, name)), isFile: statSync(join(folder, name)).isFile() }
      return [name, `${ino} ${mtimeMs} ${isFile ? readFileSync(join(folder, name), 'latin1') : ''}`]
    }),
  )
}

test('a second gateway with the same state folder exits, and has changed nothing', async (t) => {
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant() } })
  const child = await startChild(t, installation)
  const folder = join(installation.folder, 'state')
  // A second behind the last record it writes nothing more by itself.
  await eventually('the checkpoint is published', async () => {
    const { records, unsigned } = await verifyAudit(join(folder, 'audit'))
    const partials = ['tile/0/000.p', 'tile/entries/000.p'].map((name) => readdirSync(join(folder, 'audit', name)).length)
    return records > 0 && unsigned === 0 && partials.every((count) => count === 1)
  })
  const before = snapshot(folder)
  const second = await command(process.execPath, ['--no-warnings', main, 'run', '--config', installation.configFile])
  assert.equal(second.code, 1)
  assert.match(second.stderr, /state\/gateway\.lock: its folder is in use by another gateway \(process \d+ on .*\): stop it/)
  assert.deepEqual(snapshot(folder), before)
  child.process.kill('SIGTERM')
  assert.deepEqual(await child.exited(), { code: 0, signal: null })
  assert.deepEqual((await verifyAudit(join(folder, 'audit'))).findings, [])
})

test('of three gateways that start at once on a new state folder one stands, and its log is whole', async (t) => {
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant() } })
  const starts = await Promise.allSettled([1, 2, 3].map(() => startChild(t, installation)))
  const standing = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  const refused = starts.flatMap((start) => (start.status === 'rejected' ? [String(start.reason)] : []))
  assert.deepEqual([standing.length, refused.length], [1, 2], refused.join('\n'))
  eachCase(refused, (why) => assert.match(why, /ended with 1: .*is in use by another gateway/s))
  standing[0]?.process.kill('SIGTERM')
  assert.deepEqual(await standing[0]?.exited(), { code: 0, signal: null })
  const { findings, records } = await verifyAudit(join(installation.folder, 'state/audit'))
  assert.deepEqual([findings, records > 0], [[], true])
})

test('a second gateway with the same audit folder alone does not start either', async (t) => {
  const installation = createInstallation(t, { config: 'audit: { folder: ./log }' })
  await startHere(t, installation)
  installation.write('other.yaml', `${installation.read('sallyport.yaml')}state: ./other\n`)
  await assert.rejects(
    startGateway(loadConfig(join(installation.folder, 'other.yaml')), { logTo: { write: () => {} } }),
    /log\/gateway\.lock: /,
  )
})

test('a state folder that is the audit folder as well is locked once', async (t) => {
  const installation = createInstallation(t, { config: 'audit: { folder: ./state }' })
  const { gateway } = await startHere(t, installation)
  await assert.rejects(startGateway(loadConfig(installation.configFile), { logTo: { write: () => {} } }), /is in use by another gateway/)
  await gateway.close()
  assert.deepEqual((await verifyAudit(join(installation.folder, 'state'))).findings, [])
  lockFolder(join(installation.folder, 'state'))()
})

test('a start that failed keeps no lock', async (t) => {
  const installation = createInstallation(t)
  const log = join(installation.folder, 'state/audit')
  mkdirSync(log, { recursive: true })
  writeFileSync(join(log, '00000001.jsonl'), 'null\n')
  await assert.rejects(startHere(t, installation), /not a record of the audit log/)
  writeFileSync(join(log, '00000001.jsonl'), '')
  await startHere(t, installation)
})
