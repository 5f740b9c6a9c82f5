/** Reviews of a running gateway: on their schedule, in a process of their own, each finding recorded and posted once. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { ConfigError, loadConfig } from '../../src/config/index.ts'
import { runScheduled } from '../../src/review/scheduled.ts'
import { times } from '../support/cases.ts'
import { startCollector } from '../support/collector.ts'
import { smallDefaults } from '../support/defaults.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { createInstallation, exchangeRaw, manifest, networkTo, proxyHeader, startHere } from '../support/installation.ts'
import { denied, type TestRecord, writeLog } from '../support/stored-log.ts'

const secret = `whsec_${Buffer.from('a secret of a webhook').toString('base64')}`

/** What has arrived, by its type. */
function messagesIn({ uploads }: Awaited<ReturnType<typeof startCollector>>) {
  const taken = uploads.filter(({ status }) => status === 200)
  const of = (type: string) => taken.filter(({ body }) => (body as { type: string }).type === type)
  return { findings: of('review.finding'), runs: of('review.completed') }
}

test('a review runs on its schedule, records what it finds, and posts it, signed, once a receiver takes it', async (t) => {
  const collector = await startCollector(t)
  collector.answers = [500]
  const installation = createInstallation(t, {
    manifests: { 'mail.yaml': manifest('mail', networkTo(1)) },
    config: `audit:
  review:
    every: 1s
    settings: ./review.yaml
    webhook: { url: "${collector.url}/hook", secret: { file: ./secret }, timeout: 2s }`,
  })
  installation.write('secret', secret)
  installation.write('review.yaml', 'denialsPerMinute: 2\noff: [operator_acts]\n')
  const { proxyPort, log } = await startHere(t, installation)
  const asked = `GET http://other.example/ HTTP/1.1\r\nhost: other.example\r\nproxy-authorization: ${proxyHeader('mail')}\r\nconnection: close\r\n\r\n`
  await times(2, async () => assert.match(await exchangeRaw(proxyPort, asked), /^HTTP\/1.1 403/))
  await eventually('a finding arrives', () => messagesIn(collector).findings[0])
  const seen = messagesIn(collector).runs.length
  await eventually('two more reviews have run', () => messagesIn(collector).runs.length > seen + 1)

  const { findings } = messagesIn(collector)
  assert.equal(findings.length, 1)
  const { body, headers } = findings[0] as (typeof findings)[0]
  const { data, timestamp } = body as { data: { id: string; severity: string; records: number[] }; timestamp: string }
  assert.match(data.id, /^denial_burst\/mail\/\d{4}-\d\d-\d\dT\d\d:\d\d$/)
  assert.equal(data.severity, 'medium')
  assert.ok(Date.parse(timestamp) > 0)
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${JSON.stringify(body)}`
  assert.equal(headers['webhook-signature'], `v1,${createHmac('sha256', 'a secret of a webhook').update(signed).digest('base64')}`)
  const recorded = installation.records().filter(({ type }) => type === 'finding')
  assert.deepEqual(
    recorded.map(({ finding, integration, records }) => [finding, integration, records]),
    [[data.id, 'mail', data.records.join(' ')]],
  )
  assert.ok(installation.records().filter(({ type, newFindings }) => type === 'reviewed' && newFindings === 1).length === 1)
  assert.match(log.join(''), /the webhook of reviews takes nothing/)
})

const burst = Array.from({ length: 20 }, () => denied(new Date().toISOString(), 'mail', 'x.example'))

function place(t: TestContext, records: readonly TestRecord[], url: string) {
  const folder = createFolder(t, { 'log/.keep': '', 'review.json': 'not of this version' })
  const write = (more: readonly TestRecord[]) => writeLog(`${folder}/log`, [...records, ...more])
  write([])
  const run = () =>
    runScheduled({
      ...{ folder: `${folder}/log`, keptFile: `${folder}/review.json`, everyMs: 60_000, maxNews: 1000, checks: null, settings: null },
      ...{ compiler: `${folder}/compiler`, policies: `${folder}/policies`, webhook: { url, secret: null, ca: null, timeoutMs: 2000 } },
      revisions: { history: `${folder}/history`, integrations: folder, defaults: smallDefaults },
    })
  return { run, write }
}

test('a run that was killed after it had recorded a finding is made up for: nothing is recorded twice, and everything is posted', async (t) => {
  const collector = await startCollector(t)
  const { run, write } = place(t, burst, collector.url)
  const { result } = await run()
  const [finding] = result.news
  assert.equal(result.news.length, 1)
  const { id, records, ...told } = finding as NonNullable<typeof finding>
  write([{ time: new Date().toISOString(), type: 'finding', finding: id, ...told, records: records.join(' ') }])
  const again = await run()
  assert.deepEqual(again.result.news, [])
  assert.deepEqual(await again.conclude(), { waiting: 0, problem: null })
  assert.deepEqual(
    messagesIn(collector).findings.map(({ body }) => (body as { data: object }).data),
    [finding],
  )
  const third = await run()
  assert.deepEqual([third.result.news, third.result.records, third.result.since], [[], 0, again.result.until])
})

test('what a receiver does not take waits, in its order, with the same ids', async (t) => {
  const collector = await startCollector(t)
  collector.otherwise = 503
  const { run } = place(t, burst, collector.url)
  const first = await (await run()).conclude()
  assert.equal(first.waiting, 2)
  assert.match(first.problem ?? '', /answers with 503/)
  collector.otherwise = 200
  assert.deepEqual(await (await run()).conclude(), { waiting: 0, problem: null })
  const ids = collector.uploads.map(({ headers }) => headers['webhook-id'])
  assert.equal(ids.length, 4)
  assert.equal(ids[0], ids[1])
  assert.match(String(ids[0]), /^finding_[0-9a-f]{32}$/)
})

test('a review more often than once a second is refused', (t) => {
  const installation = createInstallation(t, { config: 'audit: { review: { every: 10ms } }' })
  assert.throws(() => loadConfig(installation.configFile), ConfigError)
})
