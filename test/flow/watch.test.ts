/** Watching, from a request to what is said of it. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { loadConfig } from '../../src/config/index.ts'
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, exchangeUntilCut, main, portOf, proxyHeader } from '../support/installation.ts'
import { bodyOf, startOrigin } from '../support/origin.ts'

const post = (destination: string, length: number) =>
  `POST http://${destination}/ HTTP/1.1\r\nHost: ${destination}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`

async function arrange(t: TestContext, config = 'watch: {}') {
  const origin = await startOrigin(t, {
    answer: (req, res) =>
      void bodyOf(req).then(
        () => res.end('hello'),
        () => {},
      ),
  })
  const installation = createInstallation(t, { config, manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) } })
  const destination = `localhost:${origin.port}`
  const log: string[] = []
  const ask = (gateway: Gateway) => exchangeRaw(portOf(gateway), post(destination, 0))
  /** Of 10 MB, which its rule may cut before the last of them has passed. */
  const upload = (gateway: Gateway, length = 10_000_000) =>
    exchangeUntilCut(portOf(gateway), `${post(destination, length)}${'x'.repeat(10_000_000)}`)
  const start = async () => {
    const gateway = await startGateway(loadConfig(installation.configFile), { logTo: { write: (line) => void log.push(line) } })
    t.after(() => gateway.close())
    return { gateway, ask: () => ask(gateway), upload: (length?: number) => upload(gateway, length) }
  }
  const get = async (path: string) => {
    const { status, body } = await askGateway(join(installation.folder, 'state/admin.sock'), 'GET', path)
    assert.equal(status, 200, JSON.stringify(body))
    return body
  }
  const used = async () => (await get('/v1/watch/weather')) as { destinations: { destination: string }[] }
  const unusual = () => log.filter((line) => line.includes('"exfiltration"'))
  return { installation, destination, start, get, used, unusual }
}

test('what is unusual is said, and destinations that were used are known after a restart', async (t) => {
  const { destination, start, used, unusual } = await arrange(t)
  const first = await start()
  await first.upload()
  await eventually('it is said', () => unusual().length === 1)
  await first.gateway.close()
  const second = await start()
  const known = await eventually('the process answers', used)
  assert.deepEqual(
    known.destinations.map((one) => one.destination),
    [destination],
  )
  await second.gateway.close()
  assert.equal(unusual().length, 1)
})

test('10 MB of an upload that is not over, to a destination that is allowed but new: its rule suspends the integration, which is cut', async (t) => {
  const { installation, destination, start, unusual } = await arrange(t)
  const { ask, upload } = await start()
  // It could go on.
  await upload(400_000_000)
  await eventually('it is said', () => unusual().length > 0)
  assert.match(await ask(), / 403 /)
  const [contained] = installation.records().filter(({ type }) => type === 'containment')
  assert.deepEqual([contained?.['integration'], contained?.['state'], contained?.['by']], ['weather', 'suspended', 'rule:exfiltration'])
  assert.match(String(contained?.['reason']), new RegExp(`^Sent [\\d.]+ MB to a new destination, ${destination}$`))
})

test('watch status says how watching is, and watch replay finds in the log what was found', async (t) => {
  const { installation, destination, start, get, unusual } = await arrange(t)
  const { gateway, upload } = await start()
  await upload()
  await eventually('it is said', () => unusual().length === 1)
  const watch = (...words: string[]) => command(process.execPath, [main, 'watch', ...words, '--config', installation.configFile])
  // The process says how it is each second.
  const status = await eventually('the process has said what it knows', async () => {
    const { stdout } = await watch('status')
    return /^known +1 integration /m.test(stdout) ? stdout : null
  })
  const asked = () => get('/v1/watch') as Promise<{ scores: { integration: string }[]; conditions: object[] }>
  const overview = await eventually('the process answers', asked)
  assert.deepEqual([overview.scores.map(({ integration }) => integration), overview.conditions], [['weather'], []])
  assert.match(status, /^process {3}\d+, started again 0 times\nslices {4}[1-9]\d* looked at, 0 dropped\nlearned {3}in a file, since 2/)
  assert.match(status, /^known {5}1 integration since the start, for 0 hours at most; read from the store: 0 baselines$/m)
  await gateway.close()
  const { stdout, code } = await watch('replay', '--from', '1h')
  assert.equal(code, 0)
  assert.match(stdout, new RegExp(`^\\S+Z {2}critical {2}exfiltration {2}weather {2}${destination} {2}Sent 10 MB to a new`, 'm'))
  assert.match(stdout, /^\S+Z to \S+Z: .*exfiltration 1/m)
  assert.doesNotMatch((await watch('replay', '--from', '2h', '--to', '1h')).stdout, /critical/)
})

test('a process that is killed is started again, requests go on, and watching goes on', async (t) => {
  const { start, get, unusual } = await arrange(t)
  const { gateway, ask, upload } = await start()
  const status = async () => ((await get('/v1/status')) as { watch: { pid: number | null; restarts: number } }).watch
  const { pid } = await eventually('it runs', async () => ((await status()).pid === null ? null : status()))
  process.kill(pid ?? 0, 'SIGKILL')
  assert.match(await ask(), / 200 /)
  await eventually('another runs', async () => (await status()).restarts === 1 && (await status()).pid !== null)
  await upload()
  await eventually('it is said', () => unusual().length === 1)
  const metrics = await (await fetch(`http://127.0.0.1:${gateway.health.port}/metrics`)).text()
  assert.match(metrics, /^sallyport_watch_restarts_total 1$/m)
})

test('without watch nothing is started or kept', async (t) => {
  const { installation, start, get } = await arrange(t, '')
  const { ask } = await start()
  await ask()
  assert.equal(((await get('/v1/status')) as { watch: unknown }).watch, null)
  assert.equal(existsSync(join(installation.folder, 'state/watch.db')), false)
})
