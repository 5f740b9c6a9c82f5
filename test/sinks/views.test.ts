/** The forms in which records leave the log. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createProgram } from '../../src/cli/index.ts'
import { createShape } from '../../src/sinks/shape.ts'
import type { ViewName } from '../../src/sinks/views/index.ts'
import { createGrowingLog } from '../support/growing-log.ts'
import { problemsOfOcsf, withoutOcsf } from '../support/ocsf.ts'
import { sampleOf, sampleRecords } from '../support/sample-records.ts'
import { unless } from '../support/tools.ts'

const context = { origin: 'sallyport/5f0c', version: '0.1.0' }
const stored = {
  index: 3,
  text: '{"seq":3,"time":"2026-11-28T04:00:00.000Z","type":"settled","id":"f91c-1","status":200,"__proto__":{"a":1.0}}',
}

test('each view is what sinks of that view get: json is the record as it is stored, byte for byte', () => {
  const shape = createShape({ view: 'json', mask: null, context })
  const record = shape.record(stored, 2)
  assert.equal(record?.text, stored.text)
  assert.deepEqual([record.index, record.leftOut, record.type, record.time], [3, 2, 'settled', '2026-11-28T04:00:00.000Z'])
  // printf '\0%s' "$text" | sha256sum
  assert.equal(record.leaf.length, 64)
  assert.equal(record.document['id'], 'f91c-1')
  const note = 'sallyport/5f0c\n4\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— sallyport/5f0c XwzA\n'
  assert.deepEqual(shape.checkpoint({ size: 4, note, hash: '' }, '2026-11-28T04:00:01.000Z').document, {
    type: 'checkpoint',
    time: '2026-11-28T04:00:01.000Z',
    origin: 'sallyport/5f0c',
    size: 4,
    note,
  })
})

test('a line that is no record is shipped as what it is', () => {
  const shape = createShape({ view: 'json', mask: null, context })
  const record = shape.record({ index: 4, text: 'torn' }, 0)
  assert.deepEqual([record?.type, record?.text, record?.document], ['unreadable', 'torn', { type: 'unreadable', text: 'torn' }])
})

const samples = sampleRecords()
const inView = (view: ViewName) => {
  const shape = createShape({ view, mask: null, context })
  return (record: object) => shape.record({ index: 0, text: JSON.stringify(record) }, 0)?.document
}
/** What stands at a path of names. */
const at = (document: unknown, path: string) =>
  path.split('.').reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], document)
const hasOcsf = unless(await withoutOcsf())

test('ocsf: an event of every type of record is valid by the published schema of OCSF 1.8, checkpoints too', hasOcsf, async () => {
  const shape = createShape({ view: 'ocsf', mask: null, context })
  const hostile = ['decided', 'refused', 'settled'].flatMap((type) => [
    sampleOf(type, true, { subject: {}, peer: 'local', peerPort: undefined, dialled: { address: 'fe80::1%eth0', port: 1 } }),
    sampleOf(type, true, { subject: { host: '2001:db8::1', port: 99_999 }, integration: null, peer: 'fe80::1%eth0', status: 'text' }),
    sampleOf(type, true, { kind: 'file', subject: { root: 'data', path: 'a/b' }, ['__proto__']: { a: 1 } }),
  ])
  const records = [...samples, ...hostile, { type: 'of-tomorrow', seq: 1, time: '2026-11-28T04:00:00.000Z' }]
  const events = [
    ...records.map((record) => inView('ocsf')(record)),
    shape.checkpoint({ size: 4, note: 'n', hash: '' }, '2026-11-28T04:00:01.000Z').document,
  ] as unknown as Parameters<typeof problemsOfOcsf>[0]
  const problems = await problemsOfOcsf(events)
  assert.deepEqual(
    problems.flatMap((found, index) => (found.length === 0 ? [] : [[records[index], found]])),
    [],
  )
  // The judge is one: an attribute of no class, and a value of no enumeration.
  const [wrong] = await problemsOfOcsf([{ ...events[0], nonsense: 1, severity_id: 42 } as never])
  assert.equal(wrong?.length, 2)
})

test('ocsf: what is allowed, denied, refused and delivered is told apart, and a request’s events are tied by its id', () => {
  const ocsf = inView('ocsf')
  const part = (record: object) => {
    const event = ocsf(record)
    return ['class_uid', 'type_uid', 'action_id', 'disposition_id', 'status_id', 'metadata.correlation_uid'].map((path) => at(event, path))
  }
  assert.deepEqual(
    [
      part(sampleOf('decided', true, { id: 'a', allow: true })),
      part(sampleOf('decided', true, { id: 'b', allow: false })),
      part(sampleOf('refused', true, { id: 'c' })),
      part(sampleOf('settled', false, { id: 'd', status: 200 })),
      part(sampleOf('settled', true, { id: 'e', status: 429, problem: 'rate-limited', side: 'cap' })),
      part(sampleOf('suspended', true)),
      part(sampleOf('reference', true, { id: 'f' })),
    ],
    [
      [4002, 400203, 1, 1, 1, 'a'],
      [4002, 400203, 2, 2, 2, 'b'],
      [4002, 400203, 2, 25, 2, 'c'],
      [4002, 400299, 3, 17, 1, 'd'],
      [4002, 400299, 2, 2, 2, 'e'],
      [6003, 600303, undefined, undefined, 1, undefined],
      [2004, 200401, undefined, undefined, 1, 'f'],
    ],
  )
  const { http_request, src_endpoint, dst_endpoint, unmapped } = ocsf(sampleOf('decided', true)) as Record<string, unknown>
  assert.deepEqual((http_request as { url: object }).url, {
    url_string: 'https://api.example.com:443/v1/forecast?city=Bern',
    scheme: 'https',
    hostname: 'api.example.com',
    port: 443,
    path: '/v1/forecast',
    query_string: 'city=Bern',
  })
  assert.deepEqual(
    [src_endpoint, dst_endpoint],
    [
      { name: 'weather', ip: '10.1.2.3', port: 40_123 },
      { hostname: 'api.example.com', port: 443 },
    ],
  )
  assert.equal((unmapped as { door: string }).door, 'proxy')
})

