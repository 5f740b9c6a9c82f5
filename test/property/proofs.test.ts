/** Proofs over random trees, against an implementation that shares nothing with ours: golang.org/x/mod/sumdb, both ways. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { openCheckpoint, openProver, parseVerifierKey, verifyProof } from '../../src/proof/index.ts'
import { holdsConsistency } from '../../src/proof/merkle.ts'
import { formatProof } from '../../src/proof/proof-file.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { buildGoProgram } from '../support/go-program.ts'
import { askGo, base64, type GoAnswer, type GoRequest } from '../support/go-tlog.ts'
import { decisions } from '../support/tampering.ts'
import { writeTlog } from '../support/tlog-folder.ts'
import { unless } from '../support/tools.ts'

/** Lives as long as this file. */
const { program, missing } = await buildGoProgram(
  { after: (cleanup: () => void) => after(cleanup) } as Pick<TestContext, 'after'>,
  'go-tlog',
)

/** Records of the largest tree; `npm run soak` sets 2^20. */
const maxRecords = Number(process.env['SALLYPORT_TREE_RECORDS'] ?? 3000)
const treeCount = maxRecords > 3000 ? 6 : 4
/** Other ones each time, which the failure names: sizes as the tree grows, and where in it records are proved. */
const trees = fc.sample(
  fc.record({
    sizes: fc.uniqueArray(fc.oneof(fc.integer({ min: 1, max: maxRecords }), fc.constantFrom(1, 2, 255, 256, 257, 512, 1024)), {
      minLength: 3,
      maxLength: 6,
    }),
    places: fc.array(fc.double({ min: 0, max: 0.999999, noNaN: true }), { minLength: 12, maxLength: 12 }),
  }),
  treeCount,
)
const growing = (sizes: readonly number[]) => sizes.toSorted((a, b) => a - b)
const largest = (sizes: readonly number[]) => Math.max(...sizes)
const indexesIn = (sizes: readonly number[], places: readonly number[]) => [
  ...new Set(places.map((place) => Math.floor(place * largest(sizes)))),
]
const problems = (answers: readonly GoAnswer[]) => answers.map(({ problem }) => problem).filter((problem) => problem !== undefined)
const bytesOf = (hashes: readonly string[]) => hashes.map((hash) => Buffer.from(hash, 'base64'))

test('Go accepts our checkpoints, tiles and proofs, and no proof of another record or tree', unless(missing), async (t) => {
  await eachCase(trees, async ({ sizes, places }) => {
    const records = decisions(largest(sizes))
    const first = writeTlog(createFolder(t), { records })
    const older = growing(sizes)
      .slice(0, -1)
      .map((size) =>
        readFileSync(join(writeTlog(createFolder(t), { records: first.lines.slice(0, size), key: first.key }).folder, 'checkpoint')),
      )
    const prover = openProver(first.folder)
    const { note } = prover.checkpoint
    const vkey = first.verifierKey
    const indexes = indexesIn(sizes, places)
    const proofs = indexes.map((index) => prover.prove(index))
    const asked: GoRequest[] = [
      { op: 'tiles', vkey, note, folder: first.folder, indexes },
      ...proofs.map(
        ({ index, record, hashes }) => ({ op: 'record', vkey, note, index, record: base64(record), proof: hashes.map(base64) }) as const,
      ),
      ...older.map((bytes) => {
        const checkpoint = openCheckpoint(bytes, parseVerifierKey(vkey))
        return {
          op: 'tree',
          vkey,
          note,
          older: checkpoint.note,
          proof: prover.consistency(checkpoint, prover.checkpoint).map(base64),
        } as const
      }),
    ]
    assert.deepEqual(problems(await askGo(program, asked)), [])
    const wrong = proofs.map(
      ({ index, hashes }) =>
        ({ op: 'record', vkey, note, index, record: base64(Buffer.from('another')), proof: hashes.map(base64) }) as const,
    )
    assert.equal(problems(await askGo(program, wrong)).length, wrong.length)
    prover.close()
  })
})

test('we accept Go’s checkpoints and proofs, and none with a hash changed, left out or added', unless(missing), async () => {
  await eachCase(trees, async ({ sizes, places }) => {
    const grown = growing(sizes)
    const [made] = (await askGo(program, [{ op: 'make', sizes: grown, indexes: indexesIn(sizes, places) }])) as [GoAnswer]
    const key = parseVerifierKey(made.vkey)
    const heads = made.notes.map((note) => openCheckpoint(Buffer.from(note), key))
    assert.deepEqual(
      heads.map(({ size }) => size),
      grown,
    )
    const last = made.notes.at(-1) as string
    const fileOf = (index: number, record: string, hashes: readonly Buffer[]) =>
      Buffer.from(formatProof({ index, record: Buffer.from(record, 'base64'), hashes, checkpoint: last }))
    eachCase(made.records, ({ index, record, proof }) => {
      const hashes = bytesOf(proof)
      assert.equal(verifyProof(fileOf(index, record, hashes), key).index, index)
      const other = Buffer.alloc(32, 7)
      eachCase(
        [...hashes.map((_, at) => hashes.with(at, other)), hashes.slice(1), [...hashes, other]].filter((changed) => changed.length > 0),
        (changed) => {
          assert.throws(() => verifyProof(fileOf(index, record, changed), key), { name: 'ProofError' })
        },
      )
      assert.throws(() => verifyProof(fileOf(index + 1, record, hashes), key), { name: 'ProofError' })
    })
    eachCase(heads.slice(1).entries(), ([at, head]) => {
      const [older, hashes] = [heads[at] as (typeof heads)[0], bytesOf(made.consistency[at + 1] ?? [])]
      assert.equal(holdsConsistency(older, head, hashes), true)
      assert.equal(holdsConsistency(older, { ...head, root: older.root }, hashes), false)
      assert.equal(holdsConsistency(head, older, hashes), false)
      eachCase(hashes.keys(), (place) => assert.equal(holdsConsistency(older, head, hashes.with(place, Buffer.alloc(32))), false))
    })
  })
})
