/** Masks of the decision log: as the real `opa` applies them, and against pointers that mean harm. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { readBundle } from '../../src/bundles/index.ts'
import { type Compile, commandFolders, createCompile } from '../../src/opa/index.ts'
import { noGrants } from '../../src/policy/external-calls/external-caller.ts'
import { createPolicy } from '../../src/policy/policy.ts'
import { preparePrograms } from '../../src/policy/program.ts'
import { applyMasks } from '../../src/reporting/apply-masks.ts'
import type { DecisionEvent } from '../../src/reporting/event.ts'
import { createMaskPolicy } from '../../src/reporting/mask-policy.ts'
import { readMaskRules } from '../../src/reporting/mask-rules.ts'
import { bundleOf, snapshotOf } from '../support/bundles.ts'
import { eachCase, times } from '../support/cases.ts'
import { endingWithUs } from '../support/children.ts'
import { type Event, startCollector } from '../support/collector.ts'
import { composed } from '../support/composed.ts'
import { createFolder } from '../support/folder.ts'
import { findOpa } from '../support/opa.ts'
import { createServer } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler', 'opa')

const document = { name: 'n', list: [1, { deep: 'x' }, [2, 3]], object: { inner: { leaf: true }, '': 'empty' } }

/** What `mask` gives, in a set unless the case says that it is a list. */
const cases: Readonly<Record<string, readonly unknown[]>> = {
  none: [],
  'a key': ['/input/name'],
  'a key within': ['/input/object/inner/leaf'],
  'an item': ['/input/list/0'],
  'an item within an item': ['/input/list/2/1', '/input/list/1/deep'],
  'the whole input': ['/input'],
  'the whole result': ['/result'],
  'both, and what is below them': ['/input', '/result', '/input/name', '/result/allow'],
  'nothing that is there': [
    '/input/no',
    '/input/name/no',
    '/input/list/9',
    '/input/list/x',
    '/input/list/-1',
    '/nd_builtin_cache/x',
    '/result/no/such',
  ],
  'an empty key': ['/input/object/'],
  'a trailing slash': ['/input/name/'],
  'a replacement': [{ op: 'upsert', path: '/input/name', value: { a: 1 } }],
  'a new key': [{ op: 'upsert', path: '/input/a/b/c', value: 'new' }],
  'an item replaced': [{ op: 'upsert', path: '/input/list/1', value: null }],
  'an item that is not there': [{ op: 'upsert', path: '/input/list/7', value: 1 }],
  'below a scalar': [{ op: 'upsert', path: '/input/name/x', value: 1 }],
  'the input replaced': [{ op: 'upsert', path: '/input', value: 'masked' }, '/input/name'],
  'a replacement without a value': [{ op: 'upsert', path: '/result/allow' }],
  'a removal spelled out': [{ op: 'remove', path: '/result/reasons' }],
  'a removal and a replacement of one key': [
    { op: 'upsert', path: '/input/name', value: 'late' },
    { op: 'remove', path: '/input/name' },
    '/input/name',
  ],
  'a prototype': ['/input/__proto__', '/input/constructor/prototype', { op: 'upsert', path: '/input/__proto__/polluted', value: true }],
  'characters that OPA escapes': ['/input/a b', '/input/ü', "/input/it's"],
  'not a place that may be masked': ['/labels/id'],
  'no slash': ['input/name'],
  'an empty path': [''],
  'a lone percent sign': ['/input/%zz'],
  'another operation': [{ op: 'replace', path: '/input/name', value: 1 }],
  'no operation': [{ path: '/input/name' }],
  'no path': [{ op: 'remove' }],
  'a number': [1],
  'a list': [['/input/name']],
  'one good and one bad': ['/input/name', 7],
}

const rules = `package system.log

cases := ${JSON.stringify(cases)}

mask contains rule if some rule in cases[input.input.case]

drop := true if input.input.case == "dropped"

drop := "true" if input.input.case == "dropped in a way"

mask contains "/input/clash" if {
	input.input.case == "a conflict"
	clash == 1
}

clash := 1 if input.input.case

clash := 2 if input.input.case == "a conflict"
`

const decisive = 'package sallyport\n\ndecision := {"allow": true, "reasons": ["r"], "list": [1, 2]}\n'
const names = [...Object.keys(cases), 'dropped', 'dropped in a way', 'a conflict']

