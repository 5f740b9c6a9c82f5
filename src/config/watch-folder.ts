/** Tells when the contents of a folder may have changed, Kubernetes' symlink swaps included. */
import { type FSWatcher, watch } from 'node:fs'

const settleMs = 50

/** Calls back once a burst of changes has settled. The returned function stops. A folder that cannot be watched is told to `onError`. */
export function watchFolder(folder: string, onChange: () => void, onError: (error: Error) => void): () => void {
  let timer: NodeJS.Timeout | null = null
  let watcher: FSWatcher | null = null
  const changed = () => {
    if (timer !== null) clearTimeout(timer)
    timer = setTimeout(onChange, settleMs)
  }
  try {
    watcher = watch(folder, { persistent: false }, changed)
    watcher.on('error', onError)
  } catch (error) {
    onError(error as Error)
  }
  return () => {
    if (timer !== null) clearTimeout(timer)
    watcher?.close()
  }
}
