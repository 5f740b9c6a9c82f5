/** The decision log as a control plane receives it: a real gateway, a real server, and what happens when that one misbehaves. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eachCase, times } from '../support/cases.ts'
import { type Collector, type Event, startCollector } from '../support/collector.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, type Installation, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

interface Arranged {
  readonly collector: Collector
  readonly installation: Installation
  readonly log: string[]
  readonly gateway: { reload(): Promise<{ ok: boolean; revision: string }>; close(): Promise<void> }
  /** The status code and the id of one request. */
  ask(
    path: string,
    more?: { readonly method?: string; readonly headers?: string; readonly body?: string },
  ): Promise<{ status: number; id: string }>
  metric(name: string): Promise<number>
  /** Asks until it is `value`: what an upload counts it counts when its answer is in. */
  metricBecomes(name: string, value: number): Promise<void>
}

/** `rules`: Rego that lies in the rules folder; `more`: YAML of `policy.decisionLog`; `top`: further lines of sallyport.yaml. */
async function arrange(t: TestContext, { rules = '', more = '', delay = '1ms', top = '', name = 'rules.rego' } = {}): Promise<Arranged> {
  const collector = await startCollector(t)
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    config: `${top}\npolicy: { ${rules === '' ? '' : 'rules: ./rules, '}servers: [{ name: control, url: "${collector.url}" }], labels: { region: eu }, decisionLog: { server: control, minDelay: ${delay}, maxDelay: ${delay}${more} } }`,
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) },
  })
  mkdirSync(join(installation.folder, 'rules'))
  if (rules !== '') installation.write(`rules/${name}`, rules)
  const { gateway, proxyPort, log } = await startHere(t, installation)
  async function metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${gateway.health.port}/metrics`)).text()
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1],
    )
  }
  return {
    collector,
    installation,
    log,
    gateway,
    async ask(path, { method = 'GET', headers = '', body = '' } = {}) {
      const length = body === '' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`
      const answer = await exchangeRaw(
        proxyPort,
        `${method} http://localhost:${origin.port}${path} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n${headers}${length}Connection: close\r\n\r\n${body}`,
      )
      return { status: Number(answer.slice(9, 12)), id: /^sallyport-request-id: (\S+)/im.exec(answer)?.[1] ?? '' }
    },
    metric,
    async metricBecomes(name, value) {
      while ((await metric(name)) !== value);
    },
  }
}

const outcome = (name: string) => `sallyport_decision_log_events_total{outcome="${name}"}`
const seeing = rego`
  package sallyport.rules

  deny contains "teapot" if input.http.headers["x-kind"][_] == "teapot"
`

