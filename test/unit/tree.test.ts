/** The log's tree against its definition, and checkpoints against the published format. */
import assert from 'node:assert/strict'
import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkpointText, openCheckpoint, rawPublicKey, signedNote, verifierKey } from '../../src/audit/note.ts'
import { emptyRoot, leafHash, Tree } from '../../src/audit/tree/index.ts'
import { bundlePath, tilePath, walName, walsAmong } from '../../src/records/index.ts'
import { eachCase, times } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { writeTlog } from '../support/tlog-folder.ts'

const sha256 = (...parts: readonly Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()

/** MTH of RFC 6962 §2.1, as it is written there. */
function rootByDefinition(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return leaves[0] as Buffer
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1))
  return sha256(Buffer.of(1), rootByDefinition(leaves.slice(0, split)), rootByDefinition(leaves.slice(split)))
}

const leaves = Array.from({ length: 700 }, (_, index) => leafHash(Buffer.from(`record ${index}`)))

test('the root of a tree of any size is the one of RFC 6962, and a tree goes on from its tiles', () => {
  assert.deepEqual(emptyRoot, rootByDefinition([]))
  assert.deepEqual(leaves[0], sha256(Buffer.of(0), Buffer.from('record 0')))
  const tree = new Tree()
  const full = new Map<string, Buffer>()
  eachCase(leaves, (leaf) => {
    tree.append(leaf)
    eachCase(tree.takeFull(), ({ level, index, hashes }) => full.set(tilePath(level, index), hashes))
    const partial = new Map(tree.partialTiles().map(({ level, hashes }) => [level, hashes]))
    const restored = Tree.at(tree.size, (level) => partial.get(level) as Buffer)
    const root = rootByDefinition(leaves.slice(0, tree.size))
    assert.deepEqual([tree.root(), restored.root()], [root, root], `size ${tree.size}`)
  })
  assert.deepEqual([...full.keys()], ['tile/0/000', 'tile/0/001'])
  assert.deepEqual(full.get('tile/0/001'), Buffer.concat(leaves.slice(256, 512)))
  assert.deepEqual(
    tree.partialTiles().map(({ level, index, width }) => tilePath(level, index, width)),
    ['tile/0/002.p/188', 'tile/1/000.p/2'],
  )
})

test('a tree that is restored fills the same tiles as one that was never stopped', () => {
  const whole = new Tree()
  times(256 * 256 + 300, (nth) => whole.append(leafHash(Buffer.from(String(nth)))))
  const expected = whole.takeFull()
  const first = new Tree()
  times(256 * 255 + 77, (nth) => first.append(leafHash(Buffer.from(String(nth)))))
  const before = first.takeFull()
  const partial = new Map(first.partialTiles().map(({ level, hashes }) => [level, hashes]))
  const second = Tree.at(first.size, (level) => partial.get(level) as Buffer)
  times(256 + 300 - 77, (nth) => second.append(leafHash(Buffer.from(String(first.size + nth)))))
  assert.deepEqual([...before, ...second.takeFull()], expected)
  assert.deepEqual(second.root(), whole.root())
  assert.deepEqual(
    expected.slice(-2).map(({ level, index }) => [level, index]),
    [
      [1, 0],
      [0, 256],
    ],
  )
})

test('tiles and bundles have the paths of C2SP tlog-tiles, and write-ahead files are in order of their names', () => {
  assert.deepEqual(
    [tilePath(0, 0), tilePath(1, 1_234_067), tilePath(0, 1_234_067, 17), bundlePath(1000), bundlePath(999, 255)],
    ['tile/0/000', 'tile/1/x001/x234/067', 'tile/0/x001/x234/067.p/17', 'tile/entries/x001/000', 'tile/entries/999.p/255'],
  )
  assert.deepEqual(walsAmong([walName(100), 'x', walName(9), `${walName(9)}.broken`]), [9, 100])
})

// The key and note of the package golang.org/x/mod/sumdb/note (its example): another implementation made them.
test('a verifier key has the id that golang.org/x/mod/sumdb/note gives it', () => {
  const publicKey = Buffer.from('ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'base64').subarray(1)
  assert.equal(verifierKey('PeterNeumann', publicKey), 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')
})

test('a checkpoint is accepted from its own key alone, unchanged, and with signatures of others beside', () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const publicKey = rawPublicKey(privateKey)
  const checkpoint = { origin: 'sallyport/a', size: 12, root: sha256() }
  const text = checkpointText(checkpoint)
  const note = signedNote(text, 'sallyport/a', publicKey, sign(null, Buffer.from(text), privateKey))
  assert.deepEqual(openCheckpoint(note, publicKey), checkpoint)
  assert.deepEqual(openCheckpoint(`${note}— witness ${Buffer.alloc(76, 1).toString('base64')}\n`, publicKey), checkpoint)
  assert.throws(() => openCheckpoint(note.replace('\n12\n', '\n13\n'), publicKey), /its signature does not hold/)
  const other = rawPublicKey(createPrivateKey(generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })))
  assert.throws(() => openCheckpoint(note, other), /the log of another gateway/)
  eachCase(['', 'x', text, note.slice(0, -1), note.replace('\n12\n', '\n012\n')], (bad) =>
    assert.throws(() => openCheckpoint(bad, publicKey), /not a checkpoint/),
  )
})

test('the test support writes a log whose checkpoint covers its tiles', (t) => {
  const folder = createFolder(t)
  const { root, key, lines } = writeTlog(folder, {
    records: Array.from({ length: 300 }, () => ({ type: 'note' })),
    size: 290,
    walFrom: 256,
  })
  assert.deepEqual(openCheckpoint(readFileSync(join(folder, 'checkpoint'), 'utf8'), rawPublicKey(key)).root, root)
  assert.equal(readFileSync(join(folder, 'tile/0/001.p/34')).byteLength, 34 * 32)
  assert.equal(readFileSync(join(folder, 'tile/entries/000')).readUInt16BE(0), lines[0]?.length)
})
