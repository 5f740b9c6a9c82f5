/** Reviews of the audit log: what is told of its records to checks, and what the shipped checks find in it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { JsonObject } from '../../src/core/index.ts'
import { createCompile, createLibrarySource } from '../../src/opa/index.ts'
import { createLocalTime, createRevisions, type Finding, openChecks, type Reviewed, readSettings, review } from '../../src/review/index.ts'
import { createHistory } from '../../src/rollout/index.ts'
import { eachCase } from '../support/cases.ts'
import { smallDefaults } from '../support/defaults.ts'
import { createFolder } from '../support/folder.ts'
import { root } from '../support/installation.ts'
import { allowed, denied, type TestRecord, writeLog } from '../support/stored-log.ts'

const day = (date: number, time = '10:00:00.000') => `2026-01-${String(date).padStart(2, '0')}T${time}Z`
const window = { since: day(30, '00:00:00.000'), until: day(31, '00:00:00.000') }
const settings = await readSettings(null)
const compiler = { compile: createCompile(), library: createLibrarySource(), cacheFolder: null }
const shipped = await openChecks({ folder: null, settings, ...compiler })
const local = createLocalTime('UTC')
const validate = new Ajv2020({ allowUnionTypes: true }).compile(
  JSON.parse(readFileSync(join(root, 'rego/schemas/review.json'), 'utf8')) as object,
)

interface Asked extends Reviewed {
  /** Each question, by the name of its integration; the gateway's is last. */
  readonly questions: readonly JsonObject[]
}

/** Every question is of the schema. */
async function reviewed(t: TestContext, records: readonly TestRecord[], more: Partial<Parameters<typeof review>[0]> = {}): Promise<Asked> {
  const folder = createFolder(t)
  writeLog(folder, records)
  const questions: JsonObject[] = []
  const ask = (input: JsonObject, integration: string | null) => {
    assert.ok(validate(input), JSON.stringify(validate.errors))
    questions.push(input)
    return shipped(input, integration)
  }
  return { ...(await review({ folder, ...window, ask, local, ...more })), questions }
}

const brief = ({ findings }: { findings: readonly Finding[] }) =>
  findings.map(({ id, severity, records }) => `${severity} ${id} ${records.join(',')}`)
/** What is asked about one integration. */
const aboutIn = ({ questions }: Asked) => questions[0]?.['integration'] as unknown as About

interface About {
  readonly destinations: readonly object[]
  readonly destinationsBeyond: number
  readonly denials: { readonly count: number; readonly minutes: readonly object[] }
  readonly capabilities: readonly object[]
  readonly changes: readonly object[]
}

const gatewayIn = ({ questions }: Asked) =>
  questions.at(-1)?.['gateway'] as unknown as { readonly acts: readonly object[]; readonly actsBeyond: number }

test('each shipped check finds what it is there for, in one log, and names the records', async (t) => {
  const minute = (second: number) => day(30, `11:05:${String(second).padStart(2, '0')}.000`)
  const found = await reviewed(t, [
    allowed(day(1), 'weather', 'old.example'),
    allowed(day(29), 'weather', 'old.example', { capability: 'network/1' }),
    allowed(day(30), 'weather', 'old.example', { capability: 'network/1' }),
    allowed(day(30), 'weather', 'new.example', { capability: 'network/1' }),
    ...Array.from({ length: 20 }, (_, second) => denied(minute(second), 'mail', 'other.example')),
    { time: day(30), type: 'suspended', integration: 'mail', until: null, reason: 'flood' },
    { time: day(30), type: 'activated', revision: 'r2', how: 'reload', by: 'folders', changed: 'mail: network, owner' },
    { time: day(30), type: 'reference', id: 'r-x', integration: 'weather' },
    allowed(day(30, '22:00:00.000'), 'weather', 'old.example', { capability: 'network/1' }),
  ])
  assert.deepEqual(brief(found), [
    'high differences/weather/reference 2026-01-31 26',
    'medium denial_burst/mail/2026-01-30T11:05 4,23',
    'medium new_destination/weather/new.example:443 3',
    'low office_hours/weather/2026-01-31 27',
    'low operator_acts//24 24',
    'low privilege_growth/mail/r2 25',
  ])
  assert.equal(found.records, 26)
  assert.equal(found.ids.get(3), `r-${day(30)}`)
})