compilerTest('a decision is told as OPA tells it, field for field', async (t) => {
  const { collector, ask, gateway } = await arrange(t, { rules: seeing })
  const { status, id } = await ask('/v1/items?page=1', { headers: 'X-Kind: cup\r\n' })
  assert.equal(status, 200)
  await collector.until(() => collector.events().length === 1)
  const [upload] = collector.uploads
  assert.equal(upload?.url, '/logs')
  assert.equal(upload?.headers['content-encoding'], 'gzip')
  assert.equal(upload?.headers['content-type'], 'application/json')
  const { revision } = await gateway.reload()
  const [event] = collector.events() as (Event & {
    labels: { id: string; version: string }
    input: { http: { port: number } }
    timestamp: string
    metrics: object
  })[]
  assert.match(event?.labels.id ?? '', /^[0-9a-f-]{36}$/)
  assert.match(event?.timestamp ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  const { labels, timestamp, metrics, ...rest } = event as NonNullable<typeof event>
  assert.equal((labels as unknown as { region: string }).region, 'eu')
  assert.deepEqual(Object.keys(metrics), ['timer_rego_query_eval_ns'])
  const { port } = rest.input.http
  assert.deepEqual(rest, {
    decision_id: id,
    revision,
    bundles: { local: { revision } },
    path: 'sallyport/decision',
    input: {
      version: 1,
      integration: { name: 'weather', labels: {}, identity: 'token' },
      request: { id, time: timestamp, door: 'proxy', kind: 'http', action: 'GET' },
      http: {
        scheme: 'http',
        host: 'localhost',
        port,
        method: 'GET',
        path: '/v1/items',
        segments: ['v1', 'items'],
        query: { page: ['1'] },
        headers: { host: [`localhost:${port}`], 'x-kind': ['cup'] },
      },
    },
    result: {
      allow: true,
      rule: 'default/network/0',
      capability: 'network/0',
      reasons: [],
      obligations: { addresses: ['127.0.0.0/8', '::1/128'] },
    },
    requested_by: '127.0.0.1',
    req_id: 1,
  })
})

compilerTest('a denial is told as well, with its reasons, and a failed evaluation with its error', async (t) => {
  const clash = `${seeing}\nboth := 1 if input.http.path == "/clash"\n\nboth := 2 if input.http.path == "/clash"\n\ndeny contains "x" if both == 3\n`
  const { collector, ask } = await arrange(t, { rules: clash })
  assert.equal((await ask('/', { headers: 'X-Kind: teapot\r\n' })).status, 403)
  await ask('/clash')
  await collector.until(() => collector.events().length === 2)
  const [denied, failed] = collector.events()
  assert.deepEqual(denied?.['result'], { allow: false, rule: 'rules/deny', reasons: ['teapot'], obligations: {} })
  assert.equal(denied?.['error'], undefined)
  assert.deepEqual(failed?.['error'], { code: 'eval_conflict', message: 'the policy’s rules contradict each other on this request' })
})

test('what the policy cannot look at is not in the event', async (t) => {
  const { collector, ask } = await arrange(t)
  await ask('/v1/x?page=1', { headers: 'X-Kind: cup\r\n' })
  await collector.until(() => collector.events().length === 1)
  const [event] = collector.events() as (Event & { input: { http: object } })[]
  assert.deepEqual(Object.keys(event?.input.http ?? {}), ['scheme', 'host', 'port', 'method', 'path'])
})

const secrets = {
  known: 'configured/secret+value-1',
  token: 'weather-token',
  authorization: 'authorization-value-1',
  cookie: 'cookie-value-1',
  query: 'query-token-value',
  own: 'own-header-value',
  password: 'body-password-value',
  nested: 'nested-secret-value',
  userinfo: 'userinfo-value-1',
}

compilerTest('no secret of a request or of the configuration is in an upload', async (t) => {
  process.env['TEST_REPORT_SECRET'] = secrets.known
  const rules = rego`
    package sallyport.rules

    deny contains input.http.path if input.http.body.value.never

    deny contains "h" if input.http.headers["x-never"]
  `
  const { collector, ask, installation, gateway } = await arrange(t, {
    rules,
    top: 'services: [{ name: chat, url: "http://127.0.0.1:9", headers: { x-api: { env: TEST_REPORT_SECRET } } }]',
  })
  installation.write('integrations/weather.yaml', `${installation.read('integrations/weather.yaml')}redaction: { headers: [x-own] }\n`)
  assert.equal((await gateway.reload()).ok, true)
  const headers = `Authorization: Bearer ${secrets.authorization}\r\nCookie: sid=${secrets.cookie}\r\nX-Own: ${secrets.own}\r\nX-Plain: a ${secrets.known} b\r\nReferer: https://u:${secrets.userinfo}@example.com/\r\n`
  const nested = JSON.stringify({ client_secret: secrets.nested })
  const bodies = {
    'application/json': JSON.stringify({
      password: secrets.password,
      list: [{ api_key: secrets.nested }],
      text: nested,
      note: secrets.known,
      [secrets.known]: 1,
    }),
    'application/x-www-form-urlencoded': `password=${secrets.password}&note=${encodeURIComponent(secrets.known)}`,
    'text/plain': `${nested}\n${nested}\npassword=${secrets.password} https://u:${secrets.userinfo}@x/`,
  }
  await eachCase(Object.entries(bodies), ([type, body]) =>
    ask(`/v1/${secrets.known}?access_token=${secrets.query}&page=1&${encodeURIComponent(secrets.known)}`, {
      method: 'POST',
      headers: `${headers}Content-Type: ${type}\r\n`,
      body,
    }),
  )
  await collector.until(() => collector.events().length === Object.keys(bodies).length)
  const told = JSON.stringify(collector.uploads)
  eachCase(Object.entries(secrets), ([name, secret]) => {
    eachCase([secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), Buffer.from(secret).toString('base64')], (form) =>
      assert.ok(!told.includes(form), `${name} left in ${told}`),
    )
  })
  // In the path whole, in its segments in two.
  assert.ok(!told.includes('secret+value-1'))
  const [event] = collector.events() as (Event & { input: { http: { query: object; body: { value: object } } } })[]
  assert.deepEqual(event?.input.http.query, { access_token: ['[redacted]'], page: ['1'], '[redacted]': [''] })
  assert.deepEqual(event?.input.http.body.value, {
    password: '[redacted]',
    list: [{ api_key: '[redacted]' }],
    text: '{"client_secret":"[redacted]"}',
    note: '[redacted]',
    // The name is a known secret, and by its words (`configured/secret…`) its value is one.
    '[redacted]': '[redacted]',
  })
})

