/** What is said of an incident, from records alone. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { marked } from 'marked'
import { createProgram } from '../../src/cli/index.ts'
import { describe } from '../../src/incidents/describe.ts'
import { findIncident, type IncidentReport, listIncidents, markdownOf, reportOf } from '../../src/incidents/index.ts'
import { parseVerifierKey, verifyProof } from '../../src/proof/index.ts'
import { createFolder } from '../support/folder.ts'
import { writeTlog } from '../support/tlog-folder.ts'
import { createWrittenLog, decided, type Facts, indexOf, settled, type WrittenLog } from '../support/written-log.ts'

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 28) + seconds * 1000).toISOString()
const to = (host: string) => ({ subject: { method: 'POST', scheme: 'https', host, port: 443, path: '/' }, action: 'POST' })
const opened = (facts: Facts = {}): Facts => ({
  ...{ type: 'incident', id: 'inc-1', act: 'opened', integration: 'weather', title: 'Ten megabytes', from: at(4), who: 'olga' },
  ...{ role: 'operator', by: 'token', ...facts },
})

/** One record a second: a leak to a new destination, seen, stopped and over. */
const leak: readonly Facts[] = [
  decided('w.1'),
  settled('w.1'),
  decided('m.1', { integration: 'mail', ...to('mail.example.com') }),
  settled('m.1'),
  decided('w.2', to('drop.example.net')),
  settled('w.2', { sentBytes: 10_000_000 }),
  { type: 'alert', alert: 'al-7', event: 'raised', rule: 'volume', severity: 'high', integration: 'weather', title: 'far more than ever' },
  { type: 'containment', integration: 'weather', state: 'suspended', by: 'rule:volume' },
  decided('w.3', { ...to('drop.example.net'), allow: false, rule: 'contained' }),
  settled('w.3', { status: 403, problem: 'denied', sentBytes: 0 }),
  { type: 'suspended', integration: 'mail', reason: 'another’s' },
  { type: 'activated', revision: 'r2', previous: 'r1', how: 'reload', by: 'folders', integrations: 2, changed: 'weather: network' },
  opened(),
  { type: 'incident', id: 'inc-1', act: 'noted', text: 'the key was rotated', who: 'olga', role: 'operator', by: 'token' },
  { type: 'containment', integration: 'weather', state: 'normal', by: 'olga', reason: 'fixed' },
  {
    type: 'incident',
    id: 'inc-1',
    act: 'closed',
    text: 'the manifest is narrower',
    to: at(15),
    who: 'olga',
    role: 'operator',
    by: 'token',
  },
]

async function reported(t: Parameters<typeof indexOf>[0], log: WrittenLog, id = 'inc-1'): Promise<IncidentReport> {
  const index = indexOf(t, log)
  const incident = await findIncident(index, id)
  assert.ok(incident !== null)
  const { report } = await reportOf({ log: 'nowhere', index, read: log.read }, incident, { now: Date.parse(at(1e6)) })
  return report
}

test('the report says when it began, was noticed, contained and over, and what left to whom', async (t) => {
  const log = createWrittenLog()
  log.write(...leak)
  const { incident, times, figures, revisions, summary } = await reported(t, log)
  assert.partialDeepStrictEqual(incident, { state: 'closed', to: at(15), conclusion: 'the manifest is narrower', records: [12, 13, 15] })
  assert.partialDeepStrictEqual(times, {
    firstSign: { time: at(4), record: 4 },
    detected: { time: at(6), record: 6 },
    contained: { time: at(7), record: 7 },
    recovered: { time: at(14), record: 14 },
    ...{ detectMs: 2000, containMs: 1000, recoverMs: 7000 },
  })
  assert.partialDeepStrictEqual(figures, {
    requests: 2,
    allowed: 1,
    denied: 1,
    sentBytes: 10_000_000,
    allowedWhileCut: 0,
    sentBytesWhileCut: 0,
  })
  assert.partialDeepStrictEqual(figures.destinations, [{ destination: 'drop.example.net:443', isNew: true, requests: 2, denied: 1 }])
  assert.partialDeepStrictEqual(revisions, [{ revision: 'r2', previous: 'r1', changed: 'weather: network' }])
  assert.ok(summary.includes('It was contained 1 s later; no request that began while it was cut off sent anything; that ended after 7 s.'))
})

test('of an alert it counts when it was raised, and of several the one that the incident was opened for', async (t) => {
  const alert = (id: string, event: string) => ({ type: 'alert', alert: id, event, rule: 'denials', integration: 'weather', title: 'many' })
  const log = createWrittenLog()
  log.write(
    decided('w.1', { ...to('a.example'), allow: false }),
    alert('al-1', 'acknowledged'),
    alert('al-2', 'raised'),
    alert('al-3', 'raised'),
  )
  log.write(opened({ from: at(0) }), opened({ id: 'inc-2', from: at(0), alert: 'al-3' }))
  assert.equal((await reported(t, log)).times.detectMs, 2000)
  assert.equal((await reported(t, log, 'inc-2')).times.detectMs, 3000)
})

