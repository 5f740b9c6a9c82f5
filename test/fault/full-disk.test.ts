/** A disk that is really full, under a gateway of its own: what is answered is recorded, and a start says what it lacks. */

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyAudit } from '../../src/proof/index.ts'
import { times, until } from '../support/cases.ts'
import { command, type Finished } from '../support/command.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { driveHttp } from '../support/http-drive.ts'
import { createInstallation, main, startChild } from '../support/installation.ts'
import { textOf } from '../support/log-records.ts'
import { holdMounted, whyNotMounted } from '../support/mounted.ts'
import { startOrigin } from '../support/origin.ts'

const skip = whyNotMounted('mount -t tmpfs -o size=64k tmpfs /mnt')

/** Asks over one connection until the answer is 503. */
const driveUntilRefused = (port: number, originPort: number) =>
  driveHttp({ port, originPort, name: 'weather', onReply: ({ status }) => status !== 503 })

test('a full disk lets nothing through unrecorded, and a start on it says so', { skip }, async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void setTimeout(() => res.end('hello'), 2) })
  const installation = createInstallation(t, {
    config: 'audit: { folder: ./log, maxSegment: 16KiB, reserve: 0 }',
    manifests: {
      'weather.yaml': grant({
        network: [toLocalhost(origin.port)],
        limits: { arrivals: { rate: '100000/s' }, requests: { rate: '100000/s' } },
      }),
    },
  })
  mkdirSync(join(installation.folder, 'log'))
  const disk = await holdMounted(t, `mount -t tmpfs -o size=96k tmpfs ${installation.folder}/log`)
  const enter = [...disk.enter, process.execPath, '--no-warnings', main]
  const folder = disk.outside(join(installation.folder, 'log'))
  const child = await startChild(t, installation, { command: enter })

  const replies = (await Promise.all(Array.from({ length: 8 }, () => driveUntilRefused(child.proxyPort, origin.port)))).flat()
  const text = textOf(folder)
  const given = replies.filter(({ status }) => status === 200)
  assert.ok(given.length > 20)
  assert.deepEqual(
    given.filter(({ id }) => !text.includes(`"type":"decided","id":"${id}"`)),
    [],
  )
  const asked = origin.requests.length
  await times(5, async () => assert.equal((await driveUntilRefused(child.proxyPort, origin.port))[0]?.status, 503))
  assert.equal(origin.requests.length, asked, 'no effect begins once the log is known to be broken')
  child.process.kill('SIGTERM')
  assert.deepEqual(await child.exited(), { code: 0, signal: null })

  for (let at = 0; ; at += 1) {
    try {
      writeFileSync(join(folder, `filler${at}`), Buffer.alloc(4096))
    } catch {
      break
    }
  }
  const words = [...enter.slice(1), 'run', '--config', installation.configFile]
  // Where a torn record was cut there is room for one more start, or some.
  const starts: Finished[] = []
  await until(
    () => starts.at(-1)?.code === 1,
    async () => void starts.push(await command('timeout', ['5', 'nsenter', ...words])),
  )
  const again = starts.at(-1) as Finished
  assert.equal(again.code, 1, again.stderr)
  assert.match(again.stderr, /^(?:.*\n)*the audit log in .*\/log cannot be written, and nothing would be answered: ENOSPC/)
  assert.equal((await command('nsenter', [disk.enter[1], 'mount', '-o', 'remount,size=1m', join(installation.folder, 'log')])).code, 0)
  const last = await startChild(t, installation, { command: enter })
  last.process.kill('SIGTERM')
  assert.deepEqual(await last.exited(), { code: 0, signal: null })
  assert.deepEqual((await verifyAudit(folder)).findings, [])
})