compilerTest('an author’s masks and drops are applied, and leave what the policy looks at as it was', async (t) => {
  const { collector, ask, metricBecomes } = await arrange(t, {
    name: 'report.rego',
    rules: rego`
      package system.log

      mask contains "/input/http/path" if input.input.http.method == "GET"

      mask contains {"op": "upsert", "path": "/input/note", "value": concat("-", [input.path, input.requested_by])}

      mask contains "/input/no/such"

      drop if input.input.http.path == "/health"
    `,
  })
  await ask('/health')
  await ask('/secret/path')
  await collector.until(() => collector.events().length === 1)
  const [event] = collector.events() as (Event & { input: { note: string; http: object } })[]
  // Neither headers nor a body: what masks read is not the policy's.
  assert.deepEqual(Object.keys(event?.input.http ?? {}), ['scheme', 'host', 'port', 'method'])
  assert.equal(event?.input.note, 'sallyport/decision-127.0.0.1')
  assert.deepEqual([event?.['erased'], event?.['masked']], [['/input/http/path'], ['/input/note']])
  await metricBecomes(outcome('dropped'), 1)
})

compilerTest('an event whose masks fail is told of without what they might have masked, and the operator hears of it', async (t) => {
  const { collector, ask, metricBecomes, log } = await arrange(t, {
    name: 'report.rego',
    more: ', maxEvaluation: 5ms',
    rules: rego`
      package system.log

      mask contains "/result" if input.input.http.path == "/plain"

      mask contains "/labels" if input.input.http.path == "/pointer"

      mask contains {"op": "replace", "path": "/input"} if input.input.http.path == "/operation"

      twice := 1 if input.input.http.path == "/clash"

      twice := 2 if input.input.http.path == "/clash"

      mask contains "/input" if twice == 1

      mask contains sprintf("/input/%d", [count([1 | numbers.range(1, 100000)[_] > numbers.range(1, 100000)[_]])]) if input.input.http.path == "/slow"
    `,
  })
  const failing = ['/pointer', '/operation', '/clash', '/slow']
  const ids: string[] = []
  await eachCase([...failing, '/plain'], async (path) => ids.push((await ask(path)).id))
  await collector.until(() => collector.events().length === ids.length)
  assert.deepEqual(
    collector.events().map((event) => event['decision_id']),
    ids,
  )
  const events = collector.events()
  assert.deepEqual(events.pop()?.['erased'], ['/result'])
  eachCase(events, (event) => {
    assert.deepEqual([event['erased'], event['input'], event['result']], [['/input', '/result'], undefined, undefined])
    assert.equal((event['error'] as { code: string }).code, 'mask_failed')
  })
  assert.ok(!JSON.stringify(events).includes('localhost'))
  await metricBecomes(outcome('mask'), 0)
  await metricBecomes(outcome('uploaded'), ids.length)
  assert.ok(log.some((line) => line.includes('leads neither to /input nor to /result')))
})

compilerTest('masks that do not compile reject the set, and the last good ones go on', async (t) => {
  const { collector, ask, gateway, installation } = await arrange(t, {
    name: 'report.rego',
    rules: rego`
      package system.log

      mask contains "/input"
    `,
  })
  installation.write(
    'rules/report.rego',
    rego`
      package system.log

      mask contains "/result" if no_such_function(1)
    `,
  )
  assert.equal((await gateway.reload()).ok, false)
  await ask('/')
  await collector.until(() => collector.events().length === 1)
  assert.deepEqual(collector.events()[0]?.['erased'], ['/input'])
})

