/** What findings say to whoever is woken by them: what happened, how much, against what is usual, and what the deviations mean. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Measured, measuredText } from '../../src/detect/index.ts'
import { bytesText, countText, durationText, percentText } from '../../src/text/index.ts'
import type { Flow } from '../../src/watch/index.ts'
import { eachCase } from '../support/cases.ts'
import { root } from '../support/installation.ts'
import { detectorWith, flow, foundOnThursday, hours, minutes, thursday } from '../support/watched-days.ts'

const ten = 10 * hours

/** Titles and details of what the rule finds from 10 o’clock on. */
const said = (rule: string, ms: number, more: (at: number) => readonly Flow[], from = ten) =>
  foundOnThursday({}, from, from + ms, more)
    .filter((finding) => finding.rule === rule)
    .map(({ title, detail }) => [title, detail])

test('more than usual is said with how much, in which time, how many times as much, what is usual and up to where', () => {
  const upload = () => [flow({ requests: 4, sentBytes: 14_000_000, receivedBytes: 1000 })]
  assert.deepEqual(said('upload-volume', 5 * minutes, upload), [
    [
      'Sent 14.2 MB to api.example.com:443 within 5 minutes, 71 times as much as usual',
      'Usual in 5 minutes at this hour: 200 kB (up to 383 kB). This is 20 deviations above it; up to 3 is ordinary.',
    ],
  ])
  const denied = () => [flow({ destination: 'telemetry.example.com:443', requests: 110, denied: 110, sentBytes: 0, receivedBytes: 0 })]
  assert.deepEqual(said('denials', 5 * minutes, denied), [
    [
      '118 denied requests within 5 minutes, 15 times as many as usual',
      'Usual in 5 minutes at this hour: 8 (up to 16). This is 12 deviations above it; up to 3 is ordinary.',
    ],
  ])
  const night = () => [flow({ requests: 20, sentBytes: 4000, receivedBytes: 4000 })]
  assert.deepEqual(said('odd-hour', 30 * minutes, night, 3 * hours), [
    [
      '40 requests in an hour that is usually quiet',
      'Usual at this hour: 0 (up to 20). This is 3.7 deviations above it; up to 3 is ordinary.',
    ],
  ])
})

test('what has no baseline is said with the bound that was passed', () => {
  const upload = () => [flow({ destination: 'drop.example.net:443', requests: 1, sentBytes: 10_000_000, receivedBytes: 1000 })]
  assert.deepEqual(said('exfiltration', 5 * minutes, upload), [
    [
      'Sent 10 MB to a new destination, drop.example.net:443',
      'First used within the last 5 minutes; received 1 kB from it. Nothing is usual there yet: the rule reports 5 MB within 5 minutes, if it is 5 times what is received.',
    ],
  ])
  const denied = flow({ destination: 'telemetry.example.com:443', requests: 100, denied: 100, sentBytes: 0 })
  const [found] = detectorWith().take({ from: thursday, to: thursday + 1000, flows: [denied] })
  assert.deepEqual(
    [found?.title, found?.detail],
    ['100 denied requests within 5 minutes', 'What is usual is not known yet; the rule reports from 60 on.'],
  )
  assert.partialDeepStrictEqual(found?.measures, [{ measure: 'deniedIn5Minutes', value: 100, median: null, deviations: null }])
})

test('what lasts is said with how long', () => {
  const failing = () => [flow({ requests: 100, originErrors: 100, sentBytes: 1000, receivedBytes: 1000 })]
  assert.deepEqual(said('errors', 40 * minutes, failing), [
    ['71 % of the requests to api.example.com:443 failed, for 30 minutes', '100 of 140 in the last 5 minutes. Usual at this hour: 0 %.'],
  ])
  const leak = () => [flow({ requests: 1, sentBytes: 250_000, receivedBytes: 1000 })]
  const [[title, detail] = []] = said('slow-leak', 8 * hours, leak, 8 * hours)
  assert.equal(title, 'More sent than usual to api.example.com:443 in 5 hours, 5.4 MB in the last')
  // How wide the band of an hour is, is a matter of tuning.
  assert.match(
    detail ?? '',
    /^Usual at this hour: 2\.3\d MB \(up to \d\.?\d* MB\)\. The last hour is \d\.?\d* deviations above it; one such hour may be chance, 5 are not\.$/,
  )
})

