/** The shipping process and receivers killed wherever they stand, while the log grows: every record arrives, and none before its turn. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../src/config/index.ts'
import { startShipper } from '../../src/sinks/index.ts'
import { freePort } from '../support/admin-gateway.ts'
import { times } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { endingWithUs } from '../support/children.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { createGrowingLog } from '../support/growing-log.ts'

const kills = Number(process.env['SALLYPORT_SHIPPING_KILLS'] ?? 4)
/** Each takes longer. */
const killsOfBoth = Math.max(2, Math.floor(kills / 10))
const perKill = 200

const seqsIn = (path: string) =>
  (existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []).map((line) => Number(JSON.parse(line).seq))
/** A stretch may come again; nothing comes that does not follow something that came. */
const isInOrder = (seqs: readonly number[]) => seqs.every((seq, at) => seq === 0 || (at > 0 && seq <= Number(seqs[at - 1]) + 1))

/** As `sallyport.yaml` in `folder` says; `ends`: how each process of it ended. */
function startShipping(t: TestContext, log: string, folder: string) {
  const { audit, state } = loadConfig(join(folder, 'sallyport.yaml'))
  const ends: string[] = []
  const shipper = startShipper(
    { folder: log, sinks: audit.sinks, witness: null, state, version: '0.1.0' },
    {
      onProgress: () => {},
      note: async () => {},
      onMaskFailure: () => {},
      onEnd: (how) => void ends.push(how),
      delays: { minMs: 1, maxMs: 1 },
    },
  )
  t.after(() => shipper.close(0, 0))
  return { shipper, ends }
}

test(`after ${kills} kills of the shipping process the file has every record in order, and repeats at most a stretch each time`, async (t) => {
  const log = createGrowingLog(t)
  const folder = createFolder(t, {
    'sallyport.yaml':
      'apiVersion: sallyport/v1\nkind: Gateway\nintegrations: .\naudit: { sinks: [{ name: siem, type: file, path: shipped.jsonl, batch: 7 }] }\n',
  })
  const shipped = join(folder, 'shipped.jsonl')
  const { shipper, ends } = startShipping(t, log.folder, folder)
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

const receiver = join(import.meta.dirname, '../support/killed-receiver.ts')

/** Receives into `file`, until it is killed. */
function startReceiver(t: TestContext, ...args: readonly string[]) {
  const [program, ...words] = endingWithUs(process.execPath, '--no-warnings', receiver, ...args)
  const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit'] })
  const gone = once(child, 'exit')
  t.after(() => child.kill('SIGKILL'))
  return {
    async kill() {
      child.kill('SIGKILL')
      await gone
    },
  }
}

for (const kind of ['webhook', 'syslog'])
  test(`after ${killsOfBoth} kills of the shipping process and as many of its receiver, ${kind} has every record in order`, async (t) => {
    const log = createGrowingLog(t)
    const port = await freePort()
    const folder = createFolder(t)
    const { folder: certificates } = await createOriginCertificate(folder, 'localhost')
    const to = { webhook: `url: "http://127.0.0.1:${port}/", gzip: false`, syslog: `host: localhost, port: ${port}, ca: origin-ca.crt` }[
      kind
    ]
    writeFileSync(
      join(folder, 'sallyport.yaml'),
      `apiVersion: sallyport/v1\nkind: Gateway\nintegrations: .\naudit: { sinks: [{ name: siem, type: ${kind}, ${to}, batch: 7, maxDelay: 50ms }] }\n`,
    )
    const taken = join(folder, 'taken.jsonl')
    const start = () => startReceiver(t, kind, String(port), taken, join(certificates, 'origin.crt'), join(certificates, 'origin.key'))
    const { shipper, ends } = startShipping(t, log.folder, folder)
    let running = start()
    await times(killsOfBoth, async (round) => {
      log.append(perKill)
      const place = round * perKill + ((round * 73 + 41) % (perKill / 2))
      const pid = await eventually('it ships', () => (seqsIn(taken).length > place ? shipper.pid : null))
      await running.kill()
      running = start()
      process.kill(pid, 'SIGKILL')
      await eventually('it has ended', () => ends.length > round)
    })
    await eventually('it runs', () => shipper.pid)
    await shipper.close(killsOfBoth * perKill, 30_000)
    const seqs = seqsIn(taken)
    assert.deepEqual([...new Set(seqs)], [...Array(killsOfBoth * perKill).keys()])
    assert.ok(isInOrder(seqs))
  })