compilerTest('changed masks are a revision of their own, which takes force in one go', async (t) => {
  const { collector, ask, gateway, installation } = await arrange(t, {
    name: 'report.rego',
    rules: rego`
      package system.log

      mask contains "/input"
    `,
  })
  const before = await gateway.reload()
  installation.write(
    'rules/report.rego',
    rego`
      package system.log

      mask contains "/result"
    `,
  )
  const after = await gateway.reload()
  assert.notEqual(after.revision, before.revision)
  await ask('/')
  await collector.until(() => collector.events().length === 1)
  assert.deepEqual(collector.events()[0]?.['erased'], ['/result'])
  assert.equal(collector.events()[0]?.['revision'], after.revision)
})

for (const trouble of [500, 503, 429, 401, 302, 'reset'] as const) {
  test(`a server that answers with ${trouble} is tried again, and no request notices`, async (t) => {
    const { collector, ask, metricBecomes } = await arrange(t)
    collector.answers = [trouble, trouble]
    const ids = [(await ask('/1')).id, (await ask('/2')).id]
    await collector.until(() => collector.events().length === 2)
    assert.deepEqual(
      collector.events().map(({ decision_id }) => decision_id),
      ids,
    )
    await metricBecomes('sallyport_decision_log_uploads_total{result="failed"}', 2)
  })
}

test('a server that does not answer keeps no request waiting, and the gateway no longer than its drain timeout', async (t) => {
  const { collector, ask, gateway, log } = await arrange(t, { top: 'drainTimeout: 100ms' })
  collector.otherwise = 'hang'
  await ask('/1')
  await collector.until(() => collector.uploads.length === 1)
  assert.equal((await ask('/2')).status, 200)
  await gateway.close()
  assert.ok(log.some((line) => line.includes('"events":2')))
})

test('an upload that the server will never take is given up, counted, and the next one goes on', async (t) => {
  const { collector, ask, metricBecomes } = await arrange(t)
  collector.answers = [400]
  await ask('/1')
  await collector.until(() => collector.uploads.length === 1)
  await ask('/2')
  await collector.until(() => collector.events().length === 1)
  await metricBecomes(outcome('refused'), 1)
})

test('a gateway whose server is away answers all the same; the oldest events give way, and the audit log has them all', async (t) => {
  const { collector, ask, metric, installation, log, gateway } = await arrange(t, {
    more: ', bufferSize: 2KiB',
    top: 'drainTimeout: 100ms',
  })
  collector.close()
  const ids: string[] = []
  await times(12, async (index) => {
    const { status, id } = await ask(`/${index}`)
    assert.equal(status, 200)
    ids.push(id)
  })
  assert.ok((await metric(outcome('buffer'))) > 0)
  assert.ok((await metric('sallyport_decision_log_buffer_bytes')) <= 2048)
  await gateway.close()
  const decided = installation.records().filter(({ type }) => type === 'decided')
  assert.deepEqual(
    decided.map(({ id }) => id),
    ids,
  )
  // Told once, not once a try.
  assert.equal(log.filter((line) => line.includes('a report fails')).length, 1)
})

test('events that still wait are sent before the gateway stops', async (t) => {
  const { collector, ask, gateway } = await arrange(t, { delay: '1h' })
  await ask('/last')
  await gateway.close()
  assert.deepEqual(collector.events().length, 1)
})

test('decisions beyond the configured rate are counted instead of reported', async (t) => {
  const { collector, ask, metricBecomes } = await arrange(t, { more: ', maxDecisionsPerSecond: 0.001' })
  await eachCase(['/1', '/2', '/3'], async (path) => assert.equal((await ask(path)).status, 200))
  await collector.until(() => collector.events().length === 1)
  await metricBecomes(outcome('rate'), 2)
})

compilerTest('a body too large to be copied is left out, and the event says so', async (t) => {
  const { collector, ask } = await arrange(t, { rules: 'package sallyport.rules\n\ndeny contains "x" if input.http.body.value.never\n' })
  await ask('/', { method: 'POST', headers: 'Content-Type: application/json\r\n', body: JSON.stringify({ a: 'x'.repeat(300_000) }) })
  await collector.until(() => collector.events().length === 1)
  const [event] = collector.events() as (Event & { input: { http: { body: object } } })[]
  assert.deepEqual(event?.['erased'], ['/input/http/body/value'])
  assert.deepEqual(event?.input.http.body, { type: 'json', bytes: 300_008 })
})

