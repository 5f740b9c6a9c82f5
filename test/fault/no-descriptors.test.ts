/** A running gateway that is left no descriptor at all (EMFILE from the kernel): what is answered is recorded, the log's segments rotate, and it goes on when there are some again. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { countDescriptors } from '../support/descriptors.ts'
import { eventually } from '../support/eventually.ts'
import { driveHttp } from '../support/http-drive.ts'
import { createInstallation, manifest, networkTo, startChild } from '../support/installation.ts'
import { walNames } from '../support/log-records.ts'
import { startOrigin } from '../support/origin.ts'
import { type Received, requireRecorded } from '../support/recording-clients.ts'
import { connect } from '../support/sockets.ts'

const probe = spawnSync('prlimit', ['--pid', String(process.pid), '--nofile'], { encoding: 'utf8' })
const skip =
  probe.status === 0 ? false : `the limit of a running process cannot be changed here (prlimit): ${probe.error?.message ?? probe.stderr}`
if (skip !== false && process.env['CI'] === 'true') throw new Error(skip)

test('a gateway without a descriptor left answers what it records, and takes callers again when it has some', { skip }, async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const limits = 'limits: { arrivals: { rate: 100000/s }, requests: { rate: 100000/s } }'
  const installation = createInstallation(t, {
    config: 'audit: { maxSegment: 4KiB }\nhttp: { keepAlive: 1h }',
    manifests: { 'weather.yaml': manifest('weather', `${networkTo(origin.port)}\n${limits}`) },
  })
  const child = await startChild(t, installation)
  const pid = child.process.pid ?? 0
  const folder = join(installation.folder, 'state/audit')
  const limit = (soft: number) => assert.equal(spawnSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:`]).status, 0)

  const received: Received[] = []
  /** So many replies over each of some connections; `onHalf` comes once, in the middle. */
  async function ask(connections: number, replies: number, onHalf = () => {}): Promise<void> {
    let total = 0
    const drives = Array.from({ length: connections }, () => {
      let left = replies
      const onReply = () => {
        left -= 1
        total += 1
        if (total === Math.floor((connections * replies) / 2)) onHalf()
        return left > 0
      }
      return driveHttp({ port: child.proxyPort, originPort: origin.port, name: 'weather', onReply })
    })
    received.push(...(await Promise.all(drives)).flat())
  }

  /** Index of the first record of the newest write-ahead file; older ones go meanwhile. */
  const newest = () => Number.parseInt(walNames(folder).at(-1) ?? '', 10)
  let newestAtLimit = 0
  // Connections that are there are served further; whatever needs a new descriptor finds none.
  await ask(4, 100, () => {
    limit(countDescriptors(pid))
    newestAtLimit = newest()
  })
  // A file of 4 KiB holds fewer than ten records.
  assert.ok(newest() > newestAtLimit + 50, 'segments rotated without a descriptor to spare')
  assert.ok(received.filter(({ status }) => status === 200).length >= 300, 'connections that were there were served')
  await requireRecorded(folder, received)
  // Most of these find no descriptor, and the gateway is none the worse.
  const waiting = Array.from({ length: 20 }, () => connect(child.proxyPort, '127.0.0.1'))
  await Promise.all(waiting.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])))
  limit(4096)
  eachCase(waiting, (socket) => {
    socket.destroy()
  })
  await eventually('it answers new callers again', async () => {
    const before = received.length
    await ask(1, 1)
    return received.length > before && received.at(-1)?.status === 200
  })
  child.process.kill('SIGTERM')
  assert.deepEqual(await child.exited(), { code: 0, signal: null })
  assert.deepEqual((await requireRecorded(folder, received)).findings, [])
  assert.doesNotMatch(child.stderr(), /"level":"fatal"/)
})
