/** A state folder on a file system whose locks prove nothing: the gateway refuses before it has written anything there. */

import assert from 'node:assert/strict'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { command } from '../support/command.ts'
import { mountFuse, whyNoFuse } from '../support/fuse.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, main } from '../support/installation.ts'

const why = whyNoFuse()
if (why !== null && process.env['CI'] === 'true') throw new Error(why)

for (const [what, config] of [
  ['state folder', 'state: ./remote'],
  ['log', 'audit: { folder: ./remote }'],
] as const)
  test(`a ${what} on a file system of elsewhere (FUSE, mounted for this) is refused, and nothing is written to it`, {
    skip: why ?? false,
  }, async (t) => {
    const installation = createInstallation(t, { config, manifests: { 'weather.yaml': grant() } })
    const folder = join(installation.folder, 'remote')
    mkdirSync(folder)
    const { enter, changes } = await mountFuse(t, folder)
    const [program = '', ...words] = [...enter, process.execPath, '--no-warnings', main, 'run', '--config', installation.configFile]
    const { code, stderr } = await command(program, words)
    assert.match(
      stderr,
      /remote is on a file system \(FUSE, 0x65735546\) that does not prove .*: put state and audit\.folder on a local file system/,
    )
    assert.equal(code, 78)
    assert.deepEqual([changes, readdirSync(folder)], [[], []])
  })
