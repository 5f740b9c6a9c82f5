/** What `sallyport doctor` says of receivers of alerts, and `sallyport status` of alerts, without a message that is sent. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { doctor } from '../../src/cli/doctor.ts'
import { startReceiver } from '../support/alert-receivers.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeUntilCut, type Installation, main, proxyHeader, startHere } from '../support/installation.ts'
import { bodyOf, startOrigin } from '../support/origin.ts'

const checkOf = async ({ configFile }: Installation) =>
  (await doctor(configFile)).find(({ name }) => name === 'receivers of alerts') ?? { state: '', detail: '' }

/** Of receivers in YAML, where no gateway runs. */
async function saidOf(t: TestContext, receivers: string) {
  const installation = createInstallation(t, { config: `watch: { receivers: [${receivers}] }` })
  installation.write('secret', 'a-shared-secret\n')
  installation.write('hook', 'http://hooks.invalid/services/T0/B0/XXXX\n')
  return checkOf(installation)
}

test('each receiver is named, and what tests it; a gateway without receivers, and one that watches nothing, say so', async (t) => {
  const good = await saidOf(t, '{ name: ops, type: webhook, url: "http://localhost:9/hook", secret: { file: secret } }')
  assert.equal(good.state, 'ok')
  assert.equal(good.detail, 'ops; whether they take messages, "sallyport alerts test ops" says once the gateway runs')
  assert.match((await saidOf(t, '')).detail, /^none: /)
  assert.equal((await checkOf(createInstallation(t))).detail, 'nothing is watched')
})

test('a name that is not found, messages that are not signed and a credential in the clear are warned of, and no secret is shown', async (t) => {
  await eachCase(
    [
      [
        '{ name: ops, type: webhook, url: "https://hooks.invalid/a", secret: { file: secret } }',
        /^ops: hooks\.invalid is not found \(.+\): messages wait/,
      ],
      ['{ name: ops, type: webhook, url: "http://127.0.0.1:9/a" }', /^ops: messages are not signed/],
      [
        '{ name: am, type: alertmanager, url: "http://192.0.2.1:9093", token: { file: secret } }',
        /^am: its token travels in the clear: use https/,
      ],
      [
        '{ name: am, type: alertmanager, url: "http://localhost.invalid:9093", token: { file: secret } }',
        /^am: its token travels in the clear: use https\nam: localhost\.invalid is not found/,
      ],
      [
        '{ name: chat, type: slack, url: { file: hook } }',
        /^chat: the path of its URL travels in the clear: use https\nchat: hooks\.invalid is not found/,
      ],
    ] as const,
    async ([receivers, said]) => {
      const { state, detail } = await saidOf(t, receivers)
      assert.equal(state, 'warn')
      assert.match(detail, said)
      assert.match(detail, /\n"sallyport alerts test \w+" sends a message, and says what is answered$/)
      assert.doesNotMatch(detail, /a-shared-secret|XXXX/)
    },
  )
})

test('a secret that cannot be read is the configuration’s fault, and named', async (t) => {
  const installation = createInstallation(t, {
    config: 'watch: { receivers: [{ name: ops, type: webhook, url: "http://localhost:9/a", secret: { file: none } }] }',
  })
  const [failed] = (await doctor(installation.configFile)).filter(({ state }) => state === 'fail')
  assert.equal(failed?.name, 'configuration')
  assert.match(failed?.detail ?? '', /watch\.receivers\.0\.secret: the secret's file cannot be read: ENOENT$/)
})

test('a receiver that takes nothing is named by doctor and status, with the reason and what waits', async (t) => {
  const receiver = await startReceiver(t)
  const origin = await startOrigin(t, {
    answer: (req, res) =>
      void bodyOf(req).then(
        () => res.end(),
        () => {},
      ),
  })
  const installation = createInstallation(t, {
    config: `watch: { receivers: [{ name: ops, type: webhook, url: "${receiver.url}/hook", secret: { file: secret }, maxDelay: 1h }] }`,
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) },
  })
  installation.write('secret', 'a-shared-secret\n')
  receiver.answers.push(
    ...Array.from(
      { length: 50 },
      () => (res: Parameters<(typeof receiver.answers)[number]>[0]) => void res.writeHead(500).end('out of order'),
    ),
  )
  const { proxyPort } = await startHere(t, installation)
  const status = async () =>
    (await askGateway(`${installation.folder}/state/admin.sock`, 'GET', '/v1/status')).body as {
      readonly watch: { readonly alerts: { readonly open: number; readonly failing: readonly object[] } | null }
    }
  await eventually('the process that watches has said how alerts are', async () => (await status()).watch.alerts !== null)
  await checkOf(installation).then(({ detail }) => assert.equal(detail, 'ops; "sallyport alerts test ops" sends a message'))
  const head = `POST http://localhost:${origin.port}/ HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n`
  await exchangeUntilCut(proxyPort, `${head}Content-Length: 10000000\r\nConnection: close\r\n\r\n${'x'.repeat(10_000_000)}`)
  const { alerts } = await eventually('the receiver fails', async () => {
    const { watch } = await status()
    return watch.alerts !== null && watch.alerts.failing.length > 0 ? watch : null
  })
  assert.partialDeepStrictEqual(alerts, {
    open: 1,
    acknowledged: 0,
    highest: 'critical',
    receivers: 1,
    failing: [{ name: 'ops', waiting: 1 }],
  })
  const { stdout } = await command(process.execPath, [main, 'watch', 'status', '--config', installation.configFile])
  assert.match(
    stdout,
    /^alerts {4}1 open \(critical at most\), 0 in hand\nreceiver {2}ops takes nothing: .*out of order; 1 message waits$/m,
  )
  const { state, detail } = await checkOf(installation)
  assert.equal(state, 'warn')
  assert.match(detail, /^ops: .*answers with 500: out of order; 1 message waits, since 2\S+Z\n/)
  assert.equal(receiver.taken.length, 0)
})
