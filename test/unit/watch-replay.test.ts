/** Old records that are passed through the observer and the detector once more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rulesFrom, watchRulesSchema } from '../../src/config/index.ts'
import { replay } from '../../src/watcher/index.ts'

const start = Date.UTC(2026, 10, 2)
const minute = 60_000

/** As the log has them, of requests that took a second. */
function request(
  id: string,
  at: number,
  { host = 'api.example.com', sentBytes = 500, ...more }: Record<string, unknown> & { host?: string; sentBytes?: number } = {},
) {
  const times = [at, at + 1000].map((ms) => new Date(ms).toISOString())
  const subject = { scheme: 'https', host, port: 443, method: 'POST', path: '/v1/items', query: '' }
  return [
    { type: 'decided', time: times[0], id, integration: 'weather', kind: 'http', action: 'POST', subject, allow: true, ...more },
    { type: 'settled', time: times[1], id, status: 200, sentBytes, receivedBytes: 5000, durationMs: 1000, complete: true },
  ]
}

async function found(records: readonly object[], { from = start, to = start + 60 * minute, rules = {} } = {}) {
  async function* read() {
    yield* records
  }
  const findings: string[] = []
  for await (const { rule, integration, destination, at, ids } of replay({
    records: read(),
    rules: rulesFrom(watchRulesSchema.parse(rules)),
    timeZone: 'UTC',
    from,
    to,
  }))
    findings.push([rule, integration, destination, new Date(at).toISOString(), ids.join()].join(' '))
  return findings
}

const upload = request('r2', start + 10 * minute, { host: 'drop.example.net', sentBytes: 10_000_000 })
const exfiltration = 'exfiltration weather drop.example.net:443 2026-11-02T00:10:02.000Z '

test('a large upload to a new destination is found in the log, at the second in which it ended', async () => {
  const findings = await found([...request('r1', start), ...upload])
  assert.deepEqual(
    findings.filter((finding) => finding.startsWith('exfiltration')).map((finding) => finding.slice(0, exfiltration.length)),
    [exfiltration],
  )
})

test('what ended in the very last second of the time is found, within that time', async () => {
  const ended = start + 10 * minute + 1000
  const findings = await found(upload, { to: ended + 1 })
  assert.deepEqual(
    findings.filter((finding) => finding.startsWith('exfiltration')).map((finding) => finding.slice(0, exfiltration.length)),
    ['exfiltration weather drop.example.net:443 2026-11-02T00:10:01.000Z '],
  )
})

test('rules that are changed find something else, and what is outside of the time is not given', async () => {
  const isUpload = (finding: string) => finding.startsWith('exfiltration')
  assert.deepEqual((await found(upload, { rules: { exfiltration: { minUpload: '20MB' } } })).filter(isUpload), [])
  assert.deepEqual((await found(upload, { from: start + 11 * minute })).filter(isUpload), [])
  assert.deepEqual((await found(upload, { to: start + 9 * minute })).filter(isUpload), [])
})

test('records that are no records, of other types, or without their first are passed over', async () => {
  const odd = [{}, { type: 'settled', time: new Date(start).toISOString(), id: 'unknown', status: 200 }, { type: 'decided', time: 'never' }]
  assert.deepEqual(await found(odd), [])
})
