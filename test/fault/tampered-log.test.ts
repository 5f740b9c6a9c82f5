/** A log that was changed by somebody who can write its folder, and has not its key: every change is found, and where it is. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyAudit } from '../../src/proof/index.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { copy, decisions, edit, filesOf, swap, type Tampered, tamperable } from '../support/tampering.ts'
import { walLine, writeTlog } from '../support/tlog-folder.ts'

/** Each bit instead of one of each byte; `npm run fault` sets it. */
const isEvery = process.env['SALLYPORT_EVERY_BIT'] !== undefined
/** Of a record or line of these logs. */
const maxLength = 250
const places = ({ findings }: Tampered['found']) => findings.map(({ file, offset }) => `${file}@${offset}`)

/** The first finding names the file, and begins at the byte or at the record, line or hash that it is in; of a record whose length was changed, two bytes behind it. */
function assertFound({ file, at, found }: Tampered): void {
  const [first] = found.findings
  assert.equal(first?.file, file, `${file} at byte ${at}: ${JSON.stringify(found.findings.slice(0, 3))}`)
  assert.ok(first.offset <= at + 2 && first.offset >= at - maxLength, `${file} at byte ${at} is placed at ${first.offset}: ${first.what}`)
}

test('every flipped bit of a small log is found in its file, at its record or hash', async (t) => {
  const { log, flips, verify } = tamperable(createFolder(t), { records: decisions(4) })
  assert.deepEqual((await verify()).findings, [])
  await eachCase(filesOf(log.folder), async (file) => {
    await flips(file, assertFound, { isEvery })
  })
})

test('a log that is cut at any byte of any file is found', async (t) => {
  const { log, cuts } = tamperable(createFolder(t), { records: decisions(4) })
  await eachCase(filesOf(log.folder), async (file) => {
    await cuts(file, ({ found, at }) => assert.equal(found.ok, false, `${file} cut at ${at}`))
  })
})

