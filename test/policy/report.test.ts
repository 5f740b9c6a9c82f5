/** The parts of the reports: which rules are whose, the bounded buffer, and uploads within their size. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { divideRules } from '../../src/policy/divide-rules.ts'
import { createRedactor } from '../../src/redact/index.ts'
import { createPacker } from '../../src/reporting/chunks.ts'
import { createDecisionLog, type DecisionLogOptions } from '../../src/reporting/decision-log.ts'
import { createEventBuffer } from '../../src/reporting/event-buffer.ts'
import { createRate } from '../../src/reporting/rate.ts'
import { createUploader } from '../../src/reporting/uploader.ts'
import { eachCase, times } from '../support/cases.ts'
import { rego } from '../support/rego.ts'

test('package system is found however it is written', () => {
  const { deciding, reporting } = divideRules({
    'a.rego': rego`package sallyport.rules`,
    'b.rego': rego`
      # package sallyport.rules

      package system.log
    `,
    'c.rego': rego`package system["log"]`,
    'd.rego': rego`package systemic.log`,
    'e.rego': '\n\tpackage   system.log_test # tests\n',
  })
  assert.deepEqual(Object.keys(deciding), ['a.rego', 'd.rego'])
  assert.deepEqual(Object.keys(reporting), ['b.rego', 'c.rego', 'e.rego'])
})

test('the buffer never holds more than it may, loses only the oldest, and counts each', () => {
  const step = fc.oneof(fc.record({ push: fc.integer({ min: 1, max: 60 }) }), fc.record({ take: fc.integer({ min: 0, max: 150 }) }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const buffer = createEventBuffer(100)
      const held: number[] = []
      let next = 0
      for (const step of steps) {
        if ('push' in step) {
          const event = Buffer.alloc(step.push, ' ')
          event.write(String(next))
          held.push(next)
          next += 1
          const given = buffer.push(event, 'weather')
          held.splice(0, given)
        } else {
          const taken = buffer.take(step.take).map((event) => Number.parseInt(event.toString(), 10))
          const expected = held.splice(0, taken.length)
          // One digit fits into every event of the test.
          if (next <= 10) assert.deepEqual(taken, expected)
        }
        assert.ok(buffer.bytes <= 100)
        assert.equal(buffer.count, held.length)
      }
    }),
  )
})

test('a flood of one integration’s events pushes out its own, and what goes out stays in order', () => {
  const buffer = createEventBuffer(100)
  const push = (text: string, integration: string) => buffer.push(Buffer.from(text.padEnd(10)), integration)
  const held = () => {
    const events = buffer.take(1000)
    buffer.putBack(events)
    return events.map((event) => event.toString().trim())
  }
  assert.equal(push('w1', 'weather'), 0)
  times(50, (i) => {
    push(`g${i}`, 'greedy')
  })
  assert.equal(push('w2', 'weather'), 1)
  assert.deepEqual(held(), ['w1', 'g42', 'g43', 'g44', 'g45', 'g46', 'g47', 'g48', 'g49', 'w2'])
  times(8 - 3, (round) => {
    const i = round + 3
    assert.equal(push(`w${i}`, 'weather'), 1)
  })
  assert.deepEqual(held(), ['g45', 'g46', 'g47', 'g48', 'g49', 'w3', 'w4', 'w5', 'w6', 'w7'])
  assert.equal(buffer.bytes, 100)
})

test('an event larger than the buffer is given up alone', () => {
  const buffer = createEventBuffer(10)
  assert.equal(buffer.push(Buffer.alloc(5), 'weather'), 0)
  assert.equal(buffer.push(Buffer.alloc(11), 'weather'), 1)
  assert.equal(buffer.count, 1)
})

async function packAll(
  events: readonly object[],
  maxBytes: number,
): Promise<{ chunks: { bytes: number; events: object[] }[]; lost: number }> {
  const buffer = createEventBuffer(Number.MAX_SAFE_INTEGER)
  for (const event of events) buffer.push(Buffer.from(JSON.stringify(event)), 'weather')
  let lost = 0
  const packer = createPacker(buffer, maxBytes, () => {
    lost += 1
  })
  const chunks: { bytes: number; events: object[] }[] = []
  for (let chunk = await packer.next(); chunk !== null; chunk = await packer.next()) {
    const found = JSON.parse(gunzipSync(chunk.body).toString()) as object[]
    assert.equal(found.length, chunk.events)
    chunks.push({ bytes: chunk.body.byteLength, events: found })
  }
  return { chunks, lost }
}

for (const noise of [0, 20, 200])
  test(`every upload is within its size, and holds the events in their order, none twice and none missing: ${noise}`, async () => {
    const events = Array.from({ length: 2000 }, (_, index) => ({ index, same: 'x'.repeat(300), noise: randomBytes(noise).toString('hex') }))
    const { chunks, lost } = await packAll(events, 8192)
    assert.equal(lost, 0)
    assert.ok(chunks.every(({ bytes }) => bytes <= 8192))
    assert.deepEqual(
      chunks.flatMap((chunk) => chunk.events),
      events,
    )
    const all = chunks.reduce((sum, { bytes }) => sum + bytes, 0)
    assert.ok(chunks.length <= (all / 8192) * 2 + 4, JSON.stringify(chunks.map(({ bytes }) => bytes)))
  })

test('events that compress worse than those before them are packed again, and none is lost', async () => {
  const alike = Array.from({ length: 2000 }, (_, index) => ({ index, same: 'x'.repeat(300) }))
  const unlike = Array.from({ length: 200 }, (_, index) => ({ index, noise: randomBytes(500).toString('hex') }))
  const { chunks, lost } = await packAll([...alike, ...unlike, ...alike], 8192)
  assert.equal(lost, 0)
  assert.ok(chunks.every(({ bytes }) => bytes <= 8192))
  assert.deepEqual(
    chunks.flatMap(({ events }) => events),
    [...alike, ...unlike, ...alike],
  )
})

test('an event that fits into no upload is given up, and those around it are sent', async () => {
  const huge = { noise: randomBytes(1000).toString('hex') }
  const { chunks, lost } = await packAll([{ a: 1 }, huge, { a: 2 }, huge, huge, { a: 3 }], 512)
  assert.equal(lost, 3)
  assert.deepEqual(
    chunks.flatMap(({ events }) => events),
    [{ a: 1 }, { a: 2 }, { a: 3 }],
  )
})

test('a rate lets its burst of one second pass, and then so many a second', () => {
  let now = 0
  const pass = createRate(2, () => now)
  const three = () => [pass('a'), pass('a'), pass('a')]
  assert.deepEqual(three(), [true, true, false])
  now = 500
  assert.deepEqual([pass('a'), pass('a')], [true, false])
  now = 60_000
  assert.deepEqual(three(), [true, true, false])
})

/** How many of each pass in `seconds`, where each asks so often a second. */
function passed(perSecond: number, asking: Readonly<Record<string, number>>, seconds: number): Record<string, number> {
  let now = 0
  const pass = createRate(perSecond, () => now)
  const counts = Object.fromEntries(Object.keys(asking).map((owner) => [owner, 0]))
  for (now = 1; now <= seconds * 1000; now += 1)
    for (const [owner, often] of Object.entries(asking))
      for (let times = Math.floor((now * often) / 1000) - Math.floor(((now - 1) * often) / 1000); times > 0; times -= 1)
        if (pass(owner)) counts[owner] = (counts[owner] ?? 0) + 1
  return counts
}

