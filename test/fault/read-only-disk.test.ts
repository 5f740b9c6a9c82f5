/** A file system that becomes read-only under a gateway, as ext4 does where its disk fails: nothing is answered unrecorded, and it starts again once the disk is repaired. */
import assert from 'node:assert/strict'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyAudit } from '../../src/proof/index.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { driveHttp } from '../support/http-drive.ts'
import { createInstallation, main, startChild } from '../support/installation.ts'
import { textOf } from '../support/log-records.ts'
import { holdMounted, whyNotMounted } from '../support/mounted.ts'
import { startOrigin } from '../support/origin.ts'
import type { Received } from '../support/recording-clients.ts'

/** What ext4 does by itself where it finds its disk damaged (`errors=remount-ro`). */
const fail = (folder: string) => `echo test > /sys/fs/ext4/$(basename $(findmnt -no SOURCE ${folder}))/trigger_fs_error`

const skip = whyNotMounted(
  `image=$(mktemp); truncate -s 4M $image; mkfs.ext4 -q -F $image
  mount -o loop,errors=remount-ro $image /mnt; rm $image; test -w /sys/fs/ext4/$(basename $(findmnt -no SOURCE /mnt))/trigger_fs_error`,
  { isRequired: false },
)

test('a disk that becomes read-only lets nothing through unrecorded, and the log goes on once it is repaired', { skip }, async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = createInstallation(t, {
    config: 'audit: { folder: ./log/audit, reserve: 0 }',
    manifests: {
      'weather.yaml': grant({
        network: [toLocalhost(origin.port)],
        limits: { arrivals: { rate: '100000/s' }, requests: { rate: '100000/s' } },
      }),
    },
  })
  const [log, image] = [join(installation.folder, 'log'), join(installation.folder, 'image')]
  mkdirSync(log)
  writeFileSync(image, '')
  truncateSync(image, 8 * 1024 * 1024)
  const mount = `mount -o loop,errors=remount-ro ${image} ${log}`
  const { enter, outside } = await holdMounted(t, `mkfs.ext4 -q -F ${image}\n${mount}`)
  const inside = (script: string) => command(enter[0], [enter[1], 'sh', '-ec', script])
  const folder = join(outside(log), 'audit')
  const start = { command: [...enter, process.execPath, '--no-warnings', main] }
  const child = await startChild(t, installation, start)
  const answered: Received[] = []
  const onReply = (reply: Received) => {
    answered.push(reply)
    return reply.status !== 503
  }
  const driveUntilRefused = () => driveHttp({ port: child.proxyPort, originPort: origin.port, name: 'weather', onReply })

  const driven = Promise.all(Array.from({ length: 4 }, driveUntilRefused))
  await eventually('some are answered', () => origin.requests.length > 20)
  const before = [...answered]
  assert.equal((await inside(fail(log))).code, 0)
  const replies = (await driven).flat().filter(({ status }) => status === 200)
  assert.ok(replies.length > 10)
  const text = textOf(folder)
  assert.deepEqual(
    replies.filter(({ id }) => !text.includes(`"type":"decided","id":"${id}"`)),
    [],
  )
  const asked = origin.requests.length
  assert.equal((await driveUntilRefused())[0]?.status, 503)
  assert.equal(origin.requests.length, asked)
  assert.match(child.stderr(), /the audit log is broken: every request is refused until a restart/)
  child.process.kill('SIGTERM')
  assert.deepEqual(await child.exited(), { code: 0, signal: null })

  const again = await command('timeout', ['20', ...start.command, 'run', '--config', installation.configFile])
  // Nothing but a person makes it writable again: systemd need not try.
  assert.equal(again.code, 78, again.stderr)
  assert.match(again.stderr, /the audit log in .*\/log\/audit cannot be written, and nothing would be answered: EROFS/)
  const repaired = await inside(`umount ${log}; e2fsck -fy ${image} >/dev/null 2>&1 || test $? -lt 4; ${mount}`)
  assert.equal(repaired.code, 0, repaired.stderr)
  const last = await startChild(t, installation, start)
  last.process.kill('SIGTERM')
  assert.deepEqual(await last.exited(), { code: 0, signal: null })
  // What was written in the moment of the failure may be gone: ext4 answers a sync with success once it is read-only (ext4_sync_file).
  const after = textOf(folder)
  assert.deepEqual(
    before.filter(({ id }) => !after.includes(`"type":"decided","id":"${id}"`)),
    [],
  )
  assert.deepEqual((await verifyAudit(folder)).findings, [])
})
