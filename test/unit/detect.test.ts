/** What the detector finds in slices that are given to it one by one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rulesFrom, watchRulesSchema } from '../../src/config/index.ts'
import { createDetector, createMemoryStore } from '../../src/detect/index.ts'
import type { Flow } from '../../src/watch/index.ts'

const monday = Date.UTC(2026, 10, 2)
const quiet: Flow = {
  integration: 'alpha',
  owner: 'team-a',
  destination: 'api.example.com:443',
  requests: 1,
  denied: 0,
  limited: 0,
  failed: 0,
  originErrors: 0,
  sentBytes: 500,
  receivedBytes: 5000,
  durationMs: { count: 1, sum: 20, max: 20 },
  pathHashes: [1],
  startedAt: [],
  labelEntropy: 2,
  isFirstUse: false,
  ids: ['r1'],
}

/** `given`: `watch.rules`, as it is written in YAML. */
const fed = (flows: readonly Partial<Flow>[], given = {}, sliceMs = 1000) => {
  const detector = createDetector({ rules: rulesFrom(watchRulesSchema.parse(given)), baselines: createMemoryStore() })
  return flows.flatMap((flow, index) => {
    const from = monday + index * sliceMs
    return detector.take({ from, to: from + sliceMs, flows: [{ ...quiet, ...flow }] })
  })
}

test('10 MB to a destination that is allowed but new are found in the second in which they pass, with what is done at once', () => {
  const findings = fed([{}, { destination: 'drop.example.net:443', sentBytes: 10_000_000, receivedBytes: 200, ids: ['r2'] }])
  const [found] = findings.filter(({ rule }) => rule === 'exfiltration')
  assert.equal(found?.destination, 'drop.example.net:443')
  assert.equal(found?.owner, 'team-a')
  assert.deepEqual(found?.ids, ['r2'])
  assert.equal(found?.at, monday + 2000)
  assert.deepEqual(found?.contain, { state: 'suspended', forMs: 1_800_000 })
})

test('what an integration that has just begun sends slowly is reported, and what it sends fast is contained too', () => {
  const part = { destination: 'backup.example.net:443', sentBytes: 1_000_000, receivedBytes: 200 }
  const findings = fed([...Array.from({ length: 12 }, () => part), { ...part, sentBytes: 4_500_000 }], {}, 30_000)
  assert.deepEqual(
    findings.map(({ at, contain }) => [(at - monday) / 30_000, contain?.state ?? null]),
    [
      [5, null],
      [13, 'suspended'],
    ],
  )
})

test('10 MB that fall into two minutes are contained', () => {
  const half = { destination: 'drop.example.net:443', sentBytes: 5_000_000, receivedBytes: 200 }
  const findings = fed([...Array.from({ length: 59 }, () => ({})), half, half])
  assert.deepEqual(
    findings.map(({ contain }) => contain?.state),
    ['suspended'],
  )
})

test('watch.rules replaces settings by the rule’s name, and turns rules off', () => {
  const upload = { destination: 'drop.example.net:443', sentBytes: 10_000_000 }
  assert.deepEqual(fed([{}, upload], { exfiltration: { enabled: false } }), [])
  assert.deepEqual(fed([{}, upload], { exfiltration: { minUpload: '20MB' } }), [])
})
