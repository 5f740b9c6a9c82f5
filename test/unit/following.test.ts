/** A reload that fails ends nothing, and what could not be read for a moment is read again. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Config } from '../../src/config/index.ts'
import { createFollowing } from '../../src/gateway/follow-folders.ts'
import type { Activation, ReloadResult } from '../../src/rollout/index.ts'
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
    config: { integrationsFolder, policy: { rulesFolder: null, shadow: null } } as unknown as Config,
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

/** How often a folder is read, by who looks whether something is new and by whoever else. */
function countReads(t: TestContext, folder: string): () => number {
  const { readdir } = promises
  let reads = 0
  const replace = (by: typeof readdir) => {
    promises.readdir = by
    syncBuiltinESMExports()
  }
  replace(((...args: Parameters<typeof readdir>) => {
    if (args[0] === folder) reads += 1
    return readdir(...args)
  }) as typeof readdir)
  t.after(() => replace(readdir))
  return () => reads
}

test('what an operator reloaded is not reloaded once more, and what changed meanwhile is', async (t) => {
  const integrationsFolder = createFolder(t, { 'a.yaml': 'a' })
  const reads = countReads(t, integrationsFolder)
  const askers: string[] = []
  let changesMeanwhile = false
  const following = createFollowing({
    config: { integrationsFolder, policy: { rulesFolder: null, shadow: null } } as unknown as Config,
    access: {
      async refresh() {
        if (changesMeanwhile) writeFileSync(join(integrationsFolder, 'c.yaml'), 'c')
        changesMeanwhile = false
      },
    },
    activation: {
      async reload(by: string): Promise<ReloadResult> {
        askers.push(by)
        return { ok: true, revision: 'r' }
      },
    } as unknown as Activation,
    logger: createLogger({ level: 'info', mask: (line) => line, destination: { write: () => {} } }),
    everyMs: 5,
  })
  t.after(() => following.stop())
  await following.begin()
  following.start()
  writeFileSync(join(integrationsFolder, 'b.yaml'), 'b')
  await following.reload('operator')
  const after = askers.length
  const before = reads()
  await eventually('the folder is looked at again and again', () => reads() > before + 6)
  assert.deepEqual(askers.slice(after), [])

  changesMeanwhile = true
  await following.reload('signal')
  await eventually('the change meanwhile is taken up', () => askers.at(-1) === 'folders')
})
