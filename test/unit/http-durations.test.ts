/** Durations by what requests say of themselves: as many series as are bounded, whatever callers ask for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ended } from '../../src/core/index.ts'
import { createHttpDurations } from '../../src/otlp/http-durations.ts'
import { textFormat } from '../../src/telemetry/format.ts'
import { times } from '../support/cases.ts'
import { servedOutcome } from '../support/outcome.ts'

function ended(integration: string, host: string): Ended {
  return {
    ...{ arrival: { door: 'proxy' }, trace: '', refusal: null, span: null, path: { times: {} } },
    who: { integration: { name: integration } },
    decision: { allow: true },
    subject: { method: 'GET', scheme: 'https', host, port: 443 },
    origin: `https://${host}:443`,
    outcome: { ...servedOutcome, phases: { ...servedOutcome.phases, firstByteMs: 5 } },
  } as unknown as Ended
}

test('beyond a hundred series of an integration the rest is one, and another integration has its own', () => {
  const durations = createHttpDurations()
  times(150, (index) => durations.settled(ended('greedy', `${index}.example.com`)))
  durations.settled(ended('other', 'api.example.com'))
  const text = [...durations.lines(textFormat)].join('')
  const counted = (pattern: RegExp) => [...text.matchAll(pattern)]
  assert.equal(counted(/^http\.client\.request\.duration_count\{integration="greedy",http/gm).length, 100)
  assert.match(text, /^http\.client\.request\.duration_count\{integration="greedy",otel\.metric\.overflow="true"\} 50$/m)
  assert.equal(counted(/^http\.client\.request\.duration_count\{integration="other",http.*server\.address="api\.example\.com"/gm).length, 1)
})
