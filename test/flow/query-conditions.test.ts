/** Conditions on the query: what a capability says of a key holds for the query that the origin receives, however the origin reads it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { exchangeRaw, type Installation, proxyHeader } from '../support/installation.ts'
import type { Origin } from '../support/origin.ts'
import { startThreeDoors } from '../support/three-doors.ts'
import { exchangeInside } from '../support/tunnel.ts'

const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
const statusOf = (answer: string) => Number(answer.slice(9, 12))
/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }

let installation: Installation
let plain: Origin
let secure: Origin
let proxyPort: number

before(async () => {
  const conditions = [
    { paths: ['/refs'], query: { service: ['git-upload-pack'] } },
    { paths: ['/either'], query: { service: ['a', 'b c', ''], page: ['1'] } },
    { paths: ['/without'], query: { force: [] } },
    { paths: ['/any'] },
  ]
  ;({ installation, plain, secure, proxyPort } = await startThreeDoors(
    whole as never,
    conditions.map((given) => ({ methods: ['GET'], ...given })),
  ))
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

const cases: readonly (readonly [target: string, status: number])[] = [
  ['/refs?service=git-upload-pack', 200],
  ['/refs?x=1&service=git-upload-pack&y', 200],
  ['/refs?service=git%2Dupload-pack', 200],
  ['/refs?%73ervice=git-upload-pack', 200],
  ['/refs?service=git-upload-pack&service=git-upload-pack', 200],
  ['/refs', 403],
  ['/refs?', 403],
  ['/refs?service', 403],
  ['/refs?service=', 403],
  ['/refs?service=git-receive-pack', 403],
  ['/refs?service=git-upload-pack&service=git-receive-pack', 403],
  ['/refs?service=git-receive-pack&service=git-upload-pack', 403],
  ['/refs?service=git-upload-pack&%73ervice=git-receive-pack', 403],
  ['/refs?service=GIT-UPLOAD-PACK', 403],
  ['/refs?service=git-upload-pack%00', 403],
  ['/refs?service=+git-upload-pack', 403],
  // Origins that read another name for the same key, or another separator, would find another value.
  ['/refs?service=git-upload-pack&Service=git-receive-pack', 403],
  ['/refs?service=git-upload-pack&service[]=git-receive-pack', 403],
  ['/refs?service=git-upload-pack&service%5B0%5D=git-receive-pack', 403],
  ['/refs?service=git-upload-pack&+service=git-receive-pack', 403],
  ['/refs?service=git-upload-pack;service=git-receive-pack', 403],
  ['/refs?x=1;service=git-receive-pack&service=git-upload-pack', 403],
  ['/refs?x=1;y=2&service=git-upload-pack', 200],
  ['/refs?x=%3Bservice%3Dgit-receive-pack&service=git-upload-pack', 200],
  ['/refs?SERVICE=git-upload-pack', 403],
  ['/either?service=a&page=1', 200],
  ['/either?page=1&service=b+c', 200],
  ['/either?page=1&service=b%20c&service=a', 200],
  ['/either?page=1&service', 200],
  ['/either?service=a', 403],
  ['/either?service=a&page=2', 403],
  ['/either?service=d&page=1', 403],
  ['/without', 200],
  ['/without?other=1', 200],
  ['/without?force', 403],
  ['/without?force=0', 403],
  ['/without?FORCE=1', 403],
  ['/without?a;force=1', 403],
  ['/any?service=git-receive-pack&force', 200],
]

test('a condition on the query holds through the proxy, inside a tunnel and for a service, and what was judged arrives', async () => {
  const ask = (line: string) => exchangeRaw(proxyPort, `GET ${line} HTTP/1.1\r\nHost: localhost\r\n${auth}Connection: close\r\n\r\n`)
  await eachCase(cases, async ([target, status]) => {
    const before = plain.requests.length + secure.requests.length
    assert.equal(statusOf(await ask(`http://localhost:${plain.port}${target}`)), status, 'proxy')
    assert.equal(statusOf(await ask(`/services/s${target}`)), status, 'service')
    const inside = `GET ${target} HTTP/1.1\r\nHost: localhost:${secure.port}\r\nConnection: close\r\n\r\n`
    assert.equal(statusOf(await exchangeInside(installation, { proxyPort, port: secure.port }, inside)), status, 'inside a tunnel')
    assert.equal(plain.requests.length + secure.requests.length - before, status === 200 ? 3 : 0)
  })
})

test('a denial names the key of the condition, and not the value', async () => {
  const answer = await exchangeRaw(
    proxyPort,
    `GET http://localhost:${plain.port}/refs?service=sesame HTTP/1.1\r\nHost: x\r\n${auth}Connection: close\r\n\r\n`,
  )
  assert.match(answer, /does not allow this value of the query key/)
  assert.doesNotMatch(answer, /sesame/)
})