for (const perSecond of [10, 100, 1000])
  test(`of ${perSecond} a second a flood leaves another integration its share, and who is alone has all`, () => {
    const few = perSecond / 5
    const beside = passed(perSecond, { flood: 20_000, other: few }, 10)
    assert.equal(beside['other'], few * 10)
    const all = (beside['flood'] ?? 0) + (beside['other'] ?? 0)
    assert.ok(all >= perSecond * 10 && all <= perSecond * 11.5, `${all}`)
    const { flood = 0 } = passed(perSecond, { flood: 20_000 }, 10)
    assert.ok(flood >= perSecond * 10 && flood <= perSecond * 11.5, `${flood}`)
    const equal = passed(perSecond, { one: 20_000, two: 20_000, three: 20_000 }, 10)
    eachCase(Object.values(equal), (count) => assert.ok(count >= perSecond * 2.5, JSON.stringify(equal)))
  })

test('an integration that comes after a flood has begun finds room at once', () => {
  let now = 0
  const pass = createRate(100, () => now)
  times(5000 * 20, (nth) => {
    now = Math.floor(nth / 20)
    pass('flood')
  })
  now = 5000
  assert.ok(Array.from({ length: 30 }, () => pass('late')).every((item) => item))
})

test('masking gives a copy of a document, masked by its names and in its texts', () => {
  const masks = createRedactor(['Bearer known-secret-1', '123456789']).of({ headers: ['x-own'], queryKeys: [], jsonKeys: ['pin'] })
  const hostile = JSON.parse('{"__proto__":{"password":"p"},"constructor":1}') as never
  const value = {
    authorization: ['Basic abcdefgh', 'x'],
    'X-Own': 'o',
    pin: { deep: 1 },
    token: null,
    number: 123456789,
    text: 'see https://u:p@h/?access_token=abc&x=1 known-secret-1',
    lines: '{"password": "a\\"b", "n": 1}\n{"api_key":  7, "x": "y"}',
    open: '"password":"never closed',
    json: ' {"a":{"secret":"s","b":"known-secret-1"}}',
    plain: '{"a": 1}',
    hostile,
  }
  const shown = masks.document(value as never)
  assert.equal(
    JSON.stringify(shown),
    JSON.stringify({
      authorization: ['[redacted]', '[redacted]'],
      'X-Own': '[redacted]',
      pin: '[redacted]',
      token: null,
      number: '[redacted]',
      text: 'see https://[redacted]@h/?access_token=[redacted]&x=1 [redacted]',
      lines: '{"password": "[redacted]", "n": 1}\n{"api_key":  "[redacted]", "x": "y"}',
      open: '"password":"[redacted]"',
      json: '{"a":{"secret":"[redacted]","b":"[redacted]"}}',
      plain: '{"a": 1}',
    }).replace(/\}$/, ',"hostile":{"__proto__":{"password":"[redacted]"},"constructor":1}}'),
  )
})

