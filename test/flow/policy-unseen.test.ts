/** What the log does not record is not guessed: explain and replay answer where it cannot matter, and otherwise say what it is. */

import assert from 'node:assert/strict'
import { type Asked, idOf, installationWithRules, sallyport } from '../support/author.ts'
import { eachCase } from '../support/cases.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

const rules = rego`
  package sallyport.rules

  deny contains "there is no key" if {
    startswith(input.http.path, "/keyed")
    not input.http.headers["x-key"]
  }

  deny contains "it is too much" if {
    input.http.path == "/pay"
    input.http.body.value.amount > 100
  }

  deny contains "there is no such page" if input.http.query.page[0] == "9"

  deny contains "the breaker is open" if {
    input.http.path == "/broken"
    input.context.breaker == "open"
  }

  allow contains "paths below /open" if startswith(input.http.path, "/open/")
`

async function arrange(t: Parameters<typeof installationWithRules>[0], text = rules) {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) })
  installation.write('rules/a.rego', text)
  const { proxyPort } = await startHere(t, installation)
  const ask = async (path: string, { key = '', body = '' } = {}): Promise<Asked> => {
    const text = await exchangeRaw(
      proxyPort,
      `${body === '' ? 'GET' : 'POST'} http://localhost:${origin.port}${path} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n${key === '' ? '' : `X-Key: ${key}\r\n`}${body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`}\r\n${body}`,
    )
    return { status: Number(text.slice(9, 12)), id: idOf(text), text }
  }
  const explain = async ({ id }: Asked): Promise<string> => {
    const { code, stdout, stderr } = await sallyport(installation, 'explain', id)
    assert.equal(code, 0, stderr)
    return stdout
  }
  return { installation, ask, explain }
}

test('explain says of no rule that it held, or how it would decide, where that depends on what is not recorded', async (t) => {
  const { ask, explain } = await arrange(t)
  const keyed = await ask('/keyed/a', { key: '1' })
  assert.equal(keyed.status, 200)
  const told = await explain(keyed)
  assert.doesNotMatch(told, /rule that held/)
  assert.match(told, / {2}whether rules\/a\.rego:3 \(deny\) held depends on input\.http\.headers, which the log does not record in full\n/)
  assert.match(
    told,
    /What the manifests and rules on disk decide depends on input\.http\.headers, which the log does not record in full\.\n {2}rules\/a\.rego:3 \(deny\) looks at input\.http\.headers\n$/,
  )
  const paid = await ask('/pay', { body: '{"amount":7}' })
  assert.equal(paid.status, 200)
  assert.match(
    await explain(paid),
    /whether rules\/a\.rego:8 \(deny\) held depends on input\.http\.body, [^\n]*\nWhat the manifests and rules on disk decide depends on input\.http\.body/,
  )
  assert.match(
    await explain(await ask('/broken')),
    /decide depends on input\.context, .*\n {2}rules\/a\.rego:15 \(deny\) looks at input\.context\n$/s,
  )
})

test('explain answers where what is not recorded cannot matter, by the query as well', async (t) => {
  const { ask, explain } = await arrange(t)
  const plain = await explain(await ask('/free'))
  assert.match(plain, /The manifests and rules on disk decide the same\.\n$/)
  assert.doesNotMatch(plain, /depends on/)
  const paged = await ask('/free?page=9')
  assert.equal(paged.status, 403)
  assert.match(await explain(paged), / {2}rule that held: rules\/a\.rego:13 \(deny\)\nThe manifests and rules on disk decide the same\./)
  assert.match(await explain(await ask('/free?page=8')), /decide the same/)
})

test('what is masked in the log is not taken for what was asked', async (t) => {
  const { installation, ask, explain } = await arrange(t)
  // The value of a telling name is masked, and what it was decides nothing that a rule below looks at.
  const query = await ask('/free?page=9&token=abc')
  const path = await ask('/keyed/token=abc', { key: '1' })
  assert.deepEqual([query.status, path.status], [403, 200])
  assert.match(await explain(query), /decide depends on input\.http\.query, /)
  assert.match(await explain(path), /decide depends on input\.http\.path, /)
  installation.write(
    'rules/a.rego',
    rego`
      package sallyport.rules

      deny contains "closed" if input.request.door == "proxy"
    `,
  )
  await eachCase([query, path], async (item) =>
    assert.match(await explain(item), /The manifests and rules on disk decide [^\n]*rules\/deny|decide the same/),
  )
})

test('replay judges what the unrecorded cannot change, and counts what it leaves out by what that depends on', async (t) => {
  const { installation, ask } = await arrange(t)
  await eachCase(['/free', '/free?page=8', '/keyed/a', '/keyed/b', '/keyed/token=abc'], (path) => ask(path, { key: '1' }))
  await ask('/pay', { body: '{"amount":7}' })
  const replayed = await sallyport(installation, 'replay')
  assert.equal(replayed.code, 0, replayed.stdout + replayed.stderr)
  assert.match(
    replayed.stdout,
    /^2 decisions against latest in .*, 0 differ; not judged: 2 that depend on input\.http\.headers, 1 that depends on input\.http\.path, 1 that depends on input\.http\.body, which the log does not record in full\n$/,
  )
  const json = JSON.parse((await sallyport(installation, 'replay', '--json')).stdout)
  assert.deepEqual([json.decisions, json.skipped, json.leftOut['input.http.headers']], [2, 4, 2])
  // One that differs is told of beside those that cannot be judged.
  installation.write(
    'rules/a.rego',
    rego`
      ${rules}
      deny contains "not free" if input.http.path == "/free"
    `,
  )
  const differs = await sallyport(installation, 'replay', '--reference')
  assert.equal(differs.code, 1)
  assert.match(differs.stdout, /\n2 decisions against latest in .*, 2 differ; not judged: 2 that depend/)
  assert.match(differs.stdout, /OPA's SDK: .*, 0 differ\n$/)
})

test('replay fails where it can judge nothing, and of questions to the outside says that they are not asked', async (t) => {
  const { installation, ask } = await arrange(t)
  await ask('/free')
  installation.write(
    'rules/a.rego',
    rego`
      package sallyport.rules

      deny contains "x" if not input.http.headers["x-key"]
    `,
  )
  const blind = await sallyport(installation, 'replay')
  assert.deepEqual([blind.code, blind.stdout], [1, ''])
  assert.match(blind.stderr, /^none of the recorded requests can be judged: 1 that depends on input\.http\.headers, which/)
  installation.write(
    'sallyport.yaml',
    installation
      .read('sallyport.yaml')
      .replace('policy: { rules: ./rules }', 'policy: { rules: ./rules, grants: { builtins: [http.send], integration: weather } }'),
  )
  installation.write(
    'rules/a.rego',
    rego`
      package sallyport.rules

      deny contains "x" if {
        input.request.door != "policy"
        http.send({"method": "GET", "url": "http://localhost/"}).status_code != 200
      }
    `,
  )
  const asking = await sallyport(installation, 'replay')
  assert.match(asking.stderr, /^none of the recorded requests can be judged: 1 that depends on the answer of http\.send, which/)
})