test('where a rule contains before its alert is told, that is when it was detected', async (t) => {
  const log = createWrittenLog()
  log.write(decided('w.1', { ...to('a.example'), allow: false }), {
    type: 'containment',
    integration: 'weather',
    state: 'suspended',
    by: 'rule:exfiltration',
  })
  log.write(
    { type: 'alert', alert: 'al-1', event: 'raised', rule: 'exfiltration', integration: 'weather', title: 'much' },
    opened({ from: at(0) }),
  )
  assert.partialDeepStrictEqual((await reported(t, log)).times, { detected: { record: 1 }, detectMs: 1000, containMs: 0 })
})

test('the timeline has what is about the integration and about everybody, and nothing of others', async (t) => {
  const log = createWrittenLog()
  log.write(...leak)
  const { timeline } = await reported(t, log)
  assert.deepEqual(
    timeline.map(({ record, type }) => `${record} ${type}`),
    ['4 request', '6 alert', '7 containment', '8 request', '11 activated', '12 incident', '13 incident', '14 containment'],
  )
})

test('what passed while the integration was cut off is said', async (t) => {
  const log = createWrittenLog()
  log.write(...leak.slice(0, 8), decided('w.9', to('drop.example.net')), settled('w.9', { sentBytes: 77 }), opened())
  const { figures, questions } = await reported(t, log)
  assert.partialDeepStrictEqual(figures, { allowedWhileCut: 1, sentBytesWhileCut: 77 })
  assert.ok(questions.includes('How could requests pass while the integration was cut off?'))
})

test('where the log begins within the window, that is said, and whether retention has removed what was before', async (t) => {
  const log = createWrittenLog()
  log.write(opened({ from: at(0) }), opened({ id: 'inc-2', from: at(1) }), decided('w.1'))
  assert.ok((await reported(t, log)).summary.some((sentence) => sentence.startsWith(`The log begins at ${at(0)}`)))
  assert.equal((await reported(t, log, 'inc-2')).window.log, null)
  log.records.shift()
  assert.ok((await reported(t, log, 'inc-2')).summary.some((sentence) => sentence.startsWith('Retention has removed')))
})

test('a record of a type that nobody knows here is in the timeline by its members', async (t) => {
  const log = createWrittenLog()
  log.write(opened({ from: at(0) }), { type: 'frozen', integration: 'weather', sandbox: 'box-1', reason: 'by hand' })
  const { timeline } = await reported(t, log)
  assert.equal(timeline[1]?.what, 'frozen sandbox=box-1 reason=by hand')
})

test('a flood of equal denials is one row, and a flood of different ones is bounded', async (t) => {
  const log = createWrittenLog(1)
  const refusal = (id: string, host: string) => [
    decided(id, { ...to(host), allow: false, rule: 'uncovered' }),
    settled(id, { status: 403, problem: 'denied', sentBytes: 0 }),
  ]
  log.write(opened({ from: at(0) }))
  log.write(...Array.from({ length: 10_000 }, (_, index) => refusal(`e.${index}`, 'evil.example')).flat())
  log.write(...Array.from({ length: 3000 }, (_, index) => refusal(`s.${index}`, `h${index}.example`)).flat())
  const report = await reported(t, log)
  assert.partialDeepStrictEqual(
    report.timeline.find(({ type }) => type === 'request'),
    { count: 10_000, what: 'denied http POST evil.example:443 (uncovered)' },
  )
  assert.equal(report.figures.denied, 13_000)
  assert.ok(report.figures.destinations.length <= 501 && report.decisions.length <= 300 && report.moreDecisions > 0)
  assert.ok(markdownOf(report).length < 200_000)
})

const hostile = [
  '<script>alert(1)</script><img src=x onerror=alert(1)>',
  '[click](http://evil.example) ![x](http://evil.example/p.png) <http://evil.example>',
  'http://evil.example www.evil.example mail@evil.example @somebody #1',
  '`</code><script>` ``x`` | a | b |\n\n# heading\n\n- [ ] done\r\n<!--',
  '\u001b[2J\u202eoverride\u0000 =cmd|"A1"',
]

