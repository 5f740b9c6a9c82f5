/** Ends a run with what was skipped and why, each reason once: among a thousand tests nobody finds it. */
import type { TestEvent } from 'node:test/reporters'

export default async function* skipped(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts = new Map<string, number>()
  for await (const { type, data } of events) {
    if (type !== 'test:pass' || data.skip === undefined || data.skip === false) continue
    const reason = typeof data.skip === 'string' ? data.skip : 'no reason given'
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  if (counts.size === 0) return
  yield '\nSkipped, and why:\n'
  for (const [reason, count] of [...counts].sort(([, a], [, b]) => b - a))
    yield `  ${count === 1 ? '1 test' : `${count} tests`}: ${reason}\n`
}
