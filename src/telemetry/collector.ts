/** V8’s garbage collector, set up for a process that holds little and passes much. Flags that V8 reads at each use can be set in a running process. */
import { executionAsyncResource } from 'node:async_hooks'
import { nextTick } from 'node:process'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const enoughBytes = 32 * 1024 * 1024
const lookEveryMs = 50
/** The longest that Node knows. */
const maxIntervalMs = 2 ** 31 - 1

interface Collect {
  (options: { type: 'minor'; execution: 'sync' }): void
  (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }): void
}

/** `gc()` of `--expose-gc`. */
export function exposeCollect(): Collect {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as Collect
}

/**
 * For the life of the process. Each figure is of `npm run bench` at 32 connections.
 *
 * - No pretenuring: V8 allocates in the old generation what survived there before, and after a burst of connections that
 *   is part of every request; each such part, dead, keeps its whole request from the young collector. Without it 15 % less
 *   CPU per request after 1,000 connections were open at once, p99 of 6 instead of 14 ms, a third less resident memory.
 * - Scavenges on one thread: less than a MiB survives, too little to share among four (8 % less CPU per request).
 * - A young generation of about 32 MiB, looked at between turns. V8 lets it grow to 128 MiB where there is much memory, for
 *   nothing that a gateway gains (87 MiB less resident memory at the same requests per second). `--max-semi-space-size` would
 *   do it, but only at the start of a process; the growth factor can be set in a running one, and is set back once V8 has
 *   shrunk it in a quiet hour.
 */
export function tuneCollector(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
  setFlagsFromString('--no-parallel-scavenge')
  keepTickShape()
  let bounded = false
  setInterval(() => {
    const size = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0
    if (bounded === size >= enoughBytes) return
    bounded = !bounded
    setFlagsFromString(`--semi-space-growth-factor=${bounded ? 1 : 2}`)
  }, lookEveryMs).unref()
}

/**
 * Holds one of the objects that `process.nextTick` makes, for the life of the process. V8 forgets the shape of objects of
 * which a collection finds none, and code that has once seen another shape asks the runtime for each of their computed
 * keys from then on: 4 % of the CPU of a request, which passes some ten ticks.
 */
function keepTickShape(): void {
  nextTick(() => {
    const tick = executionAsyncResource()
    setInterval(() => tick, maxIntervalMs).unref()
  })
}

/** Gives back what starting took and running does not need (some 40 MiB); the code that was compiled stays, or the first reload would be slow. */
export function releaseStartup(): void {
  const collect = exposeCollect()
  setFlagsFromString('--no-flush-bytecode')
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  setFlagsFromString('--flush-bytecode')
}

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
