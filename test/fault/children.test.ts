/** What a test or a benchmark starts ends with it, at whatever moment that is. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { endingWithUs } from '../support/children.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { root } from '../support/installation.ts'
import { isRunning } from '../support/running.ts'

const skip = endingWithUs('true').length > 1 ? false : 'needs setpriv'

/** Starts what would go on for minutes, says its id, and is killed before that can have done anything. */
const brief = `
import { spawn } from 'node:child_process'
import { writeSync } from 'node:fs'
import { endingWithUs } from ${JSON.stringify(join(root, 'test/support/children.ts'))}
const [program, ...words] = endingWithUs('sleep', '300')
writeSync(1, String(spawn(program, words, { stdio: 'ignore' }).pid))
process.kill(process.pid, 'SIGKILL')
`

test('what is started right before its starter is killed does not go on, however long its own start takes', { skip }, async (t) => {
  const folder = createFolder(t, { setpriv: `#!/bin/sh\nPATH=\${PATH#*:}\nsleep 0.2\nexec setpriv "$@"\n` })
  chmodSync(join(folder, 'setpriv'), 0o755)
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` }
  const starter = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', brief], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  })
  const id = Number((await starter.stdout.toArray()).join(''))
  assert.ok(id > 0)
  t.after(() => {
    if (isRunning(id)) process.kill(id, 'SIGKILL')
  })
  await eventually('it has ended', () => !isRunning(id))
})
