/** Counts the refusals of a flood: one record covers many of them, and each reply waits for the record that it is counted in. */

export interface Sums {
  /** Resolves once the sum is on disk; rejects where it cannot be written. */
  count(who: string, code: string, isIntegration: boolean): Promise<void>
  /** Records what was counted by now. */
  flush(): void
}

export interface SumsOptions {
  readonly time: () => string
  /** Records; resolves once it is on disk. */
  readonly record: (fields: string) => Promise<void>
  /** Of a text from outside. */
  readonly quote: (text: string) => string
}

interface Sum {
  readonly who: string
  readonly code: string
  count: number
  readonly first: string
  last: string
}

/** Lines of callers that prove nothing; of integrations there are as many as have manifests. */
const maxSums = 1000
/** Replies to a flood wait this long: few records cover many refusals, and a caller that exceeded its bucket by one request does not wait long. */
const flushMs = 100
/** At most so many records per second, however large the flood is. */
const recordsPerSecond = 1000

export function createSums({ time, record, quote }: SumsOptions): Sums {
  const sums = new Map<string, Sum>()
  let due: PromiseWithResolvers<void> | null = null
  let timer: NodeJS.Timeout | null = null
  /** Records of the flush before. */
  let lastCount = 0

  function flush(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    const counted = due
    due = null
    if (counted === null) return
    const records = [...sums.values()].map(({ who, code, count, first, last }) =>
      record(`"who":${quote(who)},"code":"${code}","count":${count},"first":"${first}","last":"${last}"`),
    )
    lastCount = sums.size
    sums.clear()
    Promise.all(records).then(() => counted.resolve(), counted.reject)
  }

  return {
    count(who, code, isIntegration) {
      // A crowd of addresses is summed together before it costs an integration its own line.
      const isNamed = isIntegration || sums.size < maxSums || sums.has(`${who} ${code}`)
      const key = `${isNamed ? who : 'other'} ${code}`
      const known = sums.get(key)
      if (known === undefined) sums.set(key, { who: isNamed ? who : 'other', code, count: 1, first: time(), last: time() })
      else {
        known.count += 1
        known.last = time()
      }
      if (due === null) {
        due = Promise.withResolvers()
        // Who does not wait for it need not hear that it failed.
        due.promise.catch(() => {})
        timer = setTimeout(flush, Math.max(flushMs, (lastCount * 1000) / recordsPerSecond)).unref()
      }
      return due.promise
    },
    flush,
  }
}
