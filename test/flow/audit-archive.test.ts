/** Records of a gateway that runs go by hand into the archive, or by age: the log verifies, with and without them, and after a restart too. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openProver, verifyAudit } from '../../src/proof/index.ts'
import { readRecords, walsAmong } from '../../src/records/index.ts'
import { all } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { driveHttp } from '../support/http-drive.ts'
import { createInstallation, main, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

/** An installation with an origin, and what sends it so many requests, each of two records. */
async function arrange(t: TestContext, audit: string) {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = createInstallation(t, {
    // A start needs the write-ahead file; records go once they are in no such file any more.
    config: `audit: { ${audit}, maxSegment: 16KiB }`,
    manifests: {
      'weather.yaml': grant({
        network: [toLocalhost(origin.port)],
        limits: { arrivals: { rate: '100000/s' }, requests: { rate: '100000/s' } },
      }),
    },
  })
  const folder = join(installation.folder, 'state/audit')
  return {
    ...{ installation, folder },
    async send(port: number, count: number): Promise<void> {
      let left = count
      await driveHttp({ port, originPort: origin.port, name: 'weather', onReply: () => --left > 0 })
      await eventually(
        'no write-ahead file has the first records any more',
        () => (walsAmong(readdirSync(join(folder, 'wal')))[0] ?? 0) >= 512,
      )
    },
  }
}

test('the oldest records of a running gateway are archived by hand, a hold forbids it, and the log verifies', async (t) => {
  const { installation, folder, send } = await arrange(t, 'archive: ./archive')
  const sallyport = (...words: readonly string[]) => command(process.execPath, [main, ...words, '--config', installation.configFile])
  const archive = join(installation.folder, 'archive')
  const { gateway, proxyPort } = await startHere(t, installation)
  await send(proxyPort, 800)
  const isBundled = (index: number) => existsSync(join(folder, `tile/entries/00${index}`))
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

test('each minute what has become older than audit.keep goes, of a gateway that runs', async (t) => {
  const { installation, folder, send } = await arrange(t, 'keep: { for: 1h }')
  t.mock.timers.enable({ apis: ['setInterval'] })
  let aheadMs = 0
  const { gateway, proxyPort } = await startHere(t, installation, { wallClock: () => Date.now() + aheadMs })
  await send(proxyPort, 800)
  const pruned = () => installation.records().filter(({ type }) => type === 'pruned')
  t.mock.timers.tick(60_000)
  await send(proxyPort, 1)
  assert.deepEqual(pruned(), [])
  aheadMs = 2 * 3600 * 1000
  t.mock.timers.tick(59_999)
  await send(proxyPort, 1)
  assert.deepEqual(pruned(), [])
  t.mock.timers.tick(1)
  await eventually('the first bundles are gone', () => !existsSync(join(folder, 'tile/entries/001')))
  const [{ below, to, why } = {}] = pruned()
  assert.deepEqual([Number(below) >= 512, Number(below) % 256, to, why], [true, 0, undefined, 'older than 1 h'])
  await gateway.close()
  const { ok, findings } = await verifyAudit(folder)
  assert.deepEqual([ok, findings], [true, []])
})
