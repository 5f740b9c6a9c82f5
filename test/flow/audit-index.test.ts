/** The index that a gateway keeps current beside its log. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createInstallation, exchangeRaw, startChild } from '../support/installation.ts'
import { childRunning, isRunning } from '../support/running.ts'

/** How far the index has come. */
function nextOf(folder: string): number {
  const database = new DatabaseSync(join(folder, 'state/audit-index/index-1.sqlite'), { readOnly: true })
  try {
    return Number(database.prepare('SELECT next FROM position').get()?.['next'])
  } finally {
    database.close()
  }
}

test('with audit.index a process keeps the index current, and is gone with its gateway', async (t) => {
  const { folder, ...installation } = createInstallation(t, { config: 'audit: { index: true }' })
  const gateway = await startChild(t, { folder, ...installation })
  const before = await eventually('the start is in the index', () => nextOf(folder) || null)
  await exchangeRaw(gateway.proxyPort, 'GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n')
  await eventually('what was refused is in the index', () => nextOf(folder) >= before + 2)
  const indexing = childRunning(gateway.process.pid ?? 0, 'indexing-process')
  assert.notEqual(indexing, null)
  gateway.process.kill('SIGKILL')
  await eventually('it has ended with the gateway', () => !isRunning(indexing ?? 0))
})

test('without audit.index a gateway starts no process for it', async (t) => {
  const installation = createInstallation(t)
  const gateway = await startChild(t, installation)
  assert.equal(childRunning(gateway.process.pid ?? 0, 'indexing-process'), null)
  assert.equal(existsSync(join(installation.folder, 'state/audit-index')), false)
})
