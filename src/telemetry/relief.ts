/** Keeps memory flat while large bodies pass: their chunks lie outside V8's heap, and V8 is slow to notice them. */
import { exposeCollect } from './collector.ts'

const everyBytes = 8 * 1024 * 1024

/**
 * Told of bytes that passed, it asks for a young-generation collection every 8 MiB (below a millisecond each).
 * Without it 100 MB through the gateway grew its resident set by 53 to 71 MiB, the bound V8 sets for external memory;
 * a smaller young generation helps as well, and costs a fifth of the requests per second.
 */
export function createRelief(): (bytes: number) => void {
  const collect = exposeCollect()
  let passed = 0
  return (bytes) => {
    passed += bytes
    if (passed < everyBytes) return
    passed = 0
    collect({ type: 'minor', execution: 'sync' })
  }
}
