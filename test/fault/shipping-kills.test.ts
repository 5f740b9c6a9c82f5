/** The shipping process killed wherever it stands, while the log grows: every record is in the file, and none before its turn. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/config/index.ts'
import { startShipper } from '../../src/sinks/index.ts'
import { times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { createGrowingLog } from '../support/growing-log.ts'

const kills = Number(process.env['SALLYPORT_SHIPPING_KILLS'] ?? 4)
const perKill = 200

const seqsIn = (path: string) =>
  (existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []).map((line) => Number(JSON.parse(line).seq))
/** A stretch may come again; nothing comes that does not follow something that came. */
const isInOrder = (seqs: readonly number[]) => seqs.every((seq, at) => seq === 0 || (at > 0 && seq <= Number(seqs[at - 1]) + 1))

test(`after ${kills} kills of the shipping process the file has every record in order, and repeats at most a stretch each time`, async (t) => {
  const log = createGrowingLog(t)
  const folder = createFolder(t, {
    'sallyport.yaml':
      'apiVersion: sallyport/v1\nkind: Gateway\nintegrations: .\naudit: { sinks: [{ name: siem, type: file, path: shipped.jsonl, batch: 7 }] }\n',
  })
  const shipped = join(folder, 'shipped.jsonl')
  const { audit, state } = loadConfig(join(folder, 'sallyport.yaml'))
  const ends: string[] = []
  const shipper = startShipper(
    { folder: log.folder, sinks: audit.sinks, witness: null, state, version: '0.1.0' },
    {
      onProgress: () => {},
      note: async () => {},
      onMaskFailure: () => {},
      onEnd: (how) => void ends.push(how),
      delays: { minMs: 1, maxMs: 1 },
    },
  )
  t.after(() => shipper.close(0, 0))
  await times(kills, async (round) => {
    log.append(perKill)
    // Somewhere in what was appended, which is another place each time.
    const place = round * perKill + ((round * 73 + 41) % perKill)
    const pid = await eventually('it ships', () => (seqsIn(shipped).length > place ? shipper.pid : null))
    process.kill(pid, 'SIGKILL')
    await eventually('it has ended', () => ends.length > round)
  })
  await eventually('it runs', () => shipper.pid)
  await shipper.close(kills * perKill, 30_000)
  const seqs = seqsIn(shipped)
  assert.deepEqual([...new Set(seqs)], [...Array(kills * perKill).keys()])
  assert.ok(isInOrder(seqs))
  assert.deepEqual(new Set(ends), new Set(['by SIGKILL']))
})
