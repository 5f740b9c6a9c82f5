/** File systems that a test mounts in a mount namespace of its own, which are gone with it. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'

export interface Mounted {
  /** Stands before a command that is to see it: a program and its first words. */
  readonly enter: readonly [string, string]
  /** Where a path in there is seen from here. */
  outside(path: string): string
}

/** Why a script cannot mount something here, which it does in a namespace of its own; `false` where it can. Where `isRequired` CI fails without. */
export function whyNotMounted(script: string, { isRequired = true } = {}): string | false {
  const { status, stderr, error } = spawnSync('unshare', ['--mount', 'sh', '-ec', script], { encoding: 'utf8' })
  if (status === 0) return false
  const problem = `no such file system can be mounted here: ${error?.message ?? stderr.trim()}`
  if (isRequired && process.env['CI'] === 'true') throw new Error(problem)
  return problem
}

/** Until the test ends. */
export async function holdMounted(t: TestContext, script: string): Promise<Mounted> {
  const words = ['--pdeathsig', 'KILL', 'unshare', '--mount', 'sh', '-ec', `${script}\necho mounted\nexec sleep 1000`]
  const holder = spawn('setpriv', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => void holder.kill('SIGKILL'))
  await once(createInterface(holder.stdout), 'line')
  return {
    enter: ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`],
    outside: (path) => join(`/proc/${holder.pid}/root`, path),
  }
}
