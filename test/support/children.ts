/** Processes that must not outlive the one that starts them, whatever ends that. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** For Node's `--import`. One that hangs does not hear of it, nor does one whose parent is gone before it looks. */
export const endsWithParent = join(import.meta.dirname, 'ends-with-parent.ts')

const canBeBound = process.platform === 'linux' && spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0

/** No signal comes where we were gone before it was asked for: $0 is who its parent should be. */
const unlessOrphan = '[ "$PPID" = "$0" ] && exec "$@"'

/**
 * The words of a command that the kernel ends when the thread that starts it does (PR_SET_PDEATHSIG): for what hangs, is not ours, or
 * is measured and loads nothing more. As given where the system has no such thing. The process id is the same.
 */
export function endingWithUs(...words: [program: string, ...args: string[]]): [program: string, ...args: string[]] {
  return canBeBound ? ['setpriv', '--pdeathsig', 'KILL', 'sh', '-c', unlessOrphan, String(process.pid), ...words] : words
}
