/** docs/reference/audit.md as a newcomer uses it: its own lines, run on a log. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { root } from '../support/installation.ts'
import { recordPaths } from '../support/test-log.ts'

const page = readFileSync(join(root, 'docs/reference/audit.md'), 'utf8')
const python = /```python\n(.*?)```/s.exec(page)?.[1] ?? ''
const [hashOfRecord = '', hashInTile = ''] = page.split('\n').filter((line) => line.startsWith('    ') && line.includes('000'))

function run(command: string, folder: string, input = ''): string {
  const { stdout, stderr, status } = spawnSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8', input })
  assert.equal(status, 0, stderr)
  return stdout
}

for (const count of [1, 300])
  test(`the page's lines find the record and the root of a log of ${count} decisions, and a change of it`, async (t) => {
    const folder = createFolder(t)
    await recordPaths(
      folder,
      Array.from({ length: count }, (_, index) => `/é/${index}`),
    )
    assert.equal(run(hashInTile, folder).replaceAll(/\s/g, ''), run(hashOfRecord, folder).slice(0, 64))
    assert.equal(run('python3 -', folder, python), 'True\n')
    const bundles = run('find tile/entries -type f', folder).trim().split('\n')
    eachCase(bundles, (name) => {
      const bundle = readFileSync(join(folder, name))
      writeFileSync(join(folder, name), bundle.toString('latin1').replace('"allow":true', '"allow":null'), 'latin1')
      assert.equal(run('python3 -', folder, python), 'False\n')
      writeFileSync(join(folder, name), bundle)
    })
  })
