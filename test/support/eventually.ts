/** Waits for a state that another part of the process, or another process, brings about. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Looks until `look` gives something else than false, null or undefined, and gives that; what it throws counts as not yet. */
export async function eventually<T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<T>> {
  const until = performance.now() + 60_000
  let last: unknown
  while (performance.now() < until) {
    try {
      const found = await look()
      if (found !== false && found !== null && found !== undefined) return found
      last = found
    } catch (error) {
      last = error
    }
    await sleep(10)
  }
  throw new Error(`it never came about that ${what}; the last look gave ${last instanceof Error ? last.message : JSON.stringify(last)}`)
}