test('a capability that was used long ago is found, and one whose manifest changed since is not', async (t) => {
  const records = [
    allowed('2025-12-01T10:00:00.000Z', 'weather', 'old.example'),
    allowed(day(30), 'weather', 'old.example', { capability: 'files/0' }),
  ]
  assert.deepEqual(brief(await reviewed(t, records)), ['low unused_capability/weather/network/0 0'])
  const changed = { time: day(2), type: 'activated', revision: 'r2', how: 'reload', by: 'folders', changed: 'weather: network' }
  assert.deepEqual(brief(await reviewed(t, [records[0] as TestRecord, changed, records[1] as TestRecord])), [])
})

test('what a manifest newly allows is told in words, and what it has never used', async (t) => {
  const manifest = (hosts: string) =>
    `apiVersion: sallyport/v1\nkind: Integration\nname: weather\nowner: a\nnetwork:\n  - hosts: [${hosts}]\n    methods: [GET]\n`
  const folder = createFolder(t)
  const history = createHistory(folder)
  const [before, after] = ['000000000001-000000000001', '000000000002-000000000002']
  const set = (hosts: string) => ({ manifests: { 'weather.yaml': manifest(hosts) }, rules: {}, bundles: new Map() })
  await history.keep(before, set('a.example'))
  await history.keep(after, set('a.example, b.example'))
  const activated = (time: string, revision: string, changed?: string) => ({
    ...{ time, type: 'activated', revision, how: 'reload', by: 'folders', changed },
  })
  const found = await reviewed(
    t,
    [activated('2025-12-01T10:00:00.000Z', before, 'weather: added'), activated(day(30), after, 'weather: network')],
    { revisions: createRevisions({ history: folder, integrations: folder, defaults: smallDefaults }) },
  )
  assert.deepEqual(brief(found), [`medium privilege_growth/weather/${after} 1`])
  assert.deepEqual(aboutIn(found).changes[0], {
    ...{ index: 1, time: day(30), revision: after, how: 'reload', by: 'folders', parts: ['network'] },
    newlyAllowed: ['network/0: host b.example'],
  })
  assert.deepEqual(aboutIn(found).capabilities, [{ id: 'network/0', uses: 0, unusedDays: 0 }])
})

test('hours and days are those of the office, summer time included', () => {
  const berlin = createLocalTime('Europe/Berlin')
  assert.deepEqual(berlin.hourOf('2026-01-30T23:30:00.000Z'), { weekday: 'Saturday', hour: 0 })
  assert.deepEqual(berlin.hourOf('2026-07-30T22:30:00.000Z'), { weekday: 'Friday', hour: 0 })
  assert.deepEqual(createLocalTime('Asia/Kolkata').hourOf('2026-01-30T18:29:00.000Z'), { weekday: 'Friday', hour: 23 })
  assert.equal(berlin.dayOf('2026-01-30T23:30:00.000Z'), '2026-01-31')
})

test('what is kept has bounds, and what is beyond them is told', async (t) => {
  const many = Array.from({ length: 5002 }, (_, at) => allowed(day(30), 'crawler', `h${at}.example`))
  const minutes = Array.from({ length: 200 }, (_, at) => denied(day(30, `12:${String(at % 60).padStart(2, '0')}:00.000`), 'crawler', 'x'))
  const acts = Array.from({ length: 1003 }, () => ({ time: day(30), type: 'painted' }))
  const found = await reviewed(t, [allowed(day(1), 'crawler', 'old.example'), ...many, ...minutes, ...acts])
  const about = aboutIn(found)
  assert.equal(about.destinations.length, 4999)
  assert.equal(about.destinationsBeyond, 3)
  assert.equal(about.denials.count, 200)
  assert.equal(about.denials.minutes.length, 10)
  const { acts: kept, actsBeyond } = gatewayIn(found)
  assert.deepEqual([kept.length, actsBeyond], [1000, 3])
})

