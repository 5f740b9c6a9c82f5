/** What of a folder of manifests is read again, and what must never be missed. */

import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createIntegrationRegistry } from '../../src/manifests/index.ts'
import { times } from '../support/cases.ts'
import { smallDefaults } from '../support/defaults.ts'
import { manifest } from '../support/installation.ts'

const textOf = (host: string) => manifest('weather', `network: [{ hosts: [${host}], tls: intercept }]`)

function arrange(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-manifests-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'weather.yaml')
  writeFileSync(file, textOf('a.example.com'))
  const registry = createIntegrationRegistry(folder, smallDefaults)
  const host = async () => (await registry.read()).integrations[0]?.network[0]?.hosts[0]
  return { folder, file, registry, host }
}

test('a file of the same size whose time was set back is read again', async (t) => {
  const { file, host } = arrange(t)
  const { atime, mtime } = statSync(file)
  assert.equal(await host(), 'a.example.com')
  writeFileSync(file, textOf('b.example.com'))
  utimesSync(file, atime, mtime)
  assert.equal(await host(), 'b.example.com')
})

test('changes that come faster than the file system’s clock ticks are all seen', async (t) => {
  const { file, host } = arrange(t)
  await times(200, async (round) => {
    const name = round % 2 === 0 ? 'c.example.com' : 'd.example.com'
    writeFileSync(file, textOf(name))
    assert.equal(await host(), name)
  })
})

test('a file that another one replaced is read, and one that did not change is the very same integration', async (t) => {
  const { folder, file, registry, host } = arrange(t)
  const [first] = (await registry.read()).integrations
  assert.equal((await registry.read()).integrations[0], first)
  writeFileSync(join(folder, 'new'), textOf('e.example.com'))
  renameSync(join(folder, 'new'), file)
  assert.equal(await host(), 'e.example.com')
  rmSync(file)
  assert.equal(await host(), undefined)
})
