/** The loops of tests. What fails says for which case or round it failed, and nothing runs side by side. */
import { inspect } from 'node:util'

/** Checks one case after the other; a check that fails fails with its case in front of its message. */
export function eachCase<Case>(cases: Iterable<Case>, check: (given: Case) => Promise<unknown>): Promise<void>
export function eachCase<Case>(cases: Iterable<Case>, check: (given: Case) => void): void
export function eachCase<Case>(cases: Iterable<Case>, check: (given: Case) => unknown): Promise<void> | void {
  const left = cases[Symbol.iterator]()
  const naming = (given: Case) => (error: unknown) => {
    throw named(
      error,
      `for ${inspect(given, { depth: 1, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 100, maxArrayLength: 8 })}`,
    )
  }
  const next = (): Promise<void> | void => {
    for (let item = left.next(); item.done !== true; item = left.next()) {
      const fail = naming(item.value)
      let checked: unknown
      try {
        checked = check(item.value)
      } catch (error) {
        fail(error)
      }
      // Only what takes time is waited for: a synchronous check must not let anything else run in between.
      if (checked instanceof Promise) return checked.then(() => {}, fail).then(next)
    }
  }
  return next()
}

/** Does the same so many times, one after the other: `act` is given the round, from 0. */
export function times(count: number, act: (round: number) => Promise<unknown>): Promise<void>
export function times(count: number, act: (round: number) => void): void
export function times(count: number, act: (round: number) => unknown): Promise<void> | void {
  return eachCase(Array.from({ length: count }).keys(), act as (round: number) => void)
}

/** All that an iteration gives. */
export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}

/** Waits for `next` again and again until `isDone`. */
export async function until(isDone: () => boolean, next: () => unknown): Promise<void> {
  while (!isDone()) await next()
}

function named(error: unknown, which: string): unknown {
  if (!(error instanceof Error)) return error
  // Reporters print the stack, which has a copy of the message.
  error.stack = `${which}: ${error.stack}`
  error.message = `${which}: ${error.message}`
  return error
}