/** Events as OPA 1.22 sends them, by case. */
async function opaEvents(t: TestContext): Promise<ReadonlyMap<string, Event>> {
  const collector = await startCollector(t)
  const config = {
    services: { c: { url: collector.url } },
    decision_logs: { service: 'c', reporting: { min_delay_seconds: 1, max_delay_seconds: 1 } },
  }
  const folder = createFolder(t, { 'config.json': JSON.stringify(config), 'rules/mask.rego': rules, 'rules/decision.rego': decisive })
  const port = await freePort()
  const args = ['run', '--server', '--addr', `127.0.0.1:${port}`, '--disable-telemetry', '-c', 'config.json', 'rules']
  const [program, ...words] = endingWithUs(findOpa(), ...args)
  const child = spawn(program, words, { cwd: folder, stdio: 'ignore' })
  t.after(() => void child.kill('SIGKILL'))
  const reachable = () =>
    fetch(`http://127.0.0.1:${port}/health`).then(
      ({ ok }) => ok,
      () => false,
    )
  while (!(await reachable()));
  for (const name of [...names, 'last']) {
    const body = JSON.stringify({ input: { ...document, case: name } })
    await (await fetch(`http://127.0.0.1:${port}/v1/data/sallyport/decision`, { method: 'POST', body })).text()
  }
  const caseOf = ({ input }: Event) => (input as { case?: string } | undefined)?.case
  await collector.until(() => collector.events().some((event) => caseOf(event) === 'last'))
  // Cases whose input is masked whole are known by their place.
  const numbers = collector
    .events()
    .map((event) => [names[(event['req_id'] as number) - first(collector.events())] ?? 'last', event] as const)
  return new Map(numbers)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** OPA counts requests from the server's start. */
function first(events: readonly Event[]): number {
  return (events[0]?.['req_id'] as number | undefined) ?? 0
}

const part = ({ input, result, erased, masked }: Readonly<Record<string, unknown>>) =>
  JSON.parse(JSON.stringify({ input, result, erased, masked })) as unknown

const maskPolicyIn = (t: TestContext, grants: readonly string[] = []) =>
  createMaskPolicy({ cacheFolder: createFolder(t), compile: createCompile(), grants, maxMemoryPages: 200, maxEvaluationMs: 1000 })

compilerTest('masks stand beside rules that ask outside, and may not ask themselves', async (t) => {
  const ask = 'count(http.send({"method": "get", "url": "http://localhost"})) > 0'
  const masks = maskPolicyIn(t, ['http.send'])
  const asking = { 'rules/ask.rego': `package sallyport.rules\n\ndeny contains "x" if ${ask}\n` }
  ;(await masks.prepare(composed({ rules: { ...asking, 'rules/mask.rego': 'package system.log\n\nmask contains "/input"\n' } }))).activate()
  const event = { input: {}, timestamp: '2026-01-01T00:00:00Z' } as unknown as DecisionEvent
  assert.equal(masks.evaluate(event).masks.length, 1)
  await assert.rejects(
    masks.prepare(composed({ rules: { 'rules/mask.rego': `package system.log\n\nmask contains "/input" if ${ask}\n` } })),
    /package system\.log calls http\.send/,
  )
})

compilerTest('tests that rules and masks share run once per activation', async (t) => {
  const commands: string[] = []
  const compileNow = createCompile()
  const compile: Compile = (request, signal) => {
    commands.push(request.command)
    return compileNow(request, signal)
  }
  const common = { compile, maxMemoryPages: 200, maxEvaluationMs: 1000 }
  const policy = createPolicy({ ...common, cacheFolder: createFolder(t), readContext: () => ({}), onFailure() {} })
  const masks = createMaskPolicy({ ...common, cacheFolder: createFolder(t), grants: [] })
  const rules = {
    'rules/a.rego': 'package sallyport.rules\n\ndeny contains "x" if input.http.path == "/x"\n',
    'rules/mask.rego': 'package system.log\n\nmask contains "/input"\n',
    'rules/a_test.rego': 'package a_test\n\ntest_mask if "/input" in data.system.log.mask\n',
  }
  await preparePrograms({ integrations: [], rules, bundles: new Map() }, [policy, masks])
  assert.equal(commands.filter((command) => command === 'test').length, 1)
})

compilerTest('the tests of masks see the data of bundles', async (t) => {
  const files = {
    'data.json': { acme: { hidden: ['/input'] } },
    'mask.rego': 'package system.log\n\nmask contains path if some path in data.acme.hidden\n',
    'mask_test.rego': 'package system.log_test\n\ntest_hidden if "/input" in data.system.log.mask\n',
  }
  const bundle = snapshotOf(await readBundle(await bundleOf(files), { origin: 'acme', verification: null }))
  const masks = maskPolicyIn(t)
  ;(await masks.prepare(composed({ bundles: new Map([['acme', bundle]]) }))).activate()
  assert.equal(masks.evaluate({ input: {}, timestamp: '2026-01-01T00:00:00Z' } as unknown as DecisionEvent).masks.length, 1)
})

compilerTest('masks and drops do to an event what OPA does', async (t) => {
  const theirs = await opaEvents(t)
  assert.ok(theirs.size > 20 && theirs.size < names.length)
  const masks = maskPolicyIn(t)
  ;(await masks.prepare(composed({ rules: { 'rules/mask.rego': rules } }))).activate()
  eachCase(names, (name) => {
    const expected = theirs.get(name)
    const event = {
      input: { ...structuredClone(document), case: name },
      result: { allow: true, reasons: ['r'], list: [1, 2] },
      timestamp: '2026-01-01T00:00:00Z',
    } as unknown as DecisionEvent
    assert.deepEqual(sentOf(masks, event), expected === undefined ? null : part(expected), name)
  })
})

/** What of the event leaves; `null`: nothing. */
function sentOf(masks: ReturnType<typeof maskPolicyIn>, event: DecisionEvent): unknown {
  try {
    const result = masks.evaluate(event)
    applyMasks(event, result.masks)
    return result.drop ? null : part(event as unknown as Record<string, unknown>)
  } catch {
    return null
  }
}

function masked(input: unknown, ...masks: readonly unknown[]): Record<string, unknown> {
  const event = { input, timestamp: '' } as unknown as DecisionEvent
  applyMasks(event, readMaskRules(masks, true))
  return event as unknown as Record<string, unknown>
}

test('a list keeps the author’s order, a set has one that does not depend on a hash', () => {
  const both = [{ op: 'upsert', path: '/input/a', value: 2 }, '/input/a']
  assert.deepEqual(
    readMaskRules(both, true).map(({ op }) => op),
    ['upsert', 'remove'],
  )
  assert.deepEqual(
    readMaskRules(both, false).map(({ op }) => op),
    ['remove', 'upsert'],
  )
  assert.deepEqual(
    readMaskRules(both.toReversed(), false).map(({ op }) => op),
    ['remove', 'upsert'],
  )
})

test('a pointer to a prototype touches no prototype', () => {
  const event = masked(
    { a: {} },
    { op: 'upsert', path: '/input/__proto__/polluted', value: 'yes' },
    { op: 'upsert', path: '/input/a/constructor/prototype/polluted', value: 'yes' },
    '/input/a/toString',
    '/input/a/__proto__/hasOwnProperty',
  )
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
  assert.equal(Object.getPrototypeOf(event['input']), Object.prototype)
  assert.equal(JSON.stringify(event['input']), '{"a":{"constructor":{"prototype":{"polluted":"yes"}}},"__proto__":{"polluted":"yes"}}')
  assert.equal(typeof {}.toString, 'function')
})

test('a key with a slash, a tilde or a space is found as it is written in a JSON pointer', () => {
  assert.deepEqual(masked({ 'a/b': 1, 'c~d': 2, 'e f': 3, g: 4 }, '/input/a~1b', '/input/c~0d', '/input/e f')['input'], { g: 4 })
})

test('one value that is put in two places is two values', () => {
  const rule = { op: 'upsert', value: { secret: 1, kept: 2 } }
  const { input } = masked({}, { ...rule, path: '/input/a' }, { ...rule, path: '/input/b' }, '/input/a/secret')
  assert.deepEqual(input, { a: { kept: 2 }, b: { secret: 1, kept: 2 } })
})

test('what is neither a set nor a list of masks masks nothing and is told', () => {
  eachCase(['/input', { '/input': true }, 1, true, null], (value) => {
    assert.throws(() => readMaskRules(value, false), /neither a set nor a list/)
  })
  assert.deepEqual(readMaskRules(undefined, false), [])
})

compilerTest('what is newer ends the compiler of a policy and of its masks, whichever is at work', async (t) => {
  const rules = {
    'rules/deny.rego': 'package sallyport.rules\n\ndeny contains "x" if input.http.method == "PUT"\n',
    'rules/mask.rego': 'package system.log\n\nmask contains "/input"\n',
  }
  const alwaysAsks = createCompile({ ...commandFolders(), keepsAnswers: false, work: [createFolder(t)] })
  let began = 0
  /** Tells to give up as soon as the compiler has begun for the `at`th time. */
  const prepare = (at: number) => {
    const controller = new AbortController()
    began = 0
    const compile: Compile = (request, signal) => {
      began += 1
      if (began === at) setImmediate(() => controller.abort(new Error('something newer')))
      return alwaysAsks(request, signal)
    }
    const options = { cacheFolder: createFolder(t), compile, maxMemoryPages: 200, maxEvaluationMs: 1000 }
    const policy = createPolicy({ ...options, grants: noGrants, readContext: () => ({}), onFailure: () => {} })
    const programs = [policy, createMaskPolicy({ ...options, grants: [] })] as const
    return preparePrograms({ integrations: [], rules, bundles: new Map() }, programs, controller.signal)
  }
  await prepare(0)
  const all = began
  assert.ok(all >= 2, `${all}`)
  await times(all, async (round) => {
    const at = round + 1
    await assert.rejects(prepare(at), { message: 'something newer' }, `${at} of ${all}`)
  })
})
