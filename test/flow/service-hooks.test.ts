/** What reaches a named service is what was judged, counted and capped where it is read, whatever the proxy library does with the request's headers. */

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startChild, startHere } from '../support/installation.ts'
import { headerOf, startRawOrigin } from '../support/raw-origin.ts'
import { rego } from '../support/rego.ts'
import { connect } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const credential = 'service-credential-0123456789'
const token = proxyHeader('weather')

interface Modes {
  readonly config?: string
  readonly rules?: string
}

async function arrange(t: TestContext, { config = '', rules = '' }: Modes = {}) {
  process.env['TEST_HOOKS_CREDENTIAL'] = credential
  const service = await startRawOrigin(t)
  const installation = createInstallation(t, {
    config: `services: [{ name: search, url: "http://127.0.0.1:${service.port}/base", timeout: 5s, headers: { X-Api-Key: { env: TEST_HOOKS_CREDENTIAL } } }]\nhttp: { maxRequest: 100KiB }\n${config}`,
    manifests: { 'weather.yaml': grant({ services: [{ name: 'search', websocket: true }] }) },
  })
  mkdirSync(join(installation.folder, 'rules'))
  if (rules !== '')
    installation.write(
      'rules/more.rego',
      rego`
        package sallyport.rules

        ${rules}
      `,
    )
  return { service, installation }
}

const head = (method: string, more: string, path = '/services/search/x') =>
  `${method} ${path} HTTP/1.1\r\nHost: chosen.example\r\nProxy-Authorization: ${token}\r\nX-Api-Key: mine\r\n${more}\r\n`

const websocket =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n'

/** Sends `first`, and `rest` once the gateway says 100; gives all that comes back. */
function exchangeContinued(port: number, first: string, rest: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(first))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      if (answer === 'HTTP/1.1 100 Continue\r\n\r\n') {
        answer = ''
        socket.write(rest)
      }
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
}

test('an upgrade with an Expect header ends nothing but itself', async (t) => {
  const { service, installation } = await arrange(t)
  const { proxyPort, process: child } = await startChild(t, installation)
  await eachCase(['100-continue', '100-Continue, x', 'anything', ''], async (expect) => {
    const answer = await exchangeRaw(proxyPort, head('GET', `Expect: ${expect}\r\n${websocket}`))
    assert.match(answer, /^HTTP\/1\.1 (?:417|502) /, expect)
  })
  assert.equal(child.exitCode, null)
  assert.match(await exchangeRaw(proxyPort, head('GET', 'Connection: close\r\n')), /^HTTP\/1\.1 200 /)
  eachCase(service.requests, ({ headers }) => assert.deepEqual(headerOf(headers, 'expect'), []))
})

const modes: Readonly<Record<string, Modes>> = {
  'by default': {},
  'in strict mode': { config: 'audit: { durability: strict }' },
  'where a rule reads bodies': { config: 'policy: { rules: ./rules }', rules: 'deny contains "no" if input.service.body.value.no == true' },
  'where rules ask outside': {
    config: 'policy: { rules: ./rules, grants: { builtins: [http.send], integration: weather } }',
    rules: rego`
      deny contains "no" if {
        input.service.path == "/never"
        http.send({"method": "get", "url": "http://localhost:1/"}).status_code == 200
      }
    `,
  },
}

const framings = (body: string): readonly (readonly [string, string])[] => [
  [`Content-Length: ${body.length}\r\n`, body],
  ['Transfer-Encoding: chunked\r\n', `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
]

for (const [mode, settings] of Object.entries(modes)) {
  const run = settings.rules === undefined ? test : compilerTest
  run(`uploads to a service ${mode}`, async (t) => {
    const { service, installation } = await arrange(t, settings)
    const { proxyPort, log } = await startHere(t, installation)
    let asked = 0
    const nextSettled = async () => {
      asked += 1
      return eventually('it is settled', () => installation.records().filter(({ type }) => type === 'settled')[asked - 1])
    }
    const close = 'Connection: close\r\n'

    await eachCase(['100-continue', '100-Continue', '100-continue, 100-continue', ',100-continue'], (expect) =>
      t.test(`with Expect: ${expect} they arrive as judged: no token, no chosen Host, the gateway’s credential`, async () => {
        const answer = await exchangeContinued(proxyPort, head('PUT', `Expect: ${expect}\r\nContent-Length: 4\r\n${close}`), 'abcd')
        assert.match(answer, /^HTTP\/1\.1 200 /)
        const { line, headers, body } = service.requests.at(-1) ?? { line: '', headers: [], body: '' }
        assert.equal(line, 'PUT /base/x HTTP/1.1')
        assert.equal(String(body), 'abcd')
        assert.deepEqual(headerOf(headers, 'host'), [`127.0.0.1:${service.port}`])
        assert.deepEqual(headerOf(headers, 'x-api-key'), [credential])
        eachCase(['expect', 'proxy-authorization'], (name) => assert.deepEqual(headerOf(headers, name), [], name))
        assert.ok(!headers.join().includes(token))
        await nextSettled()
      }),
    )

    await t.test('with an Expect that asks for more are refused, and reach nobody', async () => {
      const before = service.requests.length
      await eachCase(['100-continue, magic', '"100-continue"', '100-continue;q=1'], async (expect) => {
        assert.match(
          await exchangeRaw(proxyPort, `${head('PUT', `Expect: ${expect}\r\nContent-Length: 4\r\n${close}`)}abcd`),
          /^HTTP\/1\.1 417 /,
        )
        await nextSettled()
      })
      assert.equal(service.requests.length, before)
    })

    await t.test('what passed is counted, in either framing', async () => {
      await eachCase(framings('x'.repeat(5000)), async ([framing, sent]) => {
        assert.match(await exchangeRaw(proxyPort, `${head('POST', `${framing}${close}`)}${sent}`), /^HTTP\/1\.1 200 /)
        assert.equal((await nextSettled())['sentBytes'], 5000)
        assert.match(String(service.requests.at(-1)?.body), /(^|\n)x{5000}(\r|$)/)
      })
    })

    await t.test('one over the cap is a 413, and the service gets no whole request', async () => {
      await eachCase(framings('x'.repeat(200 * 1024)), async ([framing, sent]) => {
        // The refusal may meet a caller that is still sending.
        await exchangeRaw(proxyPort, `${head('POST', `${framing}${close}`)}${sent}`).catch(() => '')
        const { problem, sentBytes } = await nextSettled()
        assert.equal(problem, 'payload-too-large')
        assert.ok(Number(sentBytes) <= 100 * 1024)
        eachCase(service.requests, ({ body, complete }) => assert.ok(!complete || body.byteLength < 6000))
      })
    })

    await t.test('a caller that leaves meanwhile is recorded as one, and is no bug', async () => {
      await eachCase([head('POST', 'Content-Length: 100\r\n'), head('GET', websocket)], async (bytes) => {
        const leaving = connect(proxyPort, '127.0.0.1', () => leaving.write(bytes, () => leaving.resetAndDestroy()))
        const { status, problem, complete } = await nextSettled()
        assert.deepEqual([status, problem, complete], [499, 'client-closed', false])
      })
      assert.equal(
        installation.records().some(({ code, problem }) => code === 'internal' || problem === 'internal'),
        false,
      )
      assert.deepEqual(
        log.filter((line) => line.includes('unexpected')),
        [],
      )
    })
  })
}
