/** No caller ends the process: what fails on one caller's behalf is answered, recorded and settled once, and the next caller is served. */

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, type Installation, main, proxyHeader, root, startChild } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { connect } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`

interface Setting {
  readonly config?: string
  readonly rules?: string
  /** Loaded into the gateway's process. */
  readonly load?: string
}

async function arrange(t: TestContext, { config = '', rules = '', load }: Setting = {}) {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    config: `${config}${rules === '' ? '' : '\npolicy: { rules: ./rules }'}`,
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) },
  })
  if (rules !== '') {
    mkdirSync(join(installation.folder, 'rules'))
    installation.write('rules/rules.rego', rules)
  }
  const child = await startChild(t, installation, load === undefined ? {} : { command: [process.execPath, '--import', load, main] })
  const authority = `localhost:${origin.port}`
  const get = `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n${auth}Connection: close\r\n\r\n`
  return { origin, installation, child, authority, get }
}

/** As many of each as there were arrivals. */
function pairs(installation: Installation) {
  const records = installation.records()
  const of = (...types: string[]) => records.filter(({ type }) => types.includes(String(type)))
  return { opened: of('decided', 'refused'), settled: of('settled') }
}

const bodyRule = rego`
  package sallyport.rules

  deny contains "no shell" if {
    input.http.host == "localhost"
    input.http.body.value.tool == "shell"
  }
`

compilerTest('a chunked body larger than rules may look at is refused and recorded, and the next caller is served', async (t) => {
  const { installation, child, authority, get } = await arrange(t, { config: 'http: { maxPolicyBody: 64KiB }', rules: bodyRule })
  const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`
  const socket = connect(child.proxyPort, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  socket.write(
    `POST http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n${auth}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(8)}0\r\n\r\n`,
  )
  await eventually('it is settled', () => pairs(installation).settled.length === 1)
  socket.destroy()
  const [refused] = pairs(installation).opened
  assert.deepEqual(
    [refused?.['type'], refused?.['code'], refused?.['peer'], refused?.['integration']],
    ['refused', 'payload-too-large', '127.0.0.1', 'weather'],
  )
  assert.match(await exchangeRaw(child.proxyPort, get), /^HTTP\/1\.1 200 /)
  assert.equal(child.process.exitCode, null, child.stderr())
})

test('whatever fails on behalf of a caller, wherever it is thrown, is told and settled once, and the next caller is served', async (t) => {
  const { installation, child, authority, get } = await arrange(t, { load: join(root, 'test/support/failing-replies.ts') })
  const failures = async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${child.healthPort}/metrics`)).text()
    return Number(/^sallyport_internal_errors_total (\d+)$/m.exec(metrics)?.[1])
  }
  const ways = [
    'at once',
    'in a timer',
    'in the next tick',
    'in a later turn',
    'in a promise',
    'as the reply closes',
    'as the connection closes',
    'as an error that nobody listens for',
  ]
  await eachCase(ways.entries(), async ([index, way]) => {
    const head = `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n${auth}Connection: close\r\nX-Fail: ${way}\r\n\r\n`
    const answer = await exchangeRaw(child.proxyPort, head).catch(() => '')
    // What fails later fails behind the reply.
    assert.match(answer, way === 'at once' ? /^HTTP\/1\.1 500 .*"code":"internal"/s : /^/)
    await eventually(`what fails ${way} is told`, async () => (await failures()) === index + 1)
    assert.match(await exchangeRaw(child.proxyPort, get), /^HTTP\/1\.1 200 /, way)
    await eventually(`what fails ${way} is settled`, () => pairs(installation).settled.length === 2 * (index + 1))
  })
  assert.equal(pairs(installation).opened.length, 2 * ways.length)
  assert.equal(child.process.exitCode, null, child.stderr())
})
