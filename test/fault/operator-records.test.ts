/** What an operator does is recorded before they hear that it is done, and before it outlives the process. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { AppendFile } from '../../src/audit/index.ts'
import { askGateway } from '../../src/cli/admin-client.ts'
import { loadConfig } from '../../src/config/index.ts'
import { createContainment } from '../../src/containment/index.ts'
import { writeAtomically } from '../../src/files/write-atomically.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { eachCase, times } from '../support/cases.ts'
import { FailingFile } from '../support/failing-file.ts'
import { createFolder } from '../support/folder.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, type Installation, manifest } from '../support/installation.ts'

async function start(t: TestContext, { configFile }: Installation, auditFile?: AppendFile) {
  const gateway = await startGateway(loadConfig(configFile), { logTo: { write: () => {} }, ...(auditFile && { auditFile }) })
  t.after(() => gateway.close())
  return gateway
}

const suspended = async (installation: Installation) =>
  Object.keys(((await ask(installation, 'GET', 'status')).body as { suspended: Record<string, unknown> }).suspended)

function ask({ folder }: Installation, method: 'GET' | 'POST', path: string) {
  return askGateway(join(folder, 'state/admin.sock'), method, `/v1/${path}`)
}

const change = (installation: Installation) => installation.write('integrations/weather.yaml', grant({ limits: { concurrency: 7 } }))

for (const [what, path, before, after] of [
  ['suspends', 'integrations/weather/suspend', async () => {}, ['weather']],
  ['resumes', 'integrations/weather/resume', (target: Installation) => ask(target, 'POST', 'integrations/weather/suspend'), ['weather']],
  ['rotates the CA', 'ca/rotate', async () => {}, []],
  ['reloads', 'reload', async (target: Installation) => change(target), []],
  [
    'rolls back',
    'policy/rollback',
    async (target: Installation) => {
      change(target)
      await ask(target, 'POST', 'reload')
    },
    [],
  ],
] as const)
  test(`an operator who ${what} while the log cannot be written learns that there is no record, and it lets no caller in`, async (t) => {
    const installation = createInstallation(t, { manifests: { 'weather.yaml': manifest('weather', '') } })
    const file = new FailingFile()
    const gateway = await start(t, installation, file)
    await before(installation)
    file.armed = 'ENOSPC'
    const { status, body } = await ask(installation, 'POST', path)
    assert.equal(status, 503, JSON.stringify(body))
    assert.match(JSON.stringify(body), /there is no record of what you asked for/)
    await gateway.close()
    await start(t, installation)
    assert.deepEqual(await suspended(installation), after)
  })

test('a CA that cannot be recorded as rotated is not', async (t) => {
  const installation = createInstallation(t, { manifests: { 'weather.yaml': manifest('weather', '') } })
  const file = new FailingFile()
  await start(t, installation, file)
  const files = ['ca.key', 'ca.crt', 'rotation.pem', 'bundle.crt'].map((name) => join('state/ca', name))
  const content = () => files.map(installation.read)
  const before = content()
  file.armed = 'ENOSPC'
  assert.equal((await ask(installation, 'POST', 'ca/rotate')).status, 503)
  assert.deepEqual(content(), before)
})

test('a suspension is kept for the next start only once it is recorded', async (t) => {
  const folder = createFolder(t)
  const file = join(folder, 'containment.json')
  const isKept = () => existsSync(file) && readFileSync(file, 'utf8').includes('weather')
  const kept: boolean[] = []
  const containment = createContainment({
    ...{ file, approval: [], names: () => ['weather'], held: async () => new Set<string>() },
    onChange() {},
    async recorded() {
      // As long as keeping it would take.
      await times(3, () => writeAtomically(join(folder, 'other'), '', 0o600))
      kept.push(isKept())
    },
    onUnkept: (error) => assert.fail(error),
  })
  t.after(() => containment.close())
  await containment.start({})
  await containment.set('weather', { state: 'suspended', forMs: null, reason: null, by: 'socket' })
  assert.deepEqual(kept.at(-1), false)
  assert.ok(isKept())
})

test('a suspension is for a number of milliseconds up to ten years; anything else is refused, and suspends nobody', async (t) => {
  const installation = createInstallation(t, { manifests: { 'weather.yaml': manifest('weather', '') } })
  await start(t, installation)
  await eachCase(['0', '-1', '1.5', 'x', '1e30', String(Number.MAX_SAFE_INTEGER)], async (forMs) => {
    const { status, body } = await ask(installation, 'POST', `integrations/weather/suspend?forMs=${forMs}`)
    assert.equal(status, 422)
    assert.match(JSON.stringify(body), /forMs is a whole number of milliseconds, above zero and of ten years at most/)
  })
  assert.deepEqual(await suspended(installation), [])
  assert.equal((await ask(installation, 'POST', `integrations/weather/suspend?forMs=${10 * 365 * 24 * 3600 * 1000}`)).status, 200)
})