test('the minute that is under way is counted on, however many minutes were worse', async (t) => {
  const at = (minute: number, second: number) => day(30, `12:${String(minute).padStart(2, '0')}:${String(second).padStart(2, '0')}.000`)
  const rounds = Array.from({ length: 60 }, (_, minute) => [0, 1].map((second) => denied(at(minute, second), 'mail', 'x'))).flat()
  const last = Array.from({ length: 30 }, (_, second) => denied(day(30, `13:00:${String(second).padStart(2, '0')}.000`), 'mail', 'x'))
  assert.deepEqual(brief(await reviewed(t, [...rounds, ...last])), ['medium denial_burst/mail/2026-01-30T13:00 120,149'])
})

test('what an operator was refused is a finding, and what was done is one by its own record alone', async (t) => {
  const acted = (second: number, more: object) =>
    ({ time: day(30, `12:00:0${second}.000`), type: 'acted', who: 'ops', ...more }) as TestRecord
  const found = await reviewed(t, [
    { time: day(30, '12:00:00.000'), type: 'suspended', integration: 'mail' } as TestRecord,
    acted(1, { act: 'suspend', on: 'mail', ok: true }),
    acted(2, { act: 'rotate-ca', ok: false, problem: 'this is for the role operator, and you are viewer' }),
    { time: day(30, '12:00:03.000'), type: 'operator-refused', peer: '10.0.0.9', status: 401, count: 700 } as TestRecord,
  ])
  assert.deepEqual(brief(found), ['low operator_acts//0 0', 'low operator_acts//2 2', 'low operator_acts//3 3'])
  assert.match(JSON.stringify(found.findings), /you are viewer/)
})

test('a review goes on where the one before ended, and knows what that one knew', async (t) => {
  const first = [allowed(day(1), 'weather', 'old.example'), allowed(day(30), 'weather', 'a.example')]
  const { facts, findings } = await reviewed(t, first)
  assert.deepEqual(brief({ findings }), ['medium new_destination/weather/a.example:443 1'])
  const later = { ...window, since: day(31, '00:00:00.000'), until: '2026-02-01T00:00:00.000Z' }
  const again = await reviewed(t, [...first, allowed(day(31, '09:00:00.000'), 'weather', 'a.example')], { known: facts, ...later })
  assert.deepEqual(brief(again), ['low office_hours/weather/2026-02-01 2'])
  assert.equal(again.records, 1)
})

test('lines that are not records are counted, and names of every kind are only names', async (t) => {
  const folder = createFolder(t)
  writeLog(folder, [
    { time: day(30), type: 'decided', allow: true, kind: 'odd', subject: null, integration: '__proto__' },
    { time: 'later', type: 'decided' },
    { time: day(30), type: 'refused', id: 'r-1', integration: null, code: 'proxy-authentication-required', detail: '' },
    { time: day(30), type: 'summed', who: 'peer 127.0.0.1', code: 'x', count: 40, first: day(30), last: day(30) },
  ])
  const found = await review({ folder, ...window, ask: shipped, local })
  assert.equal(found.unreadable, 1)
  assert.deepEqual(brief(found), ['medium denial_burst//2026-01-30T10:00 2,3', 'low new_destination/__proto__/new-integration 0'])
})

const wrong = [
  [{}, /gave a finding without an "id"/],
  [{ check: 'mine', id: 'a', severity: 'urgent' }, /the check mine gave a finding whose "severity" is not high, medium, low/],
  [{ check: 'mine', id: 'a', severity: 'low', title: 'a' }, /without a "title" and a "why"/],
  [{ check: 'mine', id: 'a', severity: 'low', title: 'a', why: 'b', records: [-1] }, /whose "records" are not indexes in the log/],
] as const

test('what is not a finding is an error that names the check', async () => {
  const { readFinding } = await import('../../src/review/finding.ts')
  eachCase(wrong, ([given, message]) => assert.throws(() => readFinding(given, null), message))
})

test('settings that cannot be meant so are refused', async (t) => {
  const of = (text: string) => readSettings(join(createFolder(t, { 'a.yaml': text }), 'a.yaml'))
  assert.equal((await of('officeHours: { timeZone: Europe/Berlin }')).officeHours.from, 7)
  await eachCase(
    [
      ['officeHours: { timeZone: Mars/Olympus }', /officeHours.timeZone: is not the name of a time zone/],
      ['unusedDays: soon', /unusedDays/],
      ['- a', /is not an object of settings/],
    ] as const,
    ([text, message]) => assert.rejects(of(text), message),
  )
})
