/** Processes that must not outlive the one that starts them, whatever ends that. */
import { join } from 'node:path'

/** For Node's `--import`. */
export const endsWithParent = join(import.meta.dirname, 'ends-with-parent.ts')
