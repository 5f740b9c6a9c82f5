/** Drills against a gateway that runs: what they send, what they need, and that nothing of them is left. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { requireReady } from '../../src/cli/drill/prerequisites.ts'
import { runDrill } from '../../src/cli/drill/run-drill.ts'
import { type DrillKind, drillKinds, drillOf } from '../../src/cli/drill/traffic.ts'
import { createProgram } from '../../src/cli/index.ts'
import { loadConfig, rulesFrom } from '../../src/config/index.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { createInstallation, portOf } from '../support/installation.ts'
import { connect } from '../support/sockets.ts'

async function arrange(t: TestContext, config = 'watch: {}') {
  const installation = createInstallation(t, { config })
  const { configFile } = installation
  const run = async (...words: readonly string[]) => {
    let printed = ''
    const all = ['drill', ...words, '--config', configFile]
    const program = await createProgram(all, (text) => {
      printed += text
    })
    await program.parseAsync(all, { from: 'user' })
    return printed
  }
  const start = async () => {
    const gateway = await startGateway(loadConfig(configFile), { logTo: { write: () => {} } })
    t.after(() => gateway.close())
    return `127.0.0.1:${portOf(gateway)}`
  }
  const addManifest = async () => installation.write('integrations/sallyport-drill.yaml', await run('manifest'))
  return { installation, configFile, run, start, addManifest }
}

test('a drill says what is missing: watching, a gateway, its manifest, its proxy', async (t) => {
  const off = await arrange(t, '')
  await assert.rejects(off.run('flood'), /which is off: add "watch: \{\}" to sallyport\.yaml and restart the gateway/)
  const on = await arrange(t)
  await assert.rejects(on.run('flood', '--proxy', '127.0.0.1:1'), /the gateway is not running/)
  const proxy = await on.start()
  await assert.rejects(on.run('flood'), /takes a new port at each start: name it with --proxy/)
  await assert.rejects(on.run('flood', '--proxy', 'nowhere'), /expected host:port/)
  await assert.rejects(on.run('flood', '--proxy', proxy), /write its manifest with\n {2}sallyport drill manifest --config/)
})

test('the manifest has the hash of one token, which is kept for the gateway’s user alone', async (t) => {
  const { run, installation } = await arrange(t)
  const [first, second] = [await run('manifest'), await run('manifest')]
  assert.equal(first, second)
  const token = installation.read('state/drill-token').trim()
  assert.match(token, /^[\w-]{43}$/)
  assert.ok(!first.includes(token))
})

test('a drill goes through the gateway with its label in each record, and leaves nothing when it is stopped', async (t) => {
  const { installation, configFile, start, addManifest } = await arrange(t)
  await addManifest()
  const proxy = await start()
  const config = loadConfig(configFile)
  await eachCase(drillKinds, async (kind) => {
    const ready = await requireReady(config, proxy)
    const stop = new AbortController()
    const steps: string[] = []
    const drill = drillOf(kind, rulesFrom())
    const running = runDrill({ config, ready, kind, drill, say: (step) => void steps.push(step), signal: stop.signal })
    const asked = () => installation.records().slice(ready.from).filter(isAsked) as unknown as readonly Asked[]
    await eventually('requests of it are recorded', () => asked().length >= wanted[kind])
    stop.abort()
    const result = await running
    assert.partialDeepStrictEqual(result, { ok: false, drill: kind, detectMs: null })
    eachCase(asked(), ({ subject }) => assert.ok(subject.path.startsWith(`/sallyport-drill/${result.label}`)))
    assert.ok(asked().some(({ allow }) => allow))
    const { port } = asked()[0]?.subject ?? { port: 0 }
    await assert.rejects(connected(port), /ECONNREFUSED/)
    assert.match(steps[0] ?? '', new RegExp(`as "sallyport-drill" to 127\\.0\\.0\\.1:${port}$`))
  })
})

test('a drill is noticed, contained and undone, and its times are those of the log', async (t) => {
  const { installation, configFile, run, start, addManifest } = await arrange(t)
  await addManifest()
  const proxy = await start()
  const flood = JSON.parse(await run('flood', '--proxy', proxy, '--json'))
  assert.partialDeepStrictEqual(flood, { ok: true, drill: 'flood', rule: 'denials', containedBy: 'drill', bytesWhileContained: 0 })
  const { detectMs, containMs, began, records, alert } = flood
  const [raised, contained] = [records.alert, records.containment].map((index: number) => installation.records()[index])
  assert.partialDeepStrictEqual(raised, { type: 'alert', alert, rule: 'denials', integration: 'sallyport-drill', owner: 'drills' })
  assert.equal(Date.parse(String(raised?.['time'])) - Date.parse(began), detectMs)
  assert.equal(Date.parse(String(contained?.['time'])) - Date.parse(String(raised?.['time'])), containMs)
  assert.match(
    await run('exfiltration', '--proxy', proxy),
    /contained .*, by the rule: suspended[\s\S]*^OK: drill exfiltration$[\s\S]*the 2 s that it should take\)[\s\S]*the 1 s that it should take\)/m,
  )
  await assert.rejects(run('flood', '--proxy', proxy), new RegExp(`the alert ${alert} \\(denials\\) of an earlier drill is not resolved`))
  const config = loadConfig(configFile)
  assert.equal((await requireReady(config, proxy)).usedPorts.size, 2)
  const open = async (integration: string) =>
    (await askGateway(config.admin.socketPath, 'POST', `/v1/incidents?integration=${integration}&alert=${alert}`)).body
  assert.partialDeepStrictEqual(await open('sallyport-drill'), { ok: true })
  const opened = installation.records().find(({ type }) => type === 'incident')
  assert.equal(Date.parse(String(raised?.['time'])) - Date.parse(String(opened?.['from'])), 3_600_000)
  assert.partialDeepStrictEqual(await open('weather'), { ok: false, problem: `the log has no alert "${alert}" about this integration` })
})

test('a drill of beaconing works with an integration that nothing is known of, and leaves no alert open', async (t) => {
  const { configFile, run, start, addManifest } = await arrange(
    t,
    'watch: { rulesFor: { sallyport-drill: { beaconing: { minBeats: 3, minSpan: 15s } } } }',
  )
  await addManifest()
  const proxy = await start()
  const printed = await run('beacon', '--proxy', proxy)
  assert.match(printed, /each 5\.1 s: it can be noticed after 15\.3 s, since the rules in force ask for 3 intervals and 15 s/)
  assert.match(printed, /request 2 was answered with 200; \d+(?:\.\d)? s to go\n/)
  assert.match(printed, /detected after .*: rule beaconing[\s\S]*contained .*, by this drill[\s\S]*^OK: drill beacon$/m)
  const alerts = await askGateway(loadConfig(configFile).admin.socketPath, 'GET', '/v1/alerts?state=open,acknowledged')
  const states = (alerts.body as { alerts: { rule: string; state: string }[] }).alerts.map(({ rule, state }) => `${rule} ${state}`)
  assert.deepEqual(states, ['beaconing acknowledged'])
})

test('a drill that no rule would notice is not begun', async (t) => {
  const { run, start, addManifest } = await arrange(
    t,
    'watch: { rules: { beaconing: { fromStart: [] }, exfiltration: { enabled: false }, upload-volume: { except: [sallyport-drill] } } }',
  )
  await addManifest()
  const proxy = await start()
  await assert.rejects(run('beacon', '--proxy', proxy), /fromStart names .* known for 1 d 1 h .*, and it has made no request yet/)
  await assert.rejects(
    run('exfiltration', '--proxy', proxy),
    /nothing would notice this: watch\.rules\.exfiltration and watch\.rules\.upload-volume must be enabled/,
  )
})

interface Asked {
  readonly allow: boolean
  readonly subject: { readonly path: string; readonly port: number }
}

const isAsked = ({ type, integration }: Readonly<Record<string, unknown>>) => type === 'decided' && integration === 'sallyport-drill'

const wanted: Readonly<Record<DrillKind, number>> = { exfiltration: 1, beacon: 1, flood: 20 }

function connected(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve()
    })
    socket.on('error', reject)
  })
}
