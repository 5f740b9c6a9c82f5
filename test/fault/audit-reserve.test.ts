/** A disk that is nearly full, under a gateway of its own: new work is refused before a write fails, and taken again when there is room. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyAudit } from '../../src/proof/index.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { driveHttp } from '../support/http-drive.ts'
import { createInstallation, main, startChild } from '../support/installation.ts'
import { holdMounted, whyNotMounted } from '../support/mounted.ts'
import { startOrigin } from '../support/origin.ts'

const skip = whyNotMounted('mount -t tmpfs -o size=64k tmpfs /mnt')

test('below its reserve the disk takes no new work, health and metrics say so from twice of it on, and nothing recorded is lost', {
  skip,
}, async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = createInstallation(t, {
    config: 'audit: { folder: ./log, reserve: 2MiB }',
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) },
  })
  mkdirSync(join(installation.folder, 'log'))
  const disk = await holdMounted(t, `mount -t tmpfs -o size=8m tmpfs ${installation.folder}/log`)
  const enter = [...disk.enter, process.execPath, '--no-warnings', main]
  const folder = disk.outside(join(installation.folder, 'log'))
  const { process: child, proxyPort, healthPort, stderr, exited } = await startChild(t, installation, { command: enter })
  const filler = join(folder, 'filler')
  const fill = (mebi: number) => writeFileSync(filler, Buffer.alloc(mebi * 1024 ** 2))
  const statusOf = async () =>
    (await driveHttp({ port: proxyPort, originPort: origin.port, name: 'weather', onReply: () => false }))[0]?.status
  const health = async () => {
    const answer = await fetch(`http://127.0.0.1:${healthPort}/readyz`)
    const { checks } = (await answer.json()) as { checks: { audit: boolean; auditRoom: boolean } }
    return [answer.status, checks.audit, checks.auditRoom].join(' ')
  }
  const doctor = () => command('nsenter', [...enter.slice(1), 'doctor', '--json', '--config', installation.configFile])

  assert.equal(await health(), '200 true true')
  fill(5)
  await eventually('little room is told', async () => (await health()) === '200 true false')
  assert.equal(await statusOf(), 200)
  assert.match((await doctor()).stdout, /"room for the audit log","state":"warn","detail":"\d MiB are free, and audit.reserve is 2 MiB/)
  fill(7)
  await eventually('new work is refused', async () => (await health()) === '503 false false')
  const asked = origin.requests.length
  assert.equal(await statusOf(), 503)
  assert.equal(origin.requests.length, asked)
  assert.match((await doctor()).stdout, /"room for the audit log","state":"fail"/)
  const metrics = await (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text()
  assert.match(metrics, /^sallyport_audit_reserve_bytes 2097152$/m)
  assert.match(stderr(), /the disk of the audit log has little room left/)
  assert.match(stderr(), /nearly full, and new work is refused: free space there, or lower audit.keep/)
  rmSync(filler)
  await eventually('there is room again', async () => (await health()) === '200 true true')
  assert.equal(await statusOf(), 200)
  child.kill('SIGTERM')
  assert.deepEqual(await exited(), { code: 0, signal: null })
  assert.deepEqual((await verifyAudit(folder)).findings, [])
})
