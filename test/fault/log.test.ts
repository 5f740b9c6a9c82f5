/** The operational log cannot be written: lines are lost, and nothing else is. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLineWriter } from '../../src/telemetry/line-writer.ts'
import { times } from '../support/cases.ts'
import { endingWithUs } from '../support/children.ts'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, main } from '../support/installation.ts'

test('a gateway whose log is on a full disk serves, and ends when it is told to', {
  skip: process.platform === 'linux' ? false : 'needs /dev/full',
}, async (t) => {
  const installation = createInstallation(t, {
    config: 'listeners: [{ name: own, socket: ./own.sock, integration: weather }]',
    manifests: { 'weather.yaml': grant({ network: [{ hosts: ['localhost'], tls: 'none' }] }) },
  })
  const line = ['-c', 'exec "$0" "$@" 2>/dev/full', process.execPath, main, 'run', '--config', installation.configFile]
  const [program, ...words] = endingWithUs('sh', ...line)
  const child = spawn(program, words, { stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const ask = () =>
    new Promise<number>((resolve) => {
      const asked = request({ socketPath: join(installation.folder, 'own.sock'), path: 'http://localhost:9/', agent: false }, (res) => {
        res.resume().on('end', () => resolve(res.statusCode ?? 0))
      })
      asked.on('error', () => resolve(0))
      asked.end()
    })
  await eventually('it serves', async () => (await ask()) === 403)
  // Each is told in the log: a private address that no manifest names.
  assert.deepEqual(
    await Promise.all(Array.from({ length: 20 }, ask)),
    Array.from({ length: 20 }, () => 403),
  )
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
})

/** A descriptor as the test wants it: each write is answered by hand. */
function arrange(maxWaiting?: number) {
  const written: string[] = []
  const pending: ((error: NodeJS.ErrnoException | null, bytes?: number) => void)[] = []
  const writer = createLineWriter({
    fd: -1,
    ...(maxWaiting !== undefined && { maxWaiting }),
    writeSome: (_fd, bytes, done) =>
      void pending.push((error, count = bytes.byteLength) => {
        if (error === null) written.push(bytes.toString('utf8', 0, count))
        done(error, error === null ? count : 0)
      }),
  })
  const answer = (error: NodeJS.ErrnoException | null, bytes?: number) => pending.shift()?.(error, bytes)
  return { writer, written, answer, pending }
}

const full = Object.assign(new Error('full'), { code: 'ENOSPC' })

test('lines that could not be written are counted once some can be', () => {
  const { writer, written, answer } = arrange()
  writer.write('one\n')
  writer.write('two\n')
  answer(full)
  writer.write('three\n')
  answer(full)
  writer.write('four\n')
  answer(null)
  writer.write('five\n')
  answer(null)
  assert.equal(JSON.parse(written[0]?.split('\n')[0] ?? '').lines, 3)
  assert.deepEqual([written[0]?.split('\n')[1], written[1]], ['four', 'five\n'])
})

test('a write that takes a part of a line goes on where it stopped', () => {
  const { writer, written, answer } = arrange()
  writer.write('line\n')
  answer(null, 2)
  answer(null)
  assert.equal(written.join(''), 'line\n')
})

test('a log reader that is stuck gets a bounded rest of lines, and is told how many were dropped', () => {
  const { writer, written, answer, pending } = arrange(10)
  times(5, (line) => {
    writer.write(`lin${line}\n`)
  })
  assert.equal(pending.length, 1)
  answer(null)
  answer(null)
  assert.match(written.join(''), /^lin0\n\{"level":"error",.*"lines":2,.*\}\nlin1\nlin2\n$/)
})
