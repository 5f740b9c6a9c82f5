/** How an auditor proves a record: the lines of docs/audit/verify.md as they stand, on a machine that has nothing but a copy of the log. */

import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { createFolder } from '../support/folder.ts'
import { main, root } from '../support/installation.ts'
import { decisions, edit } from '../support/tampering.ts'
import { writeTlog } from '../support/tlog-folder.ts'

const guide = readFileSync(join(root, 'docs/audit/verify.md'), 'utf8')
const guideLines = [...guide.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) => block.trim().split('\n'))

/** A log, and what its auditor has kept: the key, an older checkpoint, and the hash of a record. */
function auditor(t: TestContext) {
  const folder = createFolder(t, { 'kept/none': '' })
  const log = writeTlog(join(folder, 'log'), { records: decisions(600), walFrom: 256 })
  const older = writeTlog(join(createFolder(t), 'older'), { records: log.lines.slice(0, 300), key: log.key })
  writeFileSync(join(folder, 'kept/verifier-key'), `${log.verifierKey}\n`)
  writeFileSync(join(folder, 'kept/checkpoint'), readFileSync(join(older.folder, 'checkpoint')))
  writeFileSync(join(folder, 'kept/leaf-hash'), `${hash('sha256', `\0${log.lines[5]}`)}\n`)
  const script = (line: string) => `sallyport() { "${process.execPath}" --no-warnings "${main}" "$@"; }\n${line}`
  return { folder, log, run: (line: string) => command('sh', ['-c', script(line)], { cwd: folder }) }
}

test('each command line of the guide does what the guide says', async (t) => {
  const { run, folder, log } = auditor(t)
  assert.ok(guideLines.length >= 10)
  const said: string[] = []
  await eachCase(guideLines, async (line) => {
    const { code, stdout, stderr } = await run(line)
    assert.equal(code, 0, `${stdout}${stderr}`)
    assert.equal(stderr, '')
    said.push(Buffer.from(stdout, 'latin1').toString())
  })
  assert.match(said[0] ?? '', /^OK: 600 records, the tree holds\ncheckpoint sallyport\/\S+ 600 [\w+/]{43}=\n$/)
  assert.match(said[3] ?? '', /^old 300\n(?:\S{44}\n)+\nsallyport\/\S+\n600\n/)
  assert.deepEqual((JSON.parse(said[4] ?? '') as { old: { size: number } }).old.size, 100)
  assert.equal(said[5], 'proofs/298.tlog-proof\nproofs/299.tlog-proof\n')
  assert.equal(readFileSync(join(folder, 'one.tlog-proof'), 'utf8'), readFileSync(join(folder, 'proofs/298.tlog-proof'), 'utf8'))
  assert.equal(said[7], `OK: one.tlog-proof: record 298 of the 600 that ${log.origin} has signed\n${log.lines[298]}\n`)
  assert.match(said[9] ?? '', / is record 5\n/)
  assert.equal(said[10], `600 records of ${log.origin}\n`)
})

test('what does not hold ends with 1 and says why; a wrong use ends with 64', async (t) => {
  const { run, folder, log } = auditor(t)
  assert.equal((await run('sallyport audit prove 7 --folder log > one.tlog-proof')).code, 0)
  edit(folder, 'one.tlog-proof', (bytes) => bytes.toString().replace('index 7', 'index 8'))
  edit(folder, 'log/tile/entries/000', (bytes) => bytes.toString('latin1').replace('"r8"', '"r9"'))
  const ends: Record<string, readonly [number, RegExp]> = {
    'sallyport audit verify one.tlog-proof --key kept/verifier-key': [
      1,
      /^BROKEN: one\.tlog-proof: the proof does not hold: this is not record 8 of the log/,
    ],
    [`sallyport audit verify --folder log --key kept/verifier-key --checkpoint 700:${'A'.repeat(43)}=`]: [
      1,
      /covers 700 records, and the log has 600/,
    ],
    'sallyport audit verify none.tlog-proof --key kept/verifier-key': [66, /^none\.tlog-proof cannot be read: ENOENT/],
    'sallyport audit verify --folder log --key none': [64, /^none: not a verifier key/],
    'sallyport audit verify --folder log --key log': [66, /^log cannot be read: EISDIR/],
    'sallyport audit consistency log --folder log': [66, /^log cannot be read: EISDIR/],
    'ln -s loop loop; sallyport audit verify --folder loop': [1, /^the audit log in loop cannot be read: ELOOP/],
    'sallyport audit verify --folder log': [
      1,
      /^BROKEN: \d findings in 600 records\n {2}tile\/entries\/000 at byte \d+: .*\n(?:.*\n)*warning: verified by the key in the folder itself/,
    ],
    'sallyport audit prove 8 --folder log': [1, /^record 8 cannot be proved: its hashes do not give the root/],
    'sallyport audit prove r298 --folder log': [64, /^r298 has 2 records: 298 \(decided\), 299 \(settled\)\. Name one/],
    'sallyport audit export copy --folder log': [1, /^the log does not have the root that was signed/],
  }
  await eachCase(Object.entries(ends), async ([line, [expected, text]]) => {
    const { code, stdout, stderr } = await run(line)
    assert.deepEqual([code, text.test(stdout + stderr)], [expected, true], stdout + stderr)
  })
  assert.equal(existsSync(join(folder, 'copy')), false)
  const forked = writeTlog(join(folder, 'fork'), { records: decisions(300).toReversed(), key: log.key })
  const { code, stderr } = await run('sallyport audit consistency fork/checkpoint --folder log')
  assert.deepEqual([code, forked.root.length, /has not grown out of the one of 300/.test(stderr)], [1, 32, true], stderr)
})
