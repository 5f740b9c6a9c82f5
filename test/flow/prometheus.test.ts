/** deploy/prometheus and deploy/grafana, judged by Prometheus and by Grafana's own schema; and a real Prometheus that scrapes a gateway. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parse } from 'yaml'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { buildGoProgram } from '../support/go-program.ts'
import { createInstallation, exchangeRaw, manifest, networkTo, proxyHeader, root, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { promtool, startPrometheus, withoutPrometheus } from '../support/prometheus.ts'
import { unless } from '../support/tools.ts'

const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
after(() => whole.cleanups.forEach((cleanup) => void cleanup()))
const missing = await withoutPrometheus()
const grafana = await buildGoProgram(whole, 'go-grafana')

const rulesFile = join(root, 'deploy/prometheus/rules.yaml')
const boardFile = join(root, 'deploy/grafana/sallyport.json')

interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly labels?: { readonly severity: string }
  readonly annotations?: { readonly summary: string; readonly runbook: string }
}

interface Board {
  readonly panels: readonly {
    readonly title: string
    readonly description?: string
    readonly targets?: readonly { readonly expr: string }[]
  }[]
  readonly templating: { readonly list: readonly { readonly definition?: string }[] }
}

const rules = (parse(readFileSync(rulesFile, 'utf8')) as { groups: readonly { rules: readonly Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
)
const board = JSON.parse(readFileSync(boardFile, 'utf8')) as Board
const queries = board.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
const definitions = board.templating.list.flatMap(({ definition }) => definition ?? [])

/** Name → its labels, as docs/reference/metrics.md lists what /metrics gives (test/unit/docs.test.ts). */
const documented = new Map(
  [...readFileSync(join(root, 'docs/reference/metrics.md'), 'utf8').matchAll(/^\| `(sallyport_\w+)` *\| *\w+ *\| *([\w, –]*?) *\|/gm)].map(
    ([, name = '', labels = '']) => [name, labels.split(', ')] as const,
  ),
)
/** Of every series that Prometheus has scraped; the bound of a histogram's bucket. */
const added = ['instance', 'job', 'le']

/** Series that are asked for, with the labels that the selector names. */
const selectorsIn = (expr: string) =>
  [...expr.matchAll(/\b(sallyport_\w+)(?:\{([^}]*)\})?/g)].map(([, name = '', selected = '']) => ({
    name: name.replace(/_(?:bucket|sum|count)$/, ''),
    labels: [...selected.matchAll(/(\w+)(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  }))

test('every metric and label that an alert or a panel asks for is one of the reference', () => {
  const selectors = [...rules.map(({ expr }) => expr), ...queries, ...definitions].flatMap(selectorsIn)
  assert.ok(selectors.length > 60)
  eachCase(selectors, ({ name, labels }) => {
    const known = documented.get(name)
    assert.ok(known !== undefined, `${name} is not in docs/reference/metrics.md`)
    assert.deepEqual(
      labels.filter((label) => ![...known, ...added].includes(label)),
      [],
    )
  })
})

test('every alert says how bad it is, what it is about, and where to read on', () => {
  const alerts = rules.filter(({ alert }) => alert !== undefined)
  assert.ok(alerts.length > 20)
  eachCase(alerts, ({ labels, annotations }) => {
    assert.match(labels?.severity ?? '', /^(?:critical|warning|info)$/)
    assert.match(annotations?.summary ?? '', /\.$/)
    assert.ok(existsSync(join(root, annotations?.runbook ?? 'nowhere')), annotations?.runbook)
  })
})

test('promtool takes the rules, and they fire where they should', unless(missing), async () => {
  assert.match(await promtool('check', 'rules', rulesFile), /SUCCESS: \d+ rules found/)
  await promtool('test', 'rules', join(import.meta.dirname, '../support/prometheus-rules.test.yaml'))
})

test('every query of the dashboard is one for Prometheus', unless(missing), async (t) => {
  const variables: Readonly<Record<string, string>> = { $integration: '.*', $instance: '.*', $__rate_interval: '5m' }
  const filled = queries.map((expr) => expr.replace(/\$\w+/g, (name) => variables[name] ?? name))
  const file = join(createFolder(t), 'queries.yaml')
  writeFileSync(
    file,
    JSON.stringify({ groups: [{ name: 'queries', rules: filled.map((expr, index) => ({ record: `query:${index}`, expr })) }] }),
  )
  assert.match(await promtool('check', 'rules', file), new RegExp(`SUCCESS: ${queries.length} rules found`))
})

test('the dashboard is what Grafana takes for one, and each panel says what it shows', unless(grafana.missing), async (t) => {
  const said = async (file: string) => (await command(grafana.program, [file])).stdout
  assert.equal(await said(boardFile), '')
  const wrong = join(createFolder(t), 'wrong.json')
  writeFileSync(wrong, JSON.stringify({ ...board, graphTooltip: 'shared', panes: [] }))
  assert.match(await said(wrong), /graphTooltip/)
  eachCase(
    board.panels.filter(({ targets }) => targets !== undefined),
    ({ description }) => assert.match(description ?? '', /\.$/),
  )
})

test('a Prometheus scrapes a gateway, keeps the traces of its exemplars, and evaluates the rules over it', unless(missing), async (t) => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const origin = await startOrigin(t)
  const installation = createInstallation(t, { manifests: { 'weather.yaml': manifest('weather', networkTo(origin.port)) } })
  const { proxyPort, gateway } = await startHere(t, installation)
  await exchangeRaw(
    proxyPort,
    `GET http://localhost:${origin.port}/ HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\ntraceparent: 00-${trace}-00f067aa0ba902b7-01\r\nConnection: close\r\n\r\n`,
  )
  const { ask } = await startPrometheus(t, { scraped: gateway.health.port, rules: rulesFile })
  const exemplars = () =>
    ask(`query_exemplars?query=sallyport_request_duration_seconds_bucket&start=${Date.now() / 1000 - 600}&end=${Date.now() / 1000 + 1}`)
  const found = await eventually('the exemplar is kept', async () => {
    const [series] = (await exemplars()) as { exemplars: { labels: Record<string, string> }[]; seriesLabels: Record<string, string> }[]
    return series ?? null
  })
  assert.deepEqual([found.exemplars[0]?.labels, found.seriesLabels['integration']], [{ trace_id: trace }, 'weather'])
  const up = (await ask('query?query=up')) as { result: { value: [number, string] }[] }
  assert.equal(up.result[0]?.value[1], '1')
  const evaluated = await eventually('each rule is evaluated', async () => {
    const { groups } = (await ask('rules')) as { groups: { rules: { health: string; lastError?: string }[] }[] }
    const all = groups.flatMap((group) => group.rules)
    return all.every(({ health }) => health !== 'unknown') ? all : null
  })
  assert.deepEqual(
    evaluated.filter(({ health }) => health !== 'ok'),
    [],
  )
})
