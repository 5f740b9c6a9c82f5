/** How many threads calls of the file system have, of which one integration gets two (src/resources/files/disk.ts). */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createInstallation, startChild } from '../support/installation.ts'

const threadsOf = (pid: number) =>
  readdirSync(`/proc/${pid}/task`).filter((task) => readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim() === 'libuv-worker')

test('a gateway has eight threads for files and its log, or as many as UV_THREADPOOL_SIZE says', async (t) => {
  const byDefault = await startChild(t, createInstallation(t))
  assert.equal(threadsOf(byDefault.process.pid as number).length, 8)
  const command = ['env', 'UV_THREADPOOL_SIZE=5', process.execPath, 'src/main.ts']
  const asTold = await startChild(t, createInstallation(t), { command })
  assert.equal(threadsOf(asTold.process.pid as number).length, 5)
})