test('an event that cannot be packed is lost alone: what comes behind it is sent, and nothing is left uncaught', async () => {
  const sent: string[] = []
  const problems: (string | null)[] = []
  const buffer = createEventBuffer(100_000)
  buffer.push(Buffer.from(`no JSON, ${randomBytes(5000).toString('base64')}`), 'weather')
  buffer.push(Buffer.from('{"ok":1}'), 'weather')
  const { promise: arrived, resolve } = Promise.withResolvers<void>()
  const uploader = createUploader({
    server: {
      name: 'logs',
      urlOf: (path) => path,
      async request({ body }) {
        sent.push(gunzipSync(body ?? Buffer.alloc(0)).toString())
        resolve()
        return { status: 200, headers: {}, body: Buffer.alloc(0) }
      },
      close: async () => {},
    },
    ...{ resource: 'logs', buffer, maxUploadBytes: 1000, minDelayMs: 1, maxDelayMs: 1 },
    onSent: () => {},
    onLost: () => {},
    onResult: ({ problem }) => void problems.push(problem),
  })
  // Its own timers keep no process alive.
  const alive = setInterval(() => {}, 1000)
  await arrived
  assert.equal(await uploader.close(1000), 0)
  clearInterval(alive)
  assert.deepEqual(sent, ['[{"ok":1}]'])
  assert.match(problems[0] ?? '', /^events cannot be packed: /)
})

test('decisions that wait to be written hold a bounded number of bytes; those beyond are counted as busy, and leave room for another integration', async () => {
  const outcomes: string[] = []
  const log = createDecisionLog({
    server: { request: () => new Promise(() => {}), urlOf: String, close: async () => {} },
    ...{ resource: 'logs', minDelayMs: 1, maxDelayMs: 1, maxUploadBytes: 1000, maxBufferBytes: 1000, maxDecisionsPerSecond: null },
    ...{
      labels: { id: 'i', version: 'v' },
      evaluateMasks: () => ({ drop: true, masks: [] }),
      bundles: () => ({}),
      readContext: () => ({}),
    },
    redact: { of: () => ({ text: String, document: <Value>(value: Value) => value }) },
    needs: () => ({ headers: false, body: true, context: false }),
    onOutcome: (outcome: string) => void outcomes.push(outcome),
    onFailure: assert.fail,
    onUpload() {},
  } as unknown as DecisionLogOptions)
  const decide = (name: string, bytes: number) => {
    const request = { kind: 'http', at: 0, integration: { name, redaction: {} }, target: { path: '/', query: '' }, headers: ['a', 'b'] }
    const claim = { facts: { body: { type: 'json', bytes, value: null } }, subject: {}, origin: null }
    const decision = { allow: true, rule: 'r', capability: null, reasons: [], obligations: {}, revision: 'v' }
    log.decided({ id: 'a', peer: 'p', at: 0 } as never, request as never, claim as never, decision, 1)
  }
  const mebibyte = 1024 * 1024
  times(20, () => {
    decide('greedy', mebibyte)
  })
  assert.deepEqual(outcomes, Array(5).fill('busy'), 'half of 32 MiB is one integration\u2019s')
  decide('weather', mebibyte)
  assert.equal(outcomes.length, 5)
  await log.close(0)
  assert.equal(outcomes.filter((outcome) => outcome === 'dropped').length, 16)
})
