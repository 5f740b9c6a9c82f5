/** Records of a gateway that runs are archived by hand: the log verifies, with and without its archive, and after a restart too. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openProver, verifyAudit } from '../../src/proof/index.ts'
import { readRecords, walsAmong } from '../../src/records/index.ts'
import { all } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { driveHttp } from '../support/http-drive.ts'
import { createInstallation, main, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

test('the oldest records of a running gateway are archived by hand, a hold forbids it, and the log verifies', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = createInstallation(t, {
    // A start needs the write-ahead file; records go once they are in no such file any more.
    config: 'audit: { archive: ./archive, maxSegment: 16KiB }',
    manifests: {
      'weather.yaml': grant({
        network: [toLocalhost(origin.port)],
        limits: { arrivals: { rate: '100000/s' }, requests: { rate: '100000/s' } },
      }),
    },
  })
  const sallyport = (...words: readonly string[]) => command(process.execPath, [main, ...words, '--config', installation.configFile])
  const [folder, archive] = [join(installation.folder, 'state/audit'), join(installation.folder, 'archive')]
  const { gateway, proxyPort } = await startHere(t, installation)
  let left = 800
  await driveHttp({ port: proxyPort, originPort: origin.port, name: 'weather', onReply: () => --left > 0 })
  const isBundled = (index: number) => existsSync(join(folder, `tile/entries/00${index}`))
  await eventually('no write-ahead file has the first records any more', () => (walsAmong(readdirSync(join(folder, 'wal')))[0] ?? 0) >= 512)
  const archived = await sallyport('audit', 'archive', '--below', '600')
  assert.match(archived.stdout, /^archived: 512 records/, archived.stderr)
  assert.deepEqual([isBundled(0), isBundled(1), isBundled(2)], [false, false, true])
  const held = await sallyport('audit', 'hold', 'add', '--reason', 'case 7')
  assert.equal(held.code, 0, held.stderr)
  const refused = await sallyport('audit', 'archive', '--before', '2100-01-01')
  assert.match(refused.stderr, /a legal hold is in force on these records/)
  assert.equal((await sallyport('audit', 'archive')).code, 64)
  await gateway.close()

  const [alone, together] = [await verifyAudit(folder), await verifyAudit(folder, { archive })]
  assert.deepEqual([alone.ok, alone.findings, alone.pruned], [true, [], 512])
  assert.deepEqual([together.ok, together.findings, together.archived], [true, [], 512])
  const prover = openProver(folder, { archive })
  t.after(() => prover.close())
  assert.equal(prover.prove(3).index, 3)
  const records = (await all(readRecords(folder))).flat()
  assert.equal(records[0]?.index, 512)
  const pruned = records.map(({ text }) => JSON.parse(text)).filter(({ type }) => type === 'pruned')
  assert.deepEqual(
    pruned.map(({ below, to, why }) => [below, to, why]),
    [[512, archive, 'by hand (socket)']],
  )
  const again = await startHere(t, installation)
  await again.gateway.close()
  assert.equal((await verifyAudit(folder)).ok, true)
})
