/** How many threads calls of the file system have, of which one integration gets two (src/resources/files/disk.ts). */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { threadsOf } from '../../src/resources/files/disk.ts'
import { createInstallation, startChild } from '../support/installation.ts'

const workersOf = (pid: number) =>
  readdirSync(`/proc/${pid}/task`).filter((task) => readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim() === 'libuv-worker')

test('a gateway has eight threads for files and its log, or as many as UV_THREADPOOL_SIZE says', async (t) => {
  const byDefault = await startChild(t, createInstallation(t))
  assert.equal(workersOf(byDefault.process.pid as number).length, 8)
  const command = ['env', 'UV_THREADPOOL_SIZE=5', process.execPath, 'src/main.ts']
  const asTold = await startChild(t, createInstallation(t), { command })
  assert.equal(workersOf(asTold.process.pid as number).length, 5)
})

test('reads UV_THREADPOOL_SIZE as libuv does, so that no setting leaves files without a turn', () => {
  const settings = [undefined, '8', '8x', 'abc', '', '0', '-3', '5000']
  assert.deepEqual(
    settings.map((setting) => threadsOf(setting)),
    [4, 8, 8, 1, 1, 1, 1, 1024],
  )
})