test('flipped bits of a log of several levels are found, where records are in bundles alone and in the write-ahead file', async (t) => {
  const { log, flips, verify } = tamperable(createFolder(t), {
    records: decisions(isEvery ? 66_500 : 1100),
    walFrom: isEvery ? 66_000 : 700,
  })
  assert.deepEqual((await verify()).findings, [])
  const files = filesOf(log.folder).filter((file, at) => !isEvery || at % 37 === 0 || !/^tile\/(?:0|entries)\//.test(file))
  await eachCase(files, (file) => flips(file, assertFound, { maxBytes: isEvery ? 40 : 12 }))
})

test('files that are swapped, repeated, put in or taken away are found', async (t) => {
  const { log, changed } = tamperable(createFolder(t), { records: decisions(1100), walFrom: 700 })
  const wal = 'wal/00000000000000000700.wal'
  const last = readFileSync(join(log.folder, wal), 'utf8').split('\n').at(-2) ?? ''
  const cases: Record<string, readonly [(folder: string) => void, string]> = {
    'two bundles swapped': [(folder) => swap(folder, 'tile/entries/000', 'tile/entries/001'), 'tile/entries/000@2'],
    'two tiles swapped': [(folder) => swap(folder, 'tile/0/000', 'tile/0/001'), 'tile/0/000@0'],
    'a bundle in place of another': [(folder) => copy(folder, 'tile/entries/001', 'tile/entries/002'), 'tile/entries/002@2'],
    'a bundle removed': [(folder) => rmSync(join(folder, 'tile/entries/001')), 'tile/entries/001@0'],
    'a tile removed': [(folder) => rmSync(join(folder, 'tile/0/002')), 'tile/0/002@0'],
    'a tile and its bundle removed': [
      (folder) => {
        rmSync(join(folder, 'tile/0/001'))
        rmSync(join(folder, 'tile/entries/001'))
      },
      'tile/0/001@0',
    ],
    'all tiles removed': [(folder) => rmSync(join(folder, 'tile'), { recursive: true }), 'tile/entries/000@0'],
    'the checkpoint removed': [(folder) => rmSync(join(folder, 'checkpoint')), 'checkpoint@0'],
    'the verifier key removed': [(folder) => rmSync(join(folder, 'verifier-key')), 'verifier-key@0'],
    'a bundle behind the end': [(folder) => copy(folder, 'tile/entries/000', 'tile/entries/007'), 'tile/entries/007@0'],
    'a tile behind the end': [(folder) => copy(folder, 'tile/0/000', 'tile/0/x001/000'), 'tile/0/x001/000@0'],
    'a tile on a level that is not there': [(folder) => copy(folder, 'tile/0/000', 'tile/2/000'), 'tile/2/000@0'],
    'a file that is not one of the log': [(folder) => copy(folder, 'tile/0/000', 'tile/0/0000'), 'tile/0/0000@0'],
    'a partial tile that is not the beginning': [(folder) => copy(folder, 'tile/0/001', 'tile/0/000.p/9'), 'tile/0/000.p/9@0'],
    'the last record twice': [(folder) => edit(folder, wal, (bytes) => `${bytes}${last}\n`), `${wal}@`],
    'two records swapped': [
      (folder) =>
        edit(folder, wal, (bytes) =>
          bytes
            .toString()
            .split('\n')
            .toSpliced(3, 2, ...bytes.toString().split('\n').slice(3, 5).toReversed())
            .join('\n'),
        ),
      `${wal}@`,
    ],
    'a write-ahead file of another beginning': [
      (folder) => renameSync(join(folder, wal), join(folder, 'wal/00000000000000000600.wal')),
      'wal/00000000000000000600.wal@',
    ],
  }
  await eachCase(Object.entries(cases), async ([name, [change, place]]) => {
    const found = await changed(change)
    assert.ok(
      places(found).some((at) => at === place || (place.endsWith('@') && at.startsWith(place))),
      `${name}: ${JSON.stringify(found.findings.slice(0, 4))}`,
    )
  })
})

test('a record that is rewritten with its checksum and its hashes as far up as one likes is found, and placed as low as can be known', async (t) => {
  const { log, changed } = tamperable(createFolder(t), { records: decisions(1100), walFrom: 1024 })
  const other = createFolder(t)
  writeTlog(other, { records: log.lines.with(300, (log.lines[300] ?? '').replace('true', 'null')), key: log.key })
  const taking =
    (...files: readonly string[]) =>
    (folder: string) =>
      eachCase(files, (file) => edit(folder, file, () => readFileSync(join(other, file))))
  const offset = 2 * 45 + log.lines.slice(256, 300).reduce((sum, line) => sum + line.length, 0)
  assert.deepEqual(places(await changed(taking('tile/entries/001'))), [`tile/entries/001@${offset}`])
  const tile = 'tile/0/001'
  assert.deepEqual(places(await changed(taking(tile))).at(0), `${tile}@${44 * 32}`)
  assert.deepEqual(places(await changed(taking('tile/entries/001', tile))), ['tile/entries/001@0', `${tile}@0`])
  const everything = await changed(taking('tile/entries/001', tile, 'tile/1/000.p/4'))
  assert.match(everything.findings[0]?.what ?? '', /^signs the root .* and the records have /)
  assert.deepEqual(
    places(everything).map((place) => place.split('@')[0]),
    ['checkpoint'],
  )
})

test('a log that is written anew by who has not the key is not signed by it, whatever key the folder has', async (t) => {
  const { changed } = tamperable(createFolder(t), { records: decisions(20) })
  const found = await changed((folder) => {
    rmSync(folder, { recursive: true })
    writeTlog(folder, { records: decisions(20).slice(2) })
  })
  assert.deepEqual(
    places(found).map((place) => place.split('@')[0]),
    ['verifier-key', 'checkpoint'],
  )
})

test('what is cut off or rolled back, with its checkpoint, shows by a checkpoint that was kept elsewhere', async (t) => {
  const { log, verify } = tamperable(createFolder(t), { records: decisions(600) })
  const kept = { name: 'kept', bytes: readFileSync(join(log.folder, 'checkpoint')) }
  const rolledBack = createFolder(t)
  writeTlog(rolledBack, { records: log.lines.slice(0, 512), key: log.key })
  assert.equal((await verifyAudit(rolledBack)).ok, true)
  assert.deepEqual((await verify({ checkpoints: [kept] })).findings, [])
  const { findings } = await verifyAudit(rolledBack, { checkpoints: [kept] })
  assert.deepEqual(
    findings.map(({ file, what }) => [file, what]),
    [['kept', 'covers 600 records, and the log has 512: the end was cut off, or the log rolled back']],
  )
  const early = { name: 'early', bytes: readFileSync(join(rolledBack, 'checkpoint')) }
  assert.deepEqual((await verify({ checkpoints: [early] })).findings, [])
  const checkpointAlone = await verifyAudit(log.folder, { checkpoints: [kept] })
  assert.equal(checkpointAlone.ok, true)
  edit(log.folder, 'checkpoint', () => early.bytes)
  assert.match(
    (await verify({ checkpoints: [kept] })).findings.at(-1)?.what ?? '',
    /signs 512 records, and kept had 600 before: it was rolled back/,
  )
})

test('two logs that the same key has signed are told apart by a checkpoint of the other', async (t) => {
  const { log, verify } = tamperable(createFolder(t), { records: decisions(600) })
  const fork = createFolder(t)
  writeTlog(fork, { records: log.lines.slice(0, 300).with(7, (log.lines[7] ?? '').replace('200', '403')), key: log.key })
  const { findings } = await verify({ checkpoints: [{ name: 'fork', bytes: readFileSync(join(fork, 'checkpoint')) }] })
  assert.deepEqual(
    findings.map(({ file, what }) => [file, what]),
    [['fork', 'is not of the same log: its first 300 records were others']],
  )
})

test('a torn last line behind the checkpoint is what a crash leaves; inside it, it is a finding', async (t) => {
  const { log, changed } = tamperable(createFolder(t), { records: decisions(20), size: 18 })
  const wal = 'wal/00000000000000000000.wal'
  const torn = await changed((folder) => edit(folder, wal, (bytes) => bytes.subarray(0, -5)))
  assert.deepEqual([torn.ok, torn.records, torn.unsigned], [true, 19, 1])
  const cut = await changed((folder) => edit(folder, wal, () => log.lines.slice(0, 17).map(walLine).join('')))
  assert.equal(cut.ok, false)
})

test('a folder that is made to hold up or fill who verifies it does neither', async (t) => {
  const { changed } = tamperable(createFolder(t), { records: decisions(600), walFrom: 256 })
  const wal = 'wal/00000000000000000256.wal'
  const pipe = (folder: string, file: string) => {
    rmSync(join(folder, file), { force: true })
    execFileSync('mkfifo', [join(folder, file)])
  }
  const link = (folder: string, file: string, to: string) => {
    rmSync(join(folder, file), { force: true })
    symlinkSync(to, join(folder, file))
  }
  const cases: Record<string, readonly [(folder: string) => void, string]> = {
    'a pipe as a bundle': [(folder) => pipe(folder, 'tile/entries/000'), 'tile/entries/000@0'],
    'a pipe as a tile': [(folder) => pipe(folder, 'tile/0/000'), 'tile/0/000@0'],
    'a pipe as the checkpoint': [(folder) => pipe(folder, 'checkpoint'), 'checkpoint@0'],
    'a folder as a tile': [
      (folder) => {
        rmSync(join(folder, 'tile/0/000'))
        mkdirSync(join(folder, 'tile/0/000'))
      },
      'tile/0/000@0',
    ],
    'a tile of a terabyte': [(folder) => truncateSync(join(folder, 'tile/0/000'), 2 ** 40), 'tile/0/000@8192'],
    'a bundle of a terabyte': [(folder) => truncateSync(join(folder, 'tile/entries/000'), 2 ** 40), 'tile/entries/000@'],
    'a checkpoint of a terabyte': [(folder) => truncateSync(join(folder, 'checkpoint'), 2 ** 40), 'checkpoint@0'],
    'a checkpoint that is not signed and says nine quadrillion': [
      (folder) => edit(folder, 'checkpoint', (bytes) => bytes.toString().replace('\n600\n', '\n9007199254740991\n')),
      'checkpoint@0',
    ],
    'a write-ahead file far behind the end': [
      (folder) => copy(folder, wal, 'wal/00000900000000000000.wal'),
      'wal/00000900000000000000.wal@0',
    ],
    'a write-ahead file of an index that no number holds': [
      (folder) => copy(folder, wal, 'wal/99999999999999999999.wal'),
      'wal/99999999999999999999.wal@0',
    ],
    'a tile far behind the end': [
      (folder) => copy(folder, 'tile/0/000', 'tile/0/x030/x000/x000/x000/000'),
      'tile/0/x030/x000/x000/x000/000@0',
    ],
    'a bundle that leads to itself': [(folder) => link(folder, 'tile/entries/000', '000'), 'tile/entries/000@0'],
    'a write-ahead file that leads nowhere': [(folder) => link(folder, wal, '/nonexistent'), `${wal}@0`],
    'a write-ahead file without an end': [(folder) => link(folder, wal, '/dev/zero'), `${wal}@0`],
    'a folder of tiles that leads to itself': [(folder) => link(folder, 'tile/0/x001', '.'), 'tile/0/x001@0'],
    'a pipe as a segment of before': [(folder) => pipe(folder, '00000001.jsonl'), '00000001.jsonl@0'],
    'a segment of before of a terabyte': [
      (folder) => {
        writeFileSync(join(folder, '00000001.jsonl'), '')
        truncateSync(join(folder, '00000001.jsonl'), 2 ** 40)
      },
      '00000001.jsonl@0',
    ],
    'a file as the folder of write-ahead files': [
      (folder) => {
        rmSync(join(folder, 'wal'), { recursive: true })
        writeFileSync(join(folder, 'wal'), '')
      },
      'wal@0',
    ],
    'a line of a terabyte': [(folder) => truncateSync(join(folder, wal), 2 ** 40), `${wal}@`],
  }
  await eachCase(Object.entries(cases), async ([name, [change, place]]) => {
    const found = await changed(change)
    assert.ok(
      places(found).some((at) => at === place || (place.endsWith('@') && at.startsWith(place))),
      `${name}: ${JSON.stringify(found.findings.slice(0, 4))}`,
    )
  })
})
