/**
 * What operators ask in a browser about rules and manifests, answered by the commands for authors in a process of their own: rules are
 * compiled there, so that no request of an integration waits, and the gateway holds nothing of it.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import type { AuthorAnswer, AuthorCommands } from '../admin/index.ts'

const main = join(import.meta.dirname, '../main.ts')
const settings = ['--no-warnings', '--max-old-space-size=512']
/** Rules may have to be compiled first. */
const maxMs = 60_000
const maxBytes = 8 * 1024 * 1024
/** That wait for the one before. */
const maxWaiting = 4

/** `configFile`: of this gateway. */
export function createAuthorCommands(configFile: string): AuthorCommands {
  let waiting = 0
  let last: Promise<unknown> = Promise.resolve()
  const running = new Set<() => void>()

  function run(command: readonly string[], given: readonly string[]): Promise<AuthorAnswer> {
    return new Promise((resolve) => {
      // Behind `--` nothing is an option.
      const words = [...settings, main, ...command, '--json', '--config', configFile, '--', ...given]
      const child = execFile(
        process.execPath,
        words,
        { timeout: maxMs, killSignal: 'SIGKILL', maxBuffer: maxBytes },
        (_error, stdout, stderr) => {
          running.delete(kill)
          if (stdout !== '') return resolve({ json: stdout })
          resolve({ problem: stderr.trim().replace(/^error: /, '') || 'it took too long, or was ended' })
        },
      )
      const kill = () => void child.kill('SIGKILL')
      running.add(kill)
    })
  }

  /** One after the other: they take a core each. */
  async function queued(command: readonly string[], given: readonly string[]): Promise<AuthorAnswer> {
    if (waiting >= maxWaiting) return { problem: 'others are being answered: ask again in a moment' }
    waiting += 1
    const answer = last.then(() => run(command, given))
    last = answer
    return await answer.finally(() => {
      waiting -= 1
    })
  }

  return {
    explain: (id) => queued(['policy', 'explain'], [id]),
    diff: (from, to) => queued(['policy', 'diff'], [from, to]),
    close() {
      for (const kill of running) kill()
    },
  }
}
