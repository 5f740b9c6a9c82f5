/** The page for developers of integrations: each of its lines, pasted, is answered with the status that stands behind it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { problems } from '../../src/core/index.ts'
import { eachCase } from '../support/cases.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, root, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

const page = readFileSync(join(root, 'docs/calling.md'), 'utf8')

test('every curl line of docs/calling.md gets the status that it says', async (t) => {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    config: `services: [{ name: api, url: "http://127.0.0.1:${origin.port}" }]`,
    manifests: {
      'weather.yaml': grant({
        network: [toLocalhost(origin.port)],
        services: [{ name: 'api' }],
        files: [{ name: 'notes', root: '../notes', actions: ['read'] }],
      }),
    },
  })
  mkdirSync(join(installation.folder, 'notes'))
  writeFileSync(join(installation.folder, 'notes/hello.txt'), 'hello')
  const { proxyPort } = await startHere(t, installation)
  const env = {
    PATH: process.env['PATH'],
    GATEWAY: `http://127.0.0.1:${proxyPort}`,
    ORIGIN: `http://localhost:${origin.port}`,
    NAME: 'weather',
    TOKEN: 'weather-token',
  }
  const lines = [...page.matchAll(/^ {4}curl (.*?) +# (\d{3})$/gm)]
  assert.equal(lines.length, page.match(/^ {4}curl /gm)?.length)
  const [exported = ''] = page.match(/^ {4}export .*$/m) ?? []
  const used = lines.flatMap(([, words = '']) => [...words.matchAll(/\$\{?([A-Z]+)/g)].map(([, name]) => name))
  eachCase([...new Set(used)], (name) => assert.match(exported, new RegExp(` ${name}=`)))
  await eachCase(lines, async ([, words, status]) => {
    const { stdout } = await promisify(execFile)('sh', ['-c', `curl -sS -o /dev/null -w '%{http_code}' ${words}`], { env })
    assert.equal(stdout, status)
  })
})

test('every code that docs/calling.md names is in the catalogue, with the status beside it', () => {
  const named = [...page.matchAll(/^- \*\*(\d{3})[^\n]*/gm)].flatMap(([line, status]) =>
    [...line.matchAll(/`([a-z-]+)`/g)].map(([, code]) => [code as keyof typeof problems, Number(status)] as const),
  )
  const known = named.filter(([code]) => code in problems)
  assert.equal(known.length, 7, JSON.stringify(named))
  eachCase(known, ([code, status]) => assert.equal(problems[code].status, status))
})

test('every code that the gateway closes a WebSocket with is explained in docs/calling.md, and no other', () => {
  const folder = join(root, 'src/websocket')
  const source = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
  const used = new Set(source.flatMap((text) => [...text.matchAll(/\b10(?:0[1-9]|1\d)\b/g)].map(([code]) => code)))
  const explained = [...page.matchAll(/^\| (10\d\d) \|/gm)].map(([, code]) => code)
  assert.deepEqual(explained, [...used].toSorted())
})
