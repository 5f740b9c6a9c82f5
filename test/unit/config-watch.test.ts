/** What sallyport.yaml may say of receivers of alerts. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../src/config/index.ts'
import { createFolder, problemsOf } from '../support/folder.ts'

const env = { SECRET: 'hush-hush-hush', SLACK: 'https://hooks.slack.com/services/T0/B0/XXXXXXXX', BAD: 'not a url' }

function arrange(t: TestContext, watch: string) {
  const folder = createFolder(t, { 'sallyport.yaml': `apiVersion: sallyport/v1\nkind: Gateway\nwatch: ${watch}\n` })
  return { folder, load: () => loadConfig(join(folder, 'sallyport.yaml'), env) }
}

test('a receiver needs its name, type and URL: everything else has a default', (t) => {
  const { load } = arrange(
    t,
    '{ receivers: [{ name: a, type: webhook, url: "https://a.example/x" }, { name: b, type: alertmanager, url: "http://b:9093" }] }',
  )
  const common = { minSeverity: 'low', rules: [], integrations: [], owners: [], timeout: 10_000, maxDelay: 300_000, maxWaiting: 1000 }
  const { resolveAfterMs, receivers } = load().watch ?? {}
  assert.equal(resolveAfterMs, 3_600_000)
  assert.deepEqual(receivers, [
    { name: 'a', type: 'webhook', url: 'https://a.example/x', ...common, remindAfter: 14_400_000, headers: {} },
    { name: 'b', type: 'alertmanager', url: 'http://b:9093', ...common, resend: 60_000, labels: {}, headers: {} },
  ])
})

test('keys of signatures and URLs of Slack are secrets, which no output shows', (t) => {
  const { load } = arrange(
    t,
    '{ receivers: [{ name: a, type: slack, url: { env: SLACK }, remindAfter: never }, { name: b, type: webhook, url: "https://b.example", secret: { env: SECRET } }] }',
  )
  const { watch, secrets } = load()
  assert.deepEqual(
    watch?.receivers.map((receiver) => receiver.url),
    [env.SLACK, 'https://b.example'],
  )
  assert.ok([env.SLACK, env.SECRET].every((secret) => secrets.includes(secret)))
})

const bad: Readonly<Record<string, RegExp>> = {
  '{ name: a, type: pager, url: "https://a" }': /receivers\.0.*expected a "type" of those that docs\/watch\/alerts\.md lists/,
  '{ name: a, type: slack, url: "https://hooks.slack.com/x" }': /expected \{ env: NAME \} or \{ file: path \}/,
  '{ name: a, type: slack, url: { env: BAD } }': /expected an http:\/\/ or https:\/\/ URL/,
  '{ name: a, type: webhook, url: "https://u:p@a" }': /no user, password/,
  '{ name: a, type: webhook, url: "https://a", minSeverity: grave }': /minSeverity/,
  '{ name: a, type: webhook, url: "https://a", rules: [exfiltratoin] }': /rules\.0: expected .*did you mean "exfiltration"/,
  '{ name: a, type: webhook, url: "https://a", remindAfter: sometimes }': /expected a duration such as "4h", or "never"/,
  '{ name: a, type: alertmanager, url: "https://a", labels: { severity: x } }': /this label is of the alert itself/,
  '{ name: a, type: alertmanager, url: "https://a", labels: { "a-b": x } }': /expected the name of a label/,
  '{ name: a, type: webhook, url: "https://a" }, { name: a, type: webhook, url: "https://b" }': /"a" is there twice/,
}

for (const [receivers, message] of Object.entries(bad)) {
  test(`refuses ${receivers}`, async (t) => {
    const { folder, load } = arrange(t, `{ receivers: [${receivers}] }`)
    assert.match((await problemsOf(folder, load)).join('\n'), message)
  })
}

test('refuses a rule that could never find anything: of more intervals than are kept', async (t) => {
  const { folder, load } = arrange(t, '{ rules: { beaconing: { minBeats: 48 } } }')
  assert.match((await problemsOf(folder, load)).join('\n'), /minBeats.*47/)
})

test('refuses a time zone that there is not, and takes one that there is', async (t) => {
  const wrong = arrange(t, '{ timeZone: Europe/Atlantis }')
  assert.match(
    (await problemsOf(wrong.folder, wrong.load)).join('\n'),
    /watch\.timeZone: expected the name of a time zone, such as "Europe\/Berlin"/,
  )
  assert.equal(arrange(t, '{ timeZone: Europe/Berlin }').load().watch?.timeZone, 'Europe/Berlin')
  assert.equal(arrange(t, '{}').load().watch?.timeZone, 'UTC')
})