test('what the gateway says of itself is said with what it means for requests', () => {
  const at = thursday
  const event = (type: 'quota' | 'breaker' | 'certificate', facts: Readonly<Record<string, string | number>>) =>
    detectorWith()
      .event({ type, integration: null, destination: type === 'breaker' ? 'api.example.com:443' : null, facts, at })
      .map(({ title, detail }) => `${title}: ${detail}`)
  const quota = { name: 'The quota bytesOut', bucket: 'bytesOut', used: 9_500_000, limit: 10_000_000, refillMs: 2.5 * hours }
  assert.deepEqual(event('quota', quota), [
    'The quota bytesOut is 95 % used: 9.5 MB of 10 MB are used; without further use it is full again in 2.5 hours. Beyond it requests are answered with 429.',
  ])
  assert.match(event('breaker', { state: 'open' }).join(), /^The breaker of api\.example\.com:443 is open: Too many requests to it failed/)
  assert.deepEqual(event('certificate', { name: 'The CA', expiresAt: at + 36 * hours, detail: 'It ends at noon.' }), [
    'The CA ends in 1.5 days: It ends at noon.',
  ])
})

test('amounts have a unit, and no more digits than are read at once', () => {
  assert.deepEqual([0, 999, 1000, 14_237_111, 999_999, 5e15].map(bytesText), ['0 B', '999 B', '1 kB', '14.2 MB', '1 MB', '5,000 TB'])
  assert.deepEqual([0, 3.44, 12.19, 4980.4].map(countText), ['0', '3.4', '12', '4,980'])
  assert.deepEqual([0, 0.004, 0.714, 1].map(percentText), ['0 %', '0.4 %', '71 %', '100 %'])
  assert.deepEqual([500, 20_000, 60_000, 5_400_000, 3 * 86_400_000].map(durationText), [
    '0.5 seconds',
    '20 seconds',
    '1 minute',
    '1.5 hours',
    '3 days',
  ])
})

const measured = (given: Partial<Measured>): Measured => ({
  ...{ measure: 'sentBytesIn5Minutes', value: 2_200_000, median: 200_000, mad: 31_510, deviations: 11.05, samples: 372, hourOfWeek: 82 },
  ...given,
})

test('a measure is said with its unit, what is usual, where the ordinary ends, and what that was learned from', () => {
  eachCase(
    [
      [
        {},
        'sent within 5 minutes: 2.2 MB; usual: 200 kB (up to 383 kB), learned from 372 times 5 minutes; 11 deviations, of which up to 3 are ordinary',
      ],
      [{ measure: 'jitter', value: 0.03, median: 0.69, mad: null, deviations: null }, 'deviation from that time: 3 %; usual: 69 %'],
      [{ measure: 'deniedDestinationsInHour', value: 10, median: null }, 'denied destinations within the hour: 10'],
      [{ measure: 'ofAnotherVersion', value: 1.25, median: null }, 'ofAnotherVersion: 1.3'],
    ] as const,
    ([given, text]) => assert.equal(measuredText(measured(given)), text),
  )
})

/** Browsers load one of these and Node the other: neither can be made of the other without a build. */
const [inBrowsers, inNode] = ['src/dashboard/assets/lib/measures.js', 'src/detect/measured-text.ts'].map((file) => join(root, file)) as [
  string,
  string,
]
/** Every measure that one of them has a name for. */
const named = [inBrowsers, inNode].flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/^ {2}([a-z]\w+): '/gm)].map(([, measure]) => String(measure)),
)

test('the dashboard names measures as the command line does, and draws the ordinary to the same end', async () => {
  const { measureName, ordinaryEnd } = await import(inBrowsers)
  assert.equal(new Set(named).size, named.length / 2)
  eachCase(named, (measure) =>
    assert.ok(measuredText(measured({ measure, median: null })).startsWith(`${measureName(measure)}: `), measure),
  )
  eachCase(
    ['sentBytesIn5Minutes', 'requestsInHour', 'receivedBytesSinceFirstUse', 'failedShare', 'jitter', 'firstUse', 'somethingElse'],
    (measure) => assert.ok(measuredText(measured({ measure, median: null })).startsWith(`${measureName(measure)}: `)),
  )
  assert.equal(bytesText(ordinaryEnd(200_000, 31_510)), '383 kB')
})
