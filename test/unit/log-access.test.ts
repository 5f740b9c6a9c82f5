/** The log over HTTP as clients of transparency logs read it: its files, and proofs that verify with nothing but its key. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createLogAccess } from '../../src/admin/log/index.ts'
import { Refusal } from '../../src/core/index.ts'
import type { Principal } from '../../src/operators/index.ts'
import { parseVerifierKey, verifyProof } from '../../src/proof/index.ts'
import { askAdmin } from '../support/admin-gateway.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { writeTlog } from '../support/tlog-folder.ts'

const ann: Principal = { name: 'ann', role: 'auditor', personal: false, by: 'token', expiresAtMs: null }

async function arrange(t: TestContext, { personal = [], isBroken = false }: { personal?: readonly string[]; isBroken?: boolean } = {}) {
  const folder = createFolder(t)
  const records = Array.from({ length: 300 }, (_, index) => ({ type: 'decided', id: `r${index}` }))
  const log = writeTlog(join(folder, 'log'), { records })
  const notes: object[] = []
  const access = createLogAccess({
    ...{
      folder: log.folder,
      indexFolder: join(folder, 'index'),
      archive: join(folder, 'archive'),
      personal,
      next: () => records.length,
      maxStreams: 4,
    },
    note: (_type, facts) => void notes.push(facts),
    async noted() {
      if (isBroken) throw new Refusal('audit-unavailable', 'the disk is full')
    },
    explain: async () => ({ problem: 'not here' }),
    onBug: (error) => assert.fail(String(error)),
  })
  const server = createServer((req, res) => access.serve(req, res, ann))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    access.close()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { log, notes, get: (path: string) => askAdmin(port, `/v1/audit/${path}`) }
}

test('checkpoint, tiles and bundles are the files of the log, and are recorded as one read', async (t) => {
  const { log, notes, get } = await arrange(t)
  await eachCase(
    ['checkpoint', 'tile/0/000', 'tile/1/000.p/1', 'tile/0/001.p/44', 'tile/entries/000', 'tile/entries/001.p/44'],
    async (path) => {
      const { status, text } = await get(path)
      assert.deepEqual([status, text], [200, readFileSync(join(log.folder, path), 'utf8')], path)
    },
  )
  assert.equal((await get('tile/0/777')).status, 404)
  assert.deepEqual(
    notes.map((facts) => [(facts as { what: string }).what, (facts as { state: string }).state]),
    [
      ['checkpoint', 'begins'],
      ['tile', 'begins'],
    ],
  )
})

test('nothing but the files of the format is served, whatever the path', async (t) => {
  const { log, get } = await arrange(t)
  writeFileSync(join(log.folder, 'tile/secret'), 'x')
  symlinkSync('/etc/passwd', join(log.folder, 'tile/0/999'))
  await eachCase(
    [
      'tile/secret',
      'verifier-key',
      'wal/00000000000000000000.wal',
      'tile/../verifier-key',
      'tile/0/..%2f..%2fverifier-key',
      'tile/0/000%00',
      'tile//0/000',
      'tile/0/0',
      'tile/00/000',
      'tile/0/000.p/0',
      'tile/0/999',
    ],
    async (path) => assert.equal((await get(path)).status, 404, path),
  )
})

test('a proof verifies with the key alone, and the growth of the log is proved between any two sizes', async (t) => {
  const { log, notes, get } = await arrange(t)
  const { status, text } = await get('proofs/298')
  assert.equal(status, 200)
  const proved = verifyProof(Buffer.from(text), parseVerifierKey(log.verifierKey))
  assert.deepEqual([proved.index, proved.record.toString()], [298, log.lines[298]])
  const { old, new: newer, proof } = JSON.parse((await get('consistency?old=256')).text)
  assert.deepEqual([old.size, newer.size, newer.root, proof.length > 0], [256, 300, log.root.toString('base64'), true])
  await eachCase(['proofs/300', 'consistency?old=301', 'consistency?old=200&new=100'], async (path) =>
    assert.equal((await get(path)).status, 404, path),
  )
  assert.partialDeepStrictEqual(notes[0], { what: 'proof', asked: { index: '298' }, records: 1 })
})

test('where a member is personal, no hash of a record confirms a guess of it', async (t) => {
  const { get } = await arrange(t, { personal: ['path'] })
  await eachCase(['tile/0/000', 'tile/entries/000', 'proofs/1', 'consistency?old=1'], async (path) =>
    assert.equal((await get(path)).status, 403, path),
  )
  assert.equal((await get('checkpoint')).status, 200)
})

test('what cannot be recorded is not read', async (t) => {
  const { get } = await arrange(t, { isBroken: true })
  await eachCase(['checkpoint', 'tile/0/000', 'proofs/1', 'stream'], async (path) => {
    const { status, text } = await get(path)
    assert.deepEqual([status, /cannot be recorded that you read it/.test(text)], [503, true], path)
  })
})

test('what retention has moved to the archive is served and proved from there', async (t) => {
  const { log, get } = await arrange(t)
  const archive = join(dirname(log.folder), 'archive/tile/entries')
  mkdirSync(archive, { recursive: true })
  renameSync(join(log.folder, 'tile/entries/000'), join(archive, '000'))
  const { status, text } = await get('tile/entries/000')
  assert.deepEqual([status, text], [200, readFileSync(join(archive, '000'), 'utf8')])
  assert.equal(verifyProof(Buffer.from((await get('proofs/5')).text), parseVerifierKey(log.verifierKey)).record.toString(), log.lines[5])
})
