/** Alerts of a gateway: from a request that is unusual to a receiver that verifies what it gets. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { loadConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { type Posted, receiverOf, startReceiver } from '../support/alert-receivers.ts'
import { alertsOver, found, openStore } from '../support/alerts.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeUntilCut, main, portOf, proxyHeader, root } from '../support/installation.ts'
import { bodyOf, startOrigin } from '../support/origin.ts'

async function arrange(t: TestContext, resolveAfter: string) {
  const origin = await startOrigin(t, {
    answer: (req, res) =>
      void bodyOf(req).then(
        () => res.end('hello'),
        () => {},
      ),
  })
  const receiver = await startReceiver(t)
  const installation = createInstallation(t, {
    config: `watch: { resolveAfter: ${resolveAfter}, receivers: [{ name: ops, type: webhook, url: "${receiver.url}/hook", secret: { file: secret } }] }`,
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) },
  })
  writeFileSync(join(installation.folder, 'secret'), 'a-shared-secret\n')
  const gateway = await startGateway(loadConfig(installation.configFile), { logTo: { write: () => {} } })
  t.after(() => gateway.close())
  const destination = `localhost:${origin.port}`
  const upload = (bytes: number) =>
    exchangeUntilCut(
      portOf(gateway),
      `POST http://${destination}/ HTTP/1.1\r\nHost: ${destination}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nContent-Length: ${bytes}\r\nConnection: close\r\n\r\n${'x'.repeat(bytes)}`,
    )
  const alerts = (...words: readonly string[]) => command(process.execPath, [main, 'alerts', ...words, '--config', installation.configFile])
  const api = (method: 'GET' | 'POST', path: string) => askGateway(join(installation.folder, 'state/admin.sock'), method, path)
  return { alerts, api, records: installation.records, gateway, receiver, destination, upload }
}

test('what is found is delivered, recorded, and resolved after watch.resolveAfter', async (t) => {
  const { records, gateway, receiver, destination, upload } = await arrange(t, '1500ms')
  await upload(10_000_000)
  await eventually('it is raised and resolved', () => receiver.taken.some(({ text }) => text.includes('"alert.resolved"')))
  const messages = receiver.taken.map(({ text }) => JSON.parse(text)).filter(({ data }) => data.rule === 'exfiltration')
  assert.deepEqual(
    messages.map(({ type, data }) => [type, data.integration, data.destination, data.state]),
    [
      ['alert.raised', 'weather', destination, 'open'],
      ['alert.resolved', 'weather', destination, 'resolved'],
    ],
  )
  assert.equal(messages[0]?.data.ids.length, 1)
  await gateway.close()
  const changes = records().filter(({ type, rule }) => type === 'alert' && rule === 'exfiltration')
  assert.deepEqual(
    changes.map(({ event, alert, integration, requests }) => [event, alert, integration, requests ?? '']),
    ['raised', 'resolved'].map((event) => [event, messages[0]?.data.id, 'weather', messages[0]?.data.ids.join(' ')]),
  )
})

test('an operator lists, shows and acknowledges alerts, and tests a receiver', async (t) => {
  const { alerts, api, records, gateway, receiver, destination, upload } = await arrange(t, '1h')
  const status = async (method: 'GET' | 'POST', path: string) => (await api(method, path)).status
  await upload(10_000_000)
  const { data } = await eventually('it is raised', () =>
    receiver.taken.map(({ text }) => JSON.parse(text)).find(({ data: { rule } }) => rule === 'exfiltration'),
  )
  const { id } = data

  const listed = await alerts('list', '--rule', 'exfiltration')
  assert.match(listed.stdout, new RegExp(`^ID .*\n${id} +${data.severity} +open .* exfiltration +weather +${destination} `), listed.stderr)
  const { body } = await api('GET', '/v1/alerts?severity=info&state=open,resolved')
  assert.ok((body as { alerts: { id: string; delivered: object }[] }).alerts.some((alert) => alert.id === id && 'ops' in alert.delivered))
  assert.deepEqual(
    [await status('GET', '/v1/alerts?state=odd'), await status('GET', '/v1/alerts?color=red'), await status('GET', '/v1/alerts/none')],
    [400, 400, 404],
  )

  const summary = async () => ((await api('GET', '/v1/status')).body as { watch: { alerts: { open: number } | null } }).watch.alerts
  // It says so each second.
  const told = await eventually('the process that watches has said how alerts are', async () => {
    const said = await summary()
    return (said?.open ?? 0) > 0 ? said : null
  })
  assert.partialDeepStrictEqual(told, { acknowledged: 0, highest: 'critical', receivers: 1, failing: [] })
  assert.equal((await alerts('ack', id, '--reason', 'a known \u001b[31mmigration')).stdout, `acknowledged: ${id}\n`)
  assert.match((await alerts('show', id)).stdout, /in hand +.*: a known \\u001b\[31mmigration\n(?:.*\n)*told +ops, /)
  await eventually('it is in hand', async () => (await summary()) !== null && JSON.stringify(await summary()).includes('"acknowledged":1'))
  assert.match((await alerts('test', 'ops')).stdout, /^taken in \d+ ms: 200: ok\n$/)
  assert.ok(receiver.taken.some(({ text }) => text.includes('"alert.test"')))
  receiver.answers.push((res) => void res.writeHead(403).end('no such hook'))
  const failed = await alerts('test', 'ops', '--json')
  assert.deepEqual([failed.code, JSON.parse(failed.stdout).status, JSON.parse(failed.stdout).text], [1, 403, 'no such hook'])
  assert.deepEqual(
    [await status('POST', `/v1/alerts/${id}/acknowledge`), await status('POST', '/v1/alerts/test?receiver=nobody')],
    [422, 422],
  )

  await gateway.close()
  const acknowledged = records().find(({ type, event }) => type === 'alert' && event === 'acknowledged')
  assert.partialDeepStrictEqual(acknowledged, { alert: id, state: 'acknowledged', who: 'socket', reason: 'a known \u001b[31mmigration' })
  const acts = records().filter(({ type }) => type === 'acted')
  assert.deepEqual(
    acts.map(({ act, on, ok }) => [act, on, ok]),
    [
      ['acknowledge', id, true],
      ['test-receiver', undefined, true],
      ['test-receiver', undefined, false],
      ['acknowledge', id, false],
      ['test-receiver', undefined, false],
    ],
  )
})

const docs = readFileSync(join(root, 'docs/watch/alerts.md'), 'utf8')
const example = (language: string) => new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(docs)?.[1] ?? ''

/** A message as a receiver has it. */
async function messageOf(t: TestContext): Promise<Posted> {
  const server = await startReceiver(t)
  const alerts = alertsOver(t, openStore().store, [{ receiver: receiverOf({ type: 'webhook', url: server.url, secret: 's3cret' }) }])
  alerts.take(found({ title: '“ünïcode”' }))
  await eventually('it is delivered', () => server.taken.length === 1)
  return server.taken[0] as Posted
}