const looking = rego`
  package sallyport.rules

  deny contains "x" if input.http.body.value.never

  deny contains "y" if input.http.headers["x-never"]
`
const deep = (depth: number) => `${'[{"a":'.repeat(depth)}1${'}]'.repeat(depth)}`

compilerTest('no length and no depth of a request keeps it out of the log', async (t) => {
  const { collector, ask, metricBecomes } = await arrange(t, { rules: looking, more: ', uploadSizeLimit: 2KiB' })
  const noise = (bytes: number) => randomBytes(bytes).toString('base64')
  const bodies = [
    JSON.stringify({ a: noise(150_000) }),
    JSON.stringify(Array.from({ length: 20_000 }, (_, index) => index * 7919)),
    JSON.stringify(Object.fromEntries(Array.from({ length: 3000 }, () => [noise(9), noise(9)]))),
    JSON.stringify({ [noise(60_000)]: 1 }),
    JSON.stringify({ a: deep(100) }),
    JSON.stringify({ password: JSON.parse('['.repeat(3000) + ']'.repeat(3000)) }),
    deep(150),
    deep(1000),
    deep(20_000),
  ]
  const ids: string[] = []
  await eachCase(bodies, async (body) =>
    ids.push((await ask('/body', { method: 'POST', headers: 'Content-Type: application/json\r\n', body })).id),
  )
  ids.push((await ask('/text', { method: 'POST', headers: 'Content-Type: text/plain\r\n', body: deep(20_000) })).id)
  ids.push((await ask('/text', { method: 'POST', headers: 'Content-Type: text/plain\r\n', body: '\u0001'.repeat(200_000) })).id)
  ids.push((await ask(`/${'p'.repeat(7000)}?${'q=1&'.repeat(500)}`)).id)
  ids.push((await ask('/headers', { headers: `X-Long: ${noise(6000)}\r\n` })).id)
  await metricBecomes(outcome('uploaded'), ids.length)
  assert.deepEqual(
    collector.events().map((event) => event['decision_id']),
    ids,
  )
  assert.ok(collector.uploads.every(({ bytes }) => bytes <= 2048))
  const [long] = collector.events() as (Event & { input: { http: { method: string; path: string; body: { value: { a: string } } } } })[]
  assert.deepEqual([long?.input.http.method, long?.input.http.path], ['POST', '/body'])
  assert.match(long?.input.http.body.value.a ?? '', /^[\w+/]{64,}…\[cut\]$/)
})

compilerTest('a request whose size stops the masks is told of without what they might have masked', async (t) => {
  const { collector, ask, metricBecomes } = await arrange(t, {
    rules: rego`
      package system.log

      letters := split(input.input.http.path, "")

      mask contains "/input/http/method" if count([1 | some one in letters; some other in letters; one == other]) > 0
    `,
  })
  const { id } = await ask(`/${'p'.repeat(12_000)}`)
  await metricBecomes(outcome('uploaded'), 1)
  const [event] = collector.events()
  assert.deepEqual([event?.['decision_id'], event?.['erased']], [id, ['/input', '/result']])
  assert.deepEqual([event?.['input'], event?.['result']], [undefined, undefined])
})

compilerTest('a body that no rule looked at is told of as unread', async (t) => {
  const { collector, ask } = await arrange(t, {
    rules: rego`
      package sallyport.rules

      deny contains "x" if {
        input.http.path == "/judged"
        input.http.body.value.never
      }
    `,
  })
  await eachCase(['/judged', '/other'], (path) =>
    ask(path, { method: 'POST', headers: 'Content-Type: application/json\r\n', body: '{"a":1}' }),
  )
  await collector.until(() => collector.events().length === 2)
  assert.deepEqual(
    (collector.events() as (Event & { input: { http: { body: object } } })[]).map((event) => event.input.http.body),
    [
      { type: 'json', bytes: 7, value: { a: 1 } },
      { type: 'unread', bytes: 7 },
    ],
  )
})
