/** A gateway that is killed while it starts for the first time, when its folders, its CA and its log are made: the next start is as the first. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { verifyAudit } from '../../src/proof/index.ts'
import { times } from '../support/cases.ts'
import { endsWithParent } from '../support/children.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, exchangeRaw, type Installation, main, proxyHeader, startChild } from '../support/installation.ts'
import { createRandom } from '../support/random-policy.ts'

const kills = Number(process.env['SALLYPORT_FIRST_KILLS'] ?? 6)
const seed = Number(process.env['SALLYPORT_SEED'] ?? 23)
/** One after the other, each further than the one before or not. */
const killsPerInstallation = 3

async function killAfter({ configFile }: Installation, ms: number): Promise<void> {
  const words = ['--no-warnings', '--import', endsWithParent, main, 'run', '--config', configFile]
  const child = spawn(process.execPath, words, { stdio: 'ignore' })
  await delay(ms)
  child.kill('SIGKILL')
  assert.deepEqual(child.exitCode === null ? await once(child, 'exit') : child.exitCode, [null, 'SIGKILL'])
}

test('a first start that is killed at any moment hinders no later one', async (t) => {
  const random = createRandom(seed)
  let startMs = 1500
  for (let done = 0; done < kills; done += killsPerInstallation) {
    const installation = createInstallation(t, { manifests: { 'weather.yaml': grant() } })
    await times(killsPerInstallation, () => killAfter(installation, random() * startMs))
    const from = performance.now()
    const child = await startChild(t, installation)
    // As long as others at work make it.
    startMs = performance.now() - from
    const head = `GET http://localhost:1/ HTTP/1.1\r\nHost: h\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`
    assert.match(await exchangeRaw(child.proxyPort, head), /^HTTP\/1\.1 403 /)
    child.process.kill('SIGTERM')
    assert.deepEqual(await child.exited(), { code: 0, signal: null })
    assert.deepEqual((await verifyAudit(join(installation.folder, 'state/audit'))).findings, [])
  }
})
