/** Rules that ask outside, by grant: each question goes down the gateway's own path, and what is not granted is not built. */

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { sallyport } from '../support/author.ts'
import { times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, exchangeRaw, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { startResolver } from '../support/resolver.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

/** `verdicts`: what the service that rules ask answers, by path. */
async function startVerdicts(t: TestContext): Promise<Origin & { readonly held: (() => void)[] }> {
  const held: (() => void)[] = []
  const origin = await startOrigin(t, {
    answer(req, res) {
      if (req.url === '/slow') return
      if (req.url === '/held') return void held.push(() => void res.end('{"allow":true}'))
      if (req.url === '/large') return void res.end('x'.repeat(2 * 1024 * 1024))
      res.setHeader('content-type', 'application/json')
      res.end(JSON.stringify({ allow: req.url === '/good', seen: req.headers['x-asks'] }))
    },
  })
  return { ...origin, held }
}

/** Rules find the port of that service in a label, since rules that differ in a port would be compiled anew in each run. */
async function arrange(
  t: TestContext,
  rules: string,
  grants = 'builtins: [http.send, net.lookup_ip_addr, opa.runtime], timeout: 1m, maxReply: 64KiB',
  limits = '',
) {
  const verdicts = await startVerdicts(t)
  const origin = await startOrigin(t)
  const resolver = await startResolver(t, ['127.0.0.1'])
  const labels = { verdicts: String(verdicts.port) }
  const installation = createInstallation(t, {
    config: `http: { dnsServers: ["127.0.0.1:${resolver.port}"] }\npolicy: { rules: ./rules, grants: { ${grants}, integration: verdicts, maxCalls: 3 } }`,
    manifests: {
      ...Object.fromEntries(
        ['weather', 'other'].map((name) => [
          `${name}.yaml`,
          grant({ name, labels, network: [{ hosts: ['api.example.com'], ports: [origin.port], tls: 'none', addresses: ['127.0.0.0/8'] }] }),
        ]),
      ),
      'verdicts.yaml': manifest(
        'verdicts',
        `labels: { verdicts: "${verdicts.port}" }\nnetwork: [{ hosts: [verdicts.example.com], ports: [${verdicts.port}], tls: none, methods: [GET, POST], paths: [/good, /bad, /slow, /large, /held], addresses: [127.0.0.0/8] }]\n${limits}`,
      ),
    },
  })
  mkdirSync(join(installation.folder, 'rules'))
  installation.write(
    'rules/ask.rego',
    rego`
      package sallyport.rules

      ${rules}
    `,
  )
  const { proxyPort, log, gateway } = await startHere(t, installation)
  const ask = async (path: string, method = 'GET', body = '', name = 'weather', host = 'api.example.com') => {
    const text = await exchangeRaw(
      proxyPort,
      `${method} http://${host}:${origin.port}${path} HTTP/1.1\r\nHost: ${host}:${origin.port}\r\nProxy-Authorization: ${proxyHeader(name)}\r\nConnection: close\r\n${body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`}\r\n${body}`,
    )
    return { status: Number(text.slice(9, 12)), text }
  }
  return { verdicts, origin, resolver, installation, ask, log, reload: gateway.reload, close: gateway.close }
}

const verdictRule = rego`
  deny contains "the verdict is no" if {
    input.request.door != "policy"
    reply := http.send({"method": "get", "url": concat("", ["http://verdicts.example.com:", input.integration.labels.verdicts, input.http.path]), "headers": {"X-Asks": "weather"}})
    not reply.body.allow
  }
`

test('a rule asks a service, as the integration that is granted it, and both requests are recorded', async (t) => {
  const { verdicts, origin, installation, ask, close } = await arrange(t, verdictRule)
  assert.equal((await ask('/good')).status, 200)
  const denied = await ask('/bad')
  assert.equal(denied.status, 403)
  assert.match(denied.text, /the verdict is no/)
  assert.deepEqual(
    verdicts.requests.map(({ url }) => url),
    ['/good', '/bad'],
  )
  assert.equal(origin.requests.length, 1)
  const decided = installation.records().filter(({ type }) => type === 'decided')
  assert.deepEqual(
    decided.map(({ door, integration, identity, allow }) => [door, integration, identity, allow]),
    [
      ['policy', 'verdicts', 'policy', true],
      ['proxy', 'weather', 'token', true],
      ['policy', 'verdicts', 'policy', true],
      ['proxy', 'weather', 'token', false],
    ],
  )
  // A question names the request that it was asked for.
  assert.equal(decided[0]?.['parent'], decided[1]?.['id'])
  await close()
  const settled = installation.records().filter(({ type }) => type === 'settled')
  assert.equal(settled.length, 4)
  const why = await sallyport(installation, 'explain', String(decided[3]?.['id']))
  assert.match(why.stdout, /denied by rules\/deny.*the verdict is no/s)
})

test('questions for one integration use up nothing that another’s decisions need', async (t) => {
  const { ask } = await arrange(t, verdictRule, undefined, 'limits: { requests: { rate: 1/h, burst: 2 } }')
  assert.deepEqual([(await ask('/good')).status, (await ask('/good')).status], [200, 200])
  // Its decisions get no answer any more, and are denials.
  assert.equal((await ask('/good')).status, 403)
  assert.equal((await ask('/good', 'GET', '', 'other')).status, 200)
})

const uncovered = (ask: Awaited<ReturnType<typeof arrange>>['ask'], path: string) => ask(path, 'GET', '', 'weather', 'other.example.com')

test('rules ask nothing about a request that nothing covers: no DNS, no connection, and the denial says what is lacking', async (t) => {
  const { verdicts, resolver, origin, installation, ask } = await arrange(
    t,
    rego`
      ${verdictRule}
      deny contains "the name has addresses" if {
        input.request.door != "policy"
        count(net.lookup_ip_addr("verdicts.example.com")) > 7
      }
    `,
  )
  const { status, text } = await uncovered(ask, '/good')
  assert.equal(status, 403)
  assert.match(text, /"rule":"default\/deny".*no network capability names the host/)
  assert.deepEqual(resolver.asked, [])
  assert.equal(verdicts.connections() + origin.connections(), 0)
  const decided = installation.records().filter(({ type }) => type === 'decided')
  assert.deepEqual(
    decided.map(({ door, rule }) => [door, rule]),
    [['proxy', 'default/deny']],
  )
  // What is covered is asked about as before.
  assert.equal((await ask('/good')).status, 200)
  assert.deepEqual(
    verdicts.requests.map(({ url }) => url),
    ['/good'],
  )
})

test('a flood of requests that nothing covers uses up nothing of what the integration’s covered requests may ask', async (t) => {
  const { ask, verdicts } = await arrange(t, verdictRule, undefined, 'limits: { requests: { rate: 1/h, burst: 1 } }')
  await times(20, async () => assert.equal((await uncovered(ask, '/good')).status, 403))
  assert.equal((await ask('/good')).status, 200)
  assert.equal(verdicts.requests.length, 1)
})

test('an answer from outside never widens a manifest; a rule that allows without one covers a request as the manifest does', async (t) => {
  const { ask, verdicts, resolver } = await arrange(
    t,
    rego`
      asks if input.request.door != "policy"

      verdict := http.send({"method": "GET", "url": concat("", ["http://verdicts.example.com:", input.integration.labels.verdicts, input.http.path])}).body.allow if asks

      allow contains "the verdict is yes" if {
        input.http.method == "GET"
        verdict
      }

      allow contains "the method is open" if input.http.method == "OPTIONS"

      deny contains "the verdict is no" if {
        input.http.method == "OPTIONS"
        not verdict
      }
    `,
  )
  const asked = await uncovered(ask, '/good')
  assert.equal(asked.status, 403)
  assert.match(asked.text, /"rule":"default\/deny".*cannot be known without an external call/)
  assert.equal(verdicts.connections() + resolver.asked.length, 0)
  const options = (path: string) => ask(path, 'OPTIONS', '', 'weather', 'other.example.com')
  assert.match((await options('/bad')).text, /the verdict is no/)
  assert.equal(verdicts.requests.length, 1)
  assert.doesNotMatch((await options('/good')).text, /"rule"/)
})

test('where the body says whether a rule covers a request, it is read before anything is asked', async (t) => {
  const { ask, verdicts } = await arrange(
    t,
    rego`
      asks if input.request.door != "policy"

      allow contains "small" if input.http.body.value.amount < 10

      deny contains "the verdict is no" if {
        asks
        not http.send({"method": "GET", "url": concat("", ["http://verdicts.example.com:", input.integration.labels.verdicts, input.http.path])}).body.allow
      }
    `,
  )
  const post = (amount: number) => ask('/bad', 'POST', `{"amount":${amount}}`, 'weather', 'other.example.com')
  assert.match((await post(1000)).text, /"rule":"default\/deny"/)
  assert.equal(verdicts.connections(), 0)
  assert.match((await post(1)).text, /the verdict is no/)
  assert.equal(verdicts.requests.length, 1)
})

test('an answer that the bytes of the grantee’s bucket slow still comes, and is waited for no longer than the grant says', async (t) => {
  const slowed = await arrange(t, verdictRule, undefined, 'limits: { bytesIn: { rate: 40/s, burst: 1 } }')
  assert.equal((await slowed.ask('/good')).status, 200)
  const grants = 'builtins: [http.send, net.lookup_ip_addr, opa.runtime], timeout: 200ms'
  const stuck = await arrange(t, verdictRule, grants, 'limits: { bytesIn: { rate: 1/h, burst: 1 } }')
  const { status, text } = await stuck.ask('/good')
  assert.equal(status, 403)
  assert.match(text, /"rule":"engine\/builtin"/)
  await eventually('the question is settled', () => stuck.installation.records().filter(({ type }) => type === 'settled').length === 2)
})

test('what the grantee’s manifest does not allow is not asked: no DNS, no connection, and the caller is denied', async (t) => {
  const { verdicts, resolver, origin, ask } = await arrange(
    t,
    rego`
      deny contains "no" if {
        input.request.door != "policy"
        http.send({"method": "GET", "url": concat("", ["http://elsewhere.example.com:", input.integration.labels.verdicts, "/good"])}).status_code != 200
      }
    `,
  )
  const { status, text } = await ask('/good')
  assert.equal(status, 403)
  assert.match(text, /"rule":"engine\/builtin"/)
  assert.deepEqual(resolver.asked, [])
  assert.equal(verdicts.connections() + origin.connections(), 0)
})

test('an answer that does not come, or is too large, denies; “raise_error” hands the error to the rule', async (t) => {
  const { ask, origin, log } = await arrange(
    t,
    rego`
      allowed if http.send({"method": "GET", "url": concat("", ["http://verdicts.example.com:", input.integration.labels.verdicts, input.http.path])}).status_code == 200

      deny contains "no" if {
        input.request.door != "policy"
        input.http.path != "/told"
        not allowed
      }

      deny contains concat("", ["told: ", reply.error.message]) if {
        input.request.door != "policy"
        input.http.path == "/told"
        reply := http.send({"method": "GET", "url": concat("", ["http://verdicts.example.com:", input.integration.labels.verdicts, "/slow"]), "raise_error": false, "timeout": "100ms"})
        reply.status_code == 0
      }
    `,
    'builtins: [http.send], timeout: 700ms',
  )
  assert.match((await ask('/slow')).text, /"rule":"engine\/builtin"/)
  assert.match((await ask('/large')).text, /"rule":"engine\/builtin"/)
  assert.match((await ask('/told')).text, /told: no answer within 100 ms/)
  assert.equal(origin.connections(), 0)
  assert.equal(
    log.some((line) => line.includes('no answer within')),
    true,
  )
  assert.equal(
    log.some((line) => line.includes('larger than 1048576 bytes')),
    true,
  )
})

test('rules that ask without end, or about their own questions, are stopped', async (t) => {
  const { ask, verdicts } = await arrange(
    t,
    rego`
      deny contains "no" if {
        some n in numbers.range(1, 10)
        http.send({"method": "GET", "url": sprintf("http://verdicts.example.com:%s/good?%d", [input.integration.labels.verdicts, n])}).status_code != 200
      }
    `,
  )
  const { status, text } = await ask('/good')
  assert.equal(status, 403)
  assert.match(text, /"rule":"engine\/builtin"/)
  // Without a look at the door the question itself is denied, before it reaches anybody.
  assert.equal(verdicts.connections(), 0)
})

test('more questions than are granted deny', async (t) => {
  const { ask, verdicts, log } = await arrange(
    t,
    rego`
      deny contains "no" if {
        input.request.door != "policy"
        some n in numbers.range(1, 10)
        http.send({"method": "GET", "url": sprintf("http://verdicts.example.com:%s/good?%d", [input.integration.labels.verdicts, n])}).status_code != 200
      }
    `,
  )
  assert.equal((await ask('/good')).status, 403)
  assert.equal(verdicts.requests.length, 3)
  assert.equal(
    log.some((line) => line.includes('more than 3 questions')),
    true,
  )
})

test('the addresses of a name are asked for down the same path; the runtime tells nothing of the host', async (t) => {
  const { ask, resolver, installation } = await arrange(
    t,
    rego`
      deny contains concat(",", ["addresses", concat(",", net.lookup_ip_addr("verdicts.example.com")), json.marshal(opa.runtime())]) if {
        input.request.door != "policy"
        input.http.path == "/known"
      }

      deny contains "unknown" if {
        input.request.door != "policy"
        input.http.path == "/unknown"
        net.lookup_ip_addr("elsewhere.example.com")
      }
    `,
  )
  assert.match((await ask('/known')).text, /addresses,127\.0\.0\.1,\{\\"config\\":\{\},\\"env\\":\{\}\}/)
  const asked = resolver.asked.length
  assert.match((await ask('/unknown')).text, /"rule":"engine\/builtin"/)
  assert.equal(resolver.asked.length, asked)
  const lookups = installation.records().filter(({ type, kind }) => type === 'decided' && kind === 'lookup')
  assert.deepEqual(
    lookups.map(({ subject, allow, rule }) => [subject, allow, rule]),
    [
      [{ host: 'verdicts.example.com' }, true, 'default/network/0'],
      [{ host: 'elsewhere.example.com' }, false, 'default/deny'],
    ],
  )
})

test('without the grant such rules are refused when they are built', async (t) => {
  await assert.rejects(
    arrange(t, verdictRule, 'builtins: [opa.runtime], timeout: 1m'),
    /rules\/ask\.rego:5:11: undefined function http\.send/,
  )
})

test('a request that waits for an answer while the policy changes is decided by the new one, and by all that it looks at', async (t) => {
  const { verdicts, origin, ask, installation, reload } = await arrange(t, verdictRule)
  const waiting = ask('/held', 'POST', '{"amount":1000}')
  await eventually('the rule asks', () => verdicts.held.length === 1)
  installation.write(
    'rules/ask.rego',
    rego`
      package sallyport.rules

      deny contains "too much" if input.http.body.value.amount > 100
    `,
  )
  assert.equal((await reload()).ok, true)
  verdicts.held[0]?.()
  const { status, text } = await waiting
  assert.equal(status, 403)
  assert.match(text, /too much/)
  assert.equal(origin.connections(), 0)
  assert.equal((await ask('/held', 'POST', '{"amount":10}')).status, 200)
})

const bodyAndVerdict = rego`
  asks if input.request.door != "policy"

  verdict := http.send({"method": "POST", "url": concat("", ["http://verdicts.example.com:", input.integration.labels.verdicts, "/good"]), "raw_body": "?"}).body.allow if asks

  deny contains "outside first" if {
    input.http.path == "/outside-first"
    verdict
    input.http.body.value.amount > 100
  }

  deny contains "body first" if {
    input.http.path == "/body-first"
    input.http.body.value.amount > 100
    verdict
  }
`

for (const path of ['/outside-first', '/body-first'])
  test(`${path}: a body and an answer are waited for, and what is asked is asked once`, async (t) => {
    const { verdicts, origin, ask } = await arrange(t, bodyAndVerdict)
    assert.equal((await ask(path, 'POST', '{"amount":1000}')).status, 403)
    assert.equal(verdicts.requests.length, 1)
    assert.equal((await ask(path, 'POST', '{"amount":10}')).status, 200)
    assert.equal((await ask('/other', 'POST', '{"amount":')).status, 200)
    assert.equal(verdicts.requests.length, path === '/outside-first' ? 2 : 1)
    assert.equal(origin.requests.length, 2)
  })