test('ecs: a request has the fields of the Elastic Common Schema, and everything else is below sallyport', () => {
  const ecs = inView('ecs')
  const denied = ecs(sampleOf('decided', true, { seq: 9, allow: false, rule: 'rules/deny' }))
  assert.deepEqual(
    [at(denied, '@timestamp'), at(denied, 'event.category'), at(denied, 'event.type'), at(denied, 'event.action'), at(denied, 'event.id')],
    ['2026-11-28T04:00:00.000Z', ['network', 'web'], ['access', 'denied'], 'decided', 'sallyport/5f0c#9'],
  )
  assert.deepEqual(
    [at(denied, 'source'), at(denied, 'destination'), at(denied, 'service'), at(denied, 'rule'), at(denied, 'trace')],
    [
      { address: '10.1.2.3', ip: '10.1.2.3', port: 40_123 },
      { address: 'api.example.com', domain: 'api.example.com', port: 443 },
      { name: 'weather' },
      { name: 'rules/deny', ruleset: 'weather' },
      { id: 'f'.repeat(32) },
    ],
  )
  assert.equal(at(denied, 'url.full'), 'https://api.example.com:443/v1/forecast?city=Bern')
  assert.equal(at(denied, 'sallyport.door'), 'proxy')
  const settled = ecs(sampleOf('settled', true, { problem: 'origin-timeout', durationMs: 1.5 }))
  assert.deepEqual(
    [at(settled, 'event.outcome'), at(settled, 'event.duration'), at(settled, 'http.response.status_code'), at(settled, 'destination.ip')],
    ['failure', 1_500_000, 200, '203.0.113.7'],
  )
})

test('opa: a decision is an event of OPA’s decision log, and nothing else is shipped but checkpoints', () => {
  const opa = inView('opa')
  const ofDecision = (members: object) =>
    opa(sampleOf('decided', true, { seq: 9, id: 'f91c-1', allow: false, rule: 'rules/deny', ...members }))
  const event = ofDecision({ input: undefined })
  assert.deepEqual(
    [
      at(event, 'decision_id'),
      at(event, 'path'),
      at(event, 'requested_by'),
      at(event, 'req_id'),
      at(event, 'timestamp'),
      at(event, 'labels'),
    ],
    ['f91c-1', 'sallyport/decision', '10.1.2.3', 9, '2026-11-28T04:00:00.000Z', { id: 'sallyport/5f0c', version: '0.1.0' }],
  )
  assert.deepEqual(
    [at(event, 'result.allow'), at(event, 'result.rule'), at(event, 'input.http.host')],
    [false, 'rules/deny', 'api.example.com'],
  )
  assert.equal(at(ofDecision({ input: { http: { host: 'as the policy saw it' } } }), 'input.http.host'), 'as the policy saw it')
  assert.deepEqual(
    samples.filter(({ type }) => type !== 'decided').flatMap((record) => opa(record) ?? []),
    [],
  )
})

test('cloudevents: the record as it is stored, in an envelope whose id and source stay the same', () => {
  const record = sampleOf('settled', true, { seq: 9 })
  assert.deepEqual(inView('cloudevents')(record), {
    specversion: '1.0',
    id: '9',
    source: 'urn:sallyport:5f0c',
    type: 'sallyport.audit.settled',
    time: '2026-11-28T04:00:00.000Z',
    datacontenttype: 'application/json',
    data: record,
  })
})

test('audit convert prints a range of records in a view, from a copy of the log too', async (t) => {
  const log = createGrowingLog(t)
  log.append(4)
  log.append(1, sampleOf('decided', true))
  const run = async (...words: string[]) => {
    let printed = ''
    const all = ['audit', 'convert', '--folder', log.folder, ...words]
    const program = await createProgram(all, (text) => {
      printed += text
    })
    await program.parseAsync(all, { from: 'user' })
    return printed
  }
  assert.equal(await run(), log.lines.map((line) => `${line}\n`).join(''))
  assert.equal(
    await run('--from', '1', '--to', '3'),
    log.lines
      .slice(1, 3)
      .map((line) => `${line}\n`)
      .join(''),
  )
  assert.equal(at(JSON.parse(await run('--view', 'ocsf', '--from', '4')), 'class_uid'), 4002)
  assert.equal(await run('--until', '2026-01-01'), '')
  await assert.rejects(run('--folder', `${log.folder}/none`), /there is no audit log yet/)
})