test('names, paths and notes of others are neither HTML, links, headings nor rows in Markdown', async (t) => {
  const log = createWrittenLog()
  log.write(opened({ from: at(0), title: hostile[3], alert: hostile[0] }))
  log.write(
    ...hostile.flatMap((text, index) => [
      decided(`w.${index}`, { ...to(text), allow: false, rule: text }),
      { type: 'alert', integration: 'weather', rule: text, title: text, who: text },
      { type: 'activated', revision: text, how: 'reload', by: text, changed: text },
      { type: 'incident', id: 'inc-1', act: 'noted', text, who: text },
    ]),
  )
  const report = await reported(t, log)
  const markdown = markdownOf(report)
  const html = await marked.parse(markdown, { gfm: true })
  const outside = html.replaceAll(/<code>[^<]*<\/code>/g, '')
  assert.doesNotMatch(outside, /evil|alert\(|override|somebody|=cmd/)
  assert.doesNotMatch(html, /<(?:a|img|script|h3)\b|<!--/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for.
  assert.doesNotMatch(markdown, /[\u0000-\u0009\u000b-\u001f\u202e]/)
  const rows = [...html.matchAll(/<tr>\s*((?:<t[dh]>[\s\S]*?<\/t[dh]>\s*)+)<\/tr>/g)].map(
    ([, cells = '']) => cells.split(/<\/t[dh]>/).length - 1,
  )
  assert.deepEqual([...new Set(rows)].sort(), [2, 5, 8])
  assert.equal(html.match(/type="checkbox"/g)?.length, report.questions.length)
})

test('incidents are listed in the order in which they were opened', async (t) => {
  const log = createWrittenLog()
  log.write(opened({ id: 'inc-2' }), opened(), { type: 'incident', id: 'inc-2', act: 'closed', text: 'nothing', who: 'olga' })
  log.write({ type: 'incident', id: 'inc-3', act: 'noted', text: 'of none' })
  assert.deepEqual(
    (await listIncidents(indexOf(t, log))).map(({ id, state }) => `${id} ${state}`),
    ['inc-2 closed', 'inc-1 open'],
  )
})

/** What a command prints, with the cache of its index in a folder of the test. */
async function run(cache: string, ...words: readonly string[]): Promise<string> {
  const before = process.env['XDG_CACHE_HOME']
  process.env['XDG_CACHE_HOME'] = cache
  let printed = ''
  try {
    const program = await createProgram(words, (text) => {
      printed += text
    })
    await program.parseAsync(words, { from: 'user' })
    return printed
  } finally {
    if (before === undefined) delete process.env['XDG_CACHE_HOME']
    else process.env['XDG_CACHE_HOME'] = before
  }
}

test('a copied folder is enough: the report is exported, and its proofs hold against the key alone', async (t) => {
  const folder = createFolder(t)
  const [log, cache, out] = [join(folder, 'log'), join(folder, 'cache'), join(folder, 'case')]
  const { verifierKey } = writeTlog(log, { records: leak.map((facts, index) => JSON.stringify({ seq: index, time: at(index), ...facts })) })
  assert.match(await run(cache, 'incident', 'list', '--folder', log), /^inc-1 +closed +weather /m)
  assert.match(await run(cache, 'incident', 'show', 'inc-1', '--folder', log), /contained +2026-11-28T00:00:07.000Z +after 1 s/)
  const named = ['--integration', 'weather', '--from', at(4), '--to', at(15), '--format', 'json', '--folder', log]
  assert.partialDeepStrictEqual(JSON.parse(await run(cache, 'incident', 'export', ...named)), {
    ...{ incident: { id: 'not-opened' }, times: { containMs: 1000 }, proof: { problem: null } },
  })
  const written = await run(cache, 'incident', 'export', 'inc-1', '--folder', log, '--out', out)
  const proofs = written.split('\n').filter((name) => name.endsWith('.tlog-proof'))
  const key = parseVerifierKey(verifierKey)
  assert.deepEqual(
    proofs.map((file) => verifyProof(readFileSync(file), key).index),
    [4, 6, 7, 8, 11, 12, 13, 14, 15],
  )
  assert.match(readFileSync(join(out, 'incident.md'), 'utf8'), /audit verify proofs\/\*\.tlog-proof --key '/)
  await assert.rejects(run(cache, 'incident', 'export', 'inc-1', '--folder', log, '--out', out), /the report cannot be written/)
  await assert.rejects(run(cache, 'incident', 'show', 'inc-9', '--folder', log), /the log has no incident "inc-9"/)
})

test('an alert is told with its destination once, whether or not its title names it', () => {
  const alert = {
    type: 'alert',
    event: 'raised',
    severity: 'high',
    rule: 'upload-volume',
    destination: 'api.example:443',
    detail: 'Usual: 2 kB.',
  }
  assert.equal(
    describe({ ...alert, title: 'Sent 3 MB to api.example:443 within 5 minutes' }),
    'alert raised (high) upload-volume: Sent 3 MB to api.example:443 within 5 minutes; Usual: 2 kB.',
  )
  assert.equal(describe({ ...alert, title: 'much' }), 'alert raised (high) upload-volume: much – api.example:443; Usual: 2 kB.')
})
