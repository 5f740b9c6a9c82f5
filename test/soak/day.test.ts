/** A day's mixed load in minutes (`npm run soak`: ten of them, and as many days as these hold): nothing is left of it. */

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { createServer as createHttp, type RequestListener } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { WebSocketServer } from 'ws'
import { verifyAudit } from '../../src/proof/index.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { countDescriptors, describeDescriptors } from '../support/descriptors.ts'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import { type Child, createInstallation, main, startChild } from '../support/installation.ts'
import { memoryLine } from '../support/reports-memory.ts'
import { createServer } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'
import { type Day, manifestOf, operation, traffic } from './day.ts'

const test = await testWith('compiler')

const minutes = Number(process.env['SALLYPORT_DAY_MINUTES'] ?? 0)
/** At least so many; a whole day where there is time. */
const leastHours = minutes > 0 ? 24 : 8
/** Some is kept in hand, more or less from one look to the next; caches still fill in the first day. */
const maxGrowthBytes = (minutes > 0 ? 4 : 8) * 1024 ** 2

async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return (server.address() as AddressInfo).port
}

async function arrange(t: TestContext): Promise<{ day: Day; child: Child }> {
  const installation = createInstallation(t)
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const answer: RequestListener = (req, res) => void (req.url === '/v1/slow' ? res.write('a part') : res.end('hello'))
  const plainServer = createHttp(answer)
  const sockets = new WebSocketServer({ server: plainServer })
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(String(text))))
  t.after(() => plainServer.closeAllConnections())
  const echoServer = createServer((socket) => void socket.on('error', () => {}).pipe(socket))
  const ports = {
    plain: await listen(t, plainServer),
    tls: await listen(t, createHttps({ key: certificate.key, cert: certificate.certificate }, answer)),
    echo: await listen(t, echoServer),
  }
  for (const name of ['data', 'shadow']) mkdirSync(join(installation.folder, name))
  installation.write('data/hello.txt', 'hello')
  installation.write('shadow/c.rego', 'package sallyport.rules\n')
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}http: { originCa: ./origin-ca.crt, connectTimeout: 5m, originTimeout: 5m, headersTimeout: 5m }\naudit: { maxSegment: 64KiB }\npolicy: { shadow: { rules: ./shadow, enforce: 10 } }\nservices: [{ name: named, url: "http://localhost:${ports.plain}", timeout: 5m }]\n`,
  )
  installation.write('integrations/weather.yaml', manifestOf('weather', ports, 0))
  installation.write('integrations/flood.yaml', grant({ name: 'flood', limits: { arrivals: { rate: '1/h', burst: 1 } } }))
  const reports = join(import.meta.dirname, '../support/reports-memory.ts')
  const child = await startChild(t, installation, { command: [process.execPath, '--no-warnings', '--import', reports, main] })
  return { day: { installation, proxyPort: child.proxyPort, healthPort: child.healthPort, ports }, child }
}

/** What the gateway holds after a collection. */
async function queuedBytes({ process: child, stderr }: Child): Promise<number> {
  const before = [...stderr().matchAll(memoryLine)].length
  child.kill('SIGWINCH')
  return eventually('it says what it holds', () => {
    const lines = [...stderr().matchAll(memoryLine)]
    return lines.length > before ? Number(lines.at(-1)?.[1]) : null
  })
}

test('a day of mixed load leaks no memory and no descriptor, and settles every arrival', async (t) => {
  const { day, child } = await arrange(t)
  const pid = child.process.pid ?? 0
  const began = performance.now()
  const elapsedMinutes = () => (performance.now() - began) / 60_000
  let warm: { readonly bytes: number; readonly descriptors: number } | null = null
  let hour = 0
  const look = async () => {
    const bytes = await queuedBytes(child)
    const found = { bytes, descriptors: countDescriptors(pid) }
    const line = `after ${hour} hours and ${elapsedMinutes().toFixed(1)} minutes ${Math.round(bytes / 1024)} KiB, ${found.descriptors} descriptors`
    t.diagnostic(line)
    if (minutes > 0) console.error(line)
    return found
  }
  for (; hour < leastHours || elapsedMinutes() < minutes; hour += 1) {
    await traffic(day, hour)
    await operation(day, hour)
    // Caches are full by then, and both shadow policies were compiled.
    if (warm === null && hour >= leastHours / 2 && elapsedMinutes() >= minutes / 4) warm = await look()
    else if (hour % 24 === 23) await look()
  }
  const { bytes } = await look()
  const grown = bytes - (warm?.bytes ?? 0)
  assert.ok(grown < maxGrowthBytes, `${grown} bytes more than after the first part`)
  await eventually(`no connection is left:\n${describeDescriptors(pid)}`, () => countDescriptors(pid) <= (warm?.descriptors ?? 0) + 4)
  assert.doesNotMatch(child.stderr(), /"level":"(?:error|fatal)"/)
  child.process.kill('SIGTERM')
  assert.deepEqual(await child.exited(), { code: 0, signal: null })
  const log = join(day.installation.folder, 'state/audit')
  const { findings, unsettled, records } = await verifyAudit(log)
  assert.deepEqual([findings, unsettled], [[], 0])
  t.diagnostic(`${hour} hours, ${records} records, ${Math.round(grown / 1024)} KiB more`)
})