test('the lines of Python in docs/watch/alerts.md take what is genuine, and nothing that was changed or is old', async (t) => {
  const { headers, text } = await messageOf(t)
  const folder = createFolder(t, { 'verify.py': example('python'), 'message.json': JSON.stringify({ headers, text }) })
  const verify = `import json; from verify import is_genuine
given = json.load(open("message.json")); headers, body = given["headers"], given["text"].encode()
print(is_genuine(headers, body, "s3cret"), is_genuine(headers, body + b" ", "s3cret"), is_genuine(headers, body, "other"),
  is_genuine(headers, body, "s3cret", now=int(headers["webhook-timestamp"]) + 301), is_genuine({**headers, "webhook-id": "x"}, body, "s3cret"))`
  const { stdout, stderr } = spawnSync('python3', ['-B', '-c', verify], { cwd: folder, encoding: 'utf8' })
  assert.equal(stdout.trim(), 'True False False False False', stderr)
})

test('the lines for a shell in docs/watch/alerts.md take what is genuine, and nothing that was changed', async (t) => {
  const { headers, text } = await messageOf(t)
  const folder = createFolder(t, { body: text, changed: `${text} ` })
  const names = { ID: headers['webhook-id'], TIMESTAMP: headers['webhook-timestamp'], SIGNATURE: headers['webhook-signature'] }
  const env = { ...process.env, ...names, SECRET: 's3cret' } as NodeJS.ProcessEnv
  const run = (script: string) => spawnSync('sh', ['-c', script], { cwd: folder, encoding: 'utf8', env }).stdout.trim()
  assert.deepEqual([run(example('sh')), run(example('sh').replace('cat body', 'cat changed'))], ['genuine', ''])
})
