/** A reload that fails ends nothing, and what could not be read for a moment is read again. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Config } from '../../src/config/index.ts'
import { createFollowing } from '../../src/following.ts'
import type { Activation, ReloadResult } from '../../src/policy/index.ts'
import { createLogger } from '../../src/telemetry/index.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'

test('a reload never rejects, and one that failed for want of descriptors is tried again', async (t) => {
  const integrationsFolder = createFolder(t, { 'a.yaml': 'a' })
  const log: string[] = []
  const problems = ['EMFILE: too many open files, open', 'a.yaml: cannot be read: EMFILE', '']
  let reloads = 0
  let isBroken = false
  async function reload(): Promise<ReloadResult> {
    const problem = problems[reloads] ?? ''
    reloads += 1
    if (isBroken || reloads === 1) throw new Error(problem || 'a bug')
    return problem === '' ? { ok: true, revision: 'r' } : { ok: false, revision: 'r', problem }
  }
  const following = createFollowing({
    config: { integrationsFolder, policy: { rulesFolder: null, candidate: null } } as unknown as Config,
    access: { refresh: async () => {} },
    activation: { reload } as unknown as Activation,
    logger: createLogger({ level: 'info', mask: (line) => line, destination: { write: (line) => void log.push(line) } }),
    againMs: 1,
  })
  t.after(() => following.stop())
  await following.begin()
  following.start()
  // It may look for the first time only after a file was written.
  await eventually('it is tried until it could be read', () => {
    if (reloads === 0) writeFileSync(join(integrationsFolder, `b${performance.now()}.yaml`), 'b')
    return reloads >= 3
  })
  isBroken = true
  assert.deepEqual(await following.reload('signal'), { ok: false, revision: '', problem: 'a bug' })
  assert.equal(log.filter((line) => line.includes('could not be reloaded')).length, 2)
})
