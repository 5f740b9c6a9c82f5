/** What the detector says is usual. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rulesFrom } from '../../src/config/index.ts'
import { createDetector, createMemoryStore } from '../../src/detect/index.ts'

const hourMs = 3_600_000
/** A Monday, 00:00 UTC. */
const monday = Date.UTC(2026, 10, 23)

const flow = (requests: number) => ({
  ...{
    integration: 'weather',
    owner: 'tests',
    destination: 'api.example:443',
    requests,
    denied: 0,
    limited: 0,
    failed: 0,
    originErrors: 0,
  },
  ...{ sentBytes: requests * 1000, receivedBytes: requests * 5000, durationMs: { count: requests, sum: requests * 10, max: 20 } },
  ...{ pathHashes: [1], startedAt: [], labelEntropy: 2, isFirstUse: false, ids: [] },
})

test('each hour that was seen has its median within its band, and what was never seen says nothing', () => {
  const detector = createDetector({ rules: rulesFrom({}), baselines: createMemoryStore() })
  assert.equal(detector.usual('weather'), null)
  // Five minutes each, for a day.
  Array.from({ length: 24 * 12 }, (_, index) => {
    const from = monday + index * 300_000
    return detector.take({ from, to: from + 300_000, flows: [flow(100)] })
  })
  detector.take({ from: monday + 24 * hourMs, to: monday + 24 * hourMs + 1000, flows: [flow(7)] })
  const usual = detector.usual('weather')
  const { requests = [], sentBytes = [] } = usual?.week ?? {}
  const [noon, later] = [requests[12], requests[36]]
  assert.equal(later, null)
  assert.ok(noon !== undefined && noon !== null && noon.low < 1200 && 1200 < noon.high, JSON.stringify(noon))
  assert.ok(Math.abs((noon?.median ?? 0) - 1200) < 200 && Math.abs((sentBytes[12]?.median ?? 0) - 1_200_000) < 200_000)
  const [destination] = usual?.destinations ?? []
  assert.equal(destination?.destination, 'api.example:443')
  const [counted] = destination?.windows ?? []
  assert.deepEqual([counted?.measure, counted?.value], ['requests', 7])
  assert.ok((counted?.limit ?? 0) > 100)
})
