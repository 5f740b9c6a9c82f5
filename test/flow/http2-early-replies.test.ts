/** HTTP/2: a reply that comes before its request has ended is read by every caller, also by one that sends everything first. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Session } from 'node:http2'
import { after, before, test } from 'node:test'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { openSession } from '../support/http2.ts'
import { createInstallation, type Installation, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }

let installation: Installation
let session: ClientHttp2Session

before(async () => {
  const t = whole as never
  const folder = createFolder(t)
  const origin = await startOrigin(t, {
    certificate: await createOriginCertificate(folder, 'localhost'),
    answer: (_req, res) => void res.end('early'),
  })
  installation = createInstallation(t, {
    config: `http: { originCa: ${folder}/origin-ca.crt, maxLinger: 512KiB, lingerTimeout: 1h }`,
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port, { tls: 'intercept', paths: ['/early'] })] }) },
  })
  const { proxyPort } = await startHere(t, installation)
  session = await openSession(t, installation, { proxyPort, port: origin.port })
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

async function upload(path: string, bytes: number) {
  const stream = session.request({ ':method': 'POST', ':path': path })
  stream.end(Buffer.alloc(bytes))
  const [{ ':status': status }] = await once(stream, 'response')
  return { status, stream }
}

const settledOn = (path: string) => {
  const records = installation.records()
  const decided = records.findLast(({ subject }) => (subject as { path?: string } | undefined)?.path === path)
  return records.find(({ type, id }) => type === 'settled' && id === decided?.['id'])
}

for (const [path, status] of [
  ['/denied', 403],
  ['/early', 200],
] as const) {
  test(`${path}: the rest of an upload is taken after its reply, which is complete by then`, async () => {
    const { stream, ...answer } = await upload(path, 400 * 1024)
    await once(stream, 'finish')
    await once(stream.resume(), 'close')
    assert.deepEqual([answer.status, stream.rstCode], [status, 0])
    const { complete } = await eventually('it is settled', () => settledOn(path))
    assert.equal(complete, true)
  })
}

test('beyond http.maxLinger the stream is reset without an error, and the connection goes on', async () => {
  const { stream, status } = await upload('/denied', 4 * 1024 * 1024)
  await once(stream.resume(), 'close')
  assert.deepEqual([status, stream.rstCode, stream.writableFinished], [403, 0, false])
  assert.equal((await upload('/early', 1)).status, 200)
})
