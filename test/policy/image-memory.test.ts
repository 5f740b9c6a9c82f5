/** The images of manifests that a policy keeps take no more than an eighth of what the container has, and what was let go decides as before. */
import assert from 'node:assert/strict'
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { command } from '../support/command.ts'
import type { PolicyImages } from '../support/policy-images.ts'

const mebibyte = 1024 ** 2
const limitBytes = 320 * mebibyte
/** 55 KB each: twice as much as may be kept. */
const integrations = 1500
/** What else a process holds more of after some thousand decisions: remembered ones, and the evaluator's memory. */
const besidesBytes = 16 * mebibyte
const script = join(import.meta.dirname, '../support/policy-images.ts')

async function measure(program: string, words: readonly string[]): Promise<PolicyImages> {
  const { code, stdout, stderr } = await command(program, words)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as PolicyImages
}

function requireBounded(t: TestContext, { constrainedBytes, queuedBytes, allowed, denied }: PolicyImages): void {
  t.diagnostic(
    `${Math.round(queuedBytes / mebibyte)} MiB held for ${integrations} integrations where the process may have ${constrainedBytes / mebibyte} MiB`,
  )
  assert.equal(constrainedBytes, limitBytes)
  assert.ok(queuedBytes < limitBytes / 8 + besidesBytes, `${queuedBytes} bytes`)
  assert.deepEqual([allowed, denied], [integrations + 100, integrations + 100])
}

test('a process that is told its limit keeps images within an eighth of it', async (t) => {
  const told = `data:text/javascript,process.constrainedMemory=()=>${limitBytes}`
  requireBounded(t, await measure(process.execPath, ['--no-warnings', '--import', told, script, String(integrations)]))
})

test('without a limit all are kept, so that the bound above is what lets them go', async (t) => {
  const told = `data:text/javascript,process.constrainedMemory=()=>0`
  const { queuedBytes } = await measure(process.execPath, ['--no-warnings', '--import', told, script, String(integrations)])
  t.diagnostic(`${Math.round(queuedBytes / mebibyte)} MiB`)
  assert.ok(queuedBytes > limitBytes / 8 + besidesBytes, `${queuedBytes} bytes`)
})

interface Cgroup {
  readonly procs: string
  remove(): void
}

/** A control group with the limit, of either version; a string: why there is none. */
function createCgroup(): Cgroup | string {
  const problems: string[] = []
  for (const [base, limit] of [['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'] as const, ['/sys/fs/cgroup', 'memory.max'] as const]) {
    const folder = join(base, `sallyport-test-${process.pid}`)
    try {
      mkdirSync(folder)
    } catch (error) {
      problems.push((error as Error).message)
      continue
    }
    try {
      writeFileSync(join(folder, limit), String(limitBytes), { flag: 'r+' })
      return { procs: join(folder, 'cgroup.procs'), remove: () => rmdirSync(folder) }
    } catch (error) {
      problems.push((error as Error).message)
      rmdirSync(folder)
    }
  }
  return `no control group with a limit of memory can be made here: ${problems.join('; ')}`
}

test('a process in a container of 320 MiB keeps images within an eighth of it', async (t) => {
  const cgroup = createCgroup()
  if (typeof cgroup === 'string') return t.skip(cgroup)
  t.after(cgroup.remove)
  const enter = ['-c', `echo $$ > ${cgroup.procs} && exec "$@"`, 'sh']
  requireBounded(t, await measure('sh', [...enter, process.execPath, '--no-warnings', script, String(integrations)]))
})
