/** The engine under hostile input and hostile policies: it decides or denies, and the next request is decided as by a new engine. */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { NetworkCapability } from '../../src/core/index.ts'
import { decodeManifest } from '../../src/manifests/decode.ts'
import { createLoader } from '../../src/opa/wasm/image.ts'
import { withMeter } from '../../src/opa/wasm/meter.ts'
import { policyHook } from '../../src/opa/wasm/runtime.ts'
import {
  readBodies,
  readFunctionNames,
  readImports,
  readSections,
  sections,
  writeBodies,
  writeSections,
} from '../../src/opa/wasm/sections.ts'
import { compiledPolicyFolder } from '../../src/policy/build.ts'
import { eachCase, times } from '../support/cases.ts'
import { createDecider } from '../support/decide.ts'
import { smallDefaults } from '../support/defaults.ts'
import { manifest } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const integration = (rest: string, name = 'weather') => decodeManifest(`/x/${name}.yaml`, manifest(name, rest), smallDefaults)
const weather = () => integration('network: [{ hosts: [api.example.com], tls: intercept, methods: [GET], paths: [/v1/**] }]')
const good = { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET', path: '/v1/a' }

function rules(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-rules-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(
    join(folder, 'rules.rego'),
    rego`
      package sallyport.rules
      ${text}
    `,
  )
  return folder
}

test('hostile inputs are decided or denied, and the next request is unaffected', async (t) => {
  const policy = weather()
  const { http } = await createDecider(t, [policy])
  const hostile: Record<string, unknown>[] = [
    { ...good, path: '/v1/\ud800' },
    { ...good, host: '\udfff' },
    { ...good, host: '__proto__' },
    { ...good, host: 'constructor' },
    { ...good, path: `/v1/${'x'.repeat(1_000_000)}` },
    { ...good, port: 2 ** 53 + 2 },
    { ...good, port: Number.NaN },
    { ...good, port: Number.POSITIVE_INFINITY },
    { ...good, port: null },
    { ...good, host: '' },
    {},
    { ...good, method: 0 },
    { ...good, path: '\0"\\' },
    { ...good, host: 'x'.repeat(9_000_000) },
  ]
  times(100, (round) => {
    eachCase(round < 3 ? hostile : hostile.slice(0, 4), (facts) => {
      const decision = http(policy, facts)
      assert.equal(
        decision.allow,
        typeof facts['path'] === 'string' &&
          facts['host'] === good.host &&
          facts['port'] === 443 &&
          facts['method'] === 'GET' &&
          (facts['path'] as string).startsWith('/v1/'),
        JSON.stringify(facts).slice(0, 100),
      )
    })
  })
  assert.equal(http(policy, good).allow, true)
})

compilerTest('a thousand failing evaluations deny, are told, and cost the engine nothing', async (t) => {
  const policy = weather()
  const { http, failures } = await createDecider(t, [policy], {
    rulesFolder: rules(
      t,
      rego`
        both := 1 if input.http.method == "BAD"
        both := 2 if input.http.method == "BAD"
        deny contains "x" if both == 3
      `,
    ),
  })
  times(1000, (i) => {
    const decision = http(policy, { ...good, method: 'BAD', path: `/v1/${i}` })
    assert.equal(decision.allow, false)
    assert.equal(decision.rule, 'engine/conflict')
  })
  assert.equal(failures.length, 1000)
  assert.equal(http(policy, good).allow, true)
})

compilerTest('a policy that loops is stopped by its memory, denies, and the next request is decided', async (t) => {
  const policy = weather()
  const { http, failures } = await createDecider(t, [policy], {
    rulesFolder: rules(
      t,
      rego`
        deny contains "x" if {
          input.http.method == "LOOP"
          some i in numbers.range(1, 100000)
          some j in numbers.range(1, 100000)
          i + j == -1
        }
      `,
    ),
    maxMemoryPages: 64,
    maxEvaluationMs: 10_000,
  })
  const decision = http(policy, { ...good, method: 'LOOP' })
  assert.equal(decision.allow, false)
  assert.equal(decision.rule, 'engine/memory')
  assert.equal(failures.length, 1)
  assert.equal(http(policy, good).allow, true)
})

test('a module that never tells its entry points is refused', async () => {
  const wasm = readFileSync(join(compiledPolicyFolder, 'policy.wasm'))
  const module = readSections(wasm)
  const bodies = [...readBodies(module.get(sections.code))]
  const [index = 0] = [...readFunctionNames(wasm)].find(([, name]) => name === 'entrypoints') ?? []
  // loop (br 0) end, unreachable
  bodies[index - readImports(module, null).functions] = Uint8Array.of(0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x00, 0x0b)
  const endless = withMeter(new Map([...module, [sections.code, writeBodies(bodies)]]), policyHook)
  const compiled = await WebAssembly.compile(writeSections(endless))
  assert.throws(() => createLoader(compiled, 20), /takes longer than 20 ms to load a document/)
})

compilerTest('a policy that loops without allocating is stopped in time, denies, and the next request is decided', async (t) => {
  const policy = weather()
  const { http, failures } = await createDecider(t, [policy], {
    rulesFolder: rules(
      t,
      rego`
        numbers_ := [${Array.from({ length: 60 }, (_, index) => index).join(',')}]
        deny contains "x" if {
          input.http.method == "LOOP"
          some a in numbers_
          some b in numbers_
          some c in numbers_
          some d in numbers_
          some e in numbers_
          some f in numbers_
          a + b + c + d + e + f == 10000
        }
      `,
    ),
    maxMemoryPages: 16_384,
  })
  const before = performance.now()
  const decision = http(policy, { ...good, method: 'LOOP' })
  t.diagnostic(`stopped after ${(performance.now() - before).toFixed(0)} ms`)
  assert.equal(decision.allow, false)
  assert.equal(decision.rule, 'engine/time')
  assert.equal(failures.length, 1)
  assert.equal(http(policy, good).allow, true)
})

compilerTest('a built-in function that runs away is stopped in time, and works for the next request', async (t) => {
  const policy = weather()
  const { http } = await createDecider(t, [policy], {
    rulesFolder: rules(
      t,
      rego`
        deny contains "x" if {
          input.http.method == "LOOP"
          count(net.cidr_expand("10.0.0.0/8")) > 0
        }

        deny contains "y" if {
          input.http.method == "PUT"
          count(net.cidr_expand("10.0.0.0/30")) == 4
        }
      `,
    ),
  })
  assert.equal(http(policy, { ...good, method: 'LOOP' }).rule, 'engine/time')
  assert.deepEqual(http(policy, { ...good, method: 'PUT' }).reasons, ['y'])
  assert.equal(http(policy, good).allow, true)
})

compilerTest('a built-in function that fails denies, even behind “not”', async (t) => {
  const policy = weather()
  const { http } = await createDecider(t, [policy], {
    rulesFolder: rules(
      t,
      rego`
        deny contains "too early" if not time.parse_rfc3339_ns(input.http.path) > 0
        allow contains "x" if true
      `,
    ),
  })
  const decision = http(policy, good)
  assert.equal(decision.allow, false)
  assert.equal(decision.rule, 'engine/builtin')
})

for (const [name, failing] of [
  ['a division by zero', '1 / (input.http.port - 443) > 0'],
  ['a number that is none', 'to_number(input.http.path) > 0'],
  ['a base that is none', 'format_int(input.http.port, input.http.port) == ""'],
  ['a replacement that is no string', 'replace(input.http.path, "a", input.http.body.value) == ""'],
  ['the largest of what is no collection', 'max(input.http.body.value) == 1'],
] as const)
  compilerTest(`${name} is a failure that denies inside the WebAssembly too, even behind “not”`, async (t) => {
    const policy = weather()
    const { http, failures } = await createDecider(t, [policy], {
      rulesFolder: rules(
        t,
        rego`
          bad if ${failing}
          allow contains "x" if not bad
        `,
      ),
    })
    times(600, (i) => {
      const decision = http(policy, { ...good, method: 'POST', body: { type: 'json', bytes: 1, value: i } })
      assert.deepEqual([decision.allow, decision.rule], [false, 'engine/builtin'])
    })
    assert.equal(failures.length, 600)
  })

compilerTest('the largest of an object is a failure that denies, an empty object’s as well', async (t) => {
  const policy = weather()
  const { http } = await createDecider(t, [policy], {
    rulesFolder: rules(
      t,
      rego`
        bad if max(input.http.body.value) == 1
        allow contains "x" if not bad
      `,
    ),
  })
  eachCase([{}, { a: 1 }], (value) => {
    const { allow, rule } = http(policy, { ...good, method: 'POST', body: { type: 'json', bytes: 1, value } })
    assert.deepEqual([allow, rule], [false, 'engine/builtin'])
  })
})

compilerTest('the largest of nothing is undefined, and no failure', async (t) => {
  const policy = weather()
  const { http, failures } = await createDecider(t, [policy], {
    rulesFolder: rules(
      t,
      rego`
        largest := max([x | some x in [1, 2]; x > input.http.port])
        allow contains "none" if not largest
      `,
    ),
  })
  assert.equal(http(policy, { ...good, method: 'POST' }).rule, 'rules/allow')
  assert.deepEqual(failures, [])
})

compilerTest('a policy that reads the clock is evaluated for each request', async (t) => {
  const policy = weather()
  const { http } = await createDecider(t, [policy], {
    rulesFolder: rules(t, rego`deny contains sprintf("%d", [time.now_ns()]) if input.http.method == "NOW"`),
  })
  const at = (ms: number) => http(policy, { ...good, method: 'NOW' }, ms).reasons
  assert.deepEqual([at(1_767_225_600_123), at(5)], [['1767225600123000000'], ['5000000']])
})

compilerTest('authors’ rules deny, allow and oblige; an unknown obligation denies', async (t) => {
  const policy = weather()
  const { http } = await createDecider(t, [policy], {
    rulesFolder: rules(
      t,
      rego`
        deny contains "no secrets" if startswith(input.http.path, "/v1/secret")
        allow contains "health is for all" if input.http.path == "/health"
        obligations contains {"timeoutMs": 50} if input.http.path == "/v1/slow"
        obligations contains {"fly": true} if input.http.path == "/v1/fly"
        obligations contains {"addresses": ["10.0.0.0/33"]} if input.http.path == "/v1/far"
        obligations contains {"addresses": ["10.0.0.0/8", "::1"]} if input.http.path == "/v1/near"
      `,
    ),
  })
  assert.deepEqual(http(policy, { ...good, path: '/v1/secret' }).reasons, ['no secrets'])
  assert.equal(http(policy, { ...good, path: '/health' }).rule, 'rules/allow')
  assert.deepEqual(http(policy, { ...good, path: '/v1/slow' }).obligations, { timeoutMs: 50 })
  assert.equal(http(policy, { ...good, path: '/v1/fly' }).rule, 'engine/malformed-decision')
  assert.equal(http(policy, { ...good, path: '/v1/far' }).rule, 'engine/malformed-decision')
  assert.deepEqual(http(policy, { ...good, path: '/v1/near' }).obligations, { addresses: ['10.0.0.0/8', '::1'] })
})

compilerTest('rules that do not compile say file, line and column, and leave nothing behind', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      rego`
        deny contains "x" if {
          input.http.method =
        }
      `,
      /rules\/rules\.rego:\d+:\d+: /,
    ],
    [rego`deny contains "x" if input.http.metod == "GET"`, /rules\/rules\.rego:2:\d+: .*undefined ref: input\.http\.metod/],
    [
      rego`deny contains "x" if http.send({"url": "http://a", "method": "GET"}).status_code == 200`,
      /rules\/rules\.rego:2:\d+: undefined function http\.send/,
    ],
    [rego`deny contains "x" if net.lookup_ip_addr("a")`, /undefined function net\.lookup_ip_addr/],
    [rego`deny contains "x" if data.sallyport.decision.allow`, /recursive/],
  ]
  await eachCase(cases, ([text, expected]) => assert.rejects(createDecider(t, [weather()], { rulesFolder: rules(t, text) }), expected))
})

const hosts = ['a.example.com', 'b.example.com', 'example.com', '*.example.com', '*.b.example.com', '*', '10.0.0.1', 'x.b.example.com']
const paths = ['/**', '/v1/**', '/v1/*', '/v1/a', '/*/a', '/v1/**/z']
const capability = fc.record({
  hosts: fc.subarray(hosts, { minLength: 1 }),
  ports: fc.subarray([80, 443], { minLength: 1 }),
  methods: fc.option(fc.subarray(['GET', 'POST'])),
  paths: fc.option(fc.subarray(paths)),
  tls: fc.constantFrom('none', 'intercept'),
})
const asked = fc.record({
  scheme: fc.constantFrom('http', 'https'),
  host: fc.constantFrom('a.example.com', 'example.com', 'x.b.example.com', 'b.example.com', '10.0.0.1', 'other.org', 'evilexample.com'),
  port: fc.constantFrom(80, 443, 8080),
  method: fc.constantFrom('GET', 'POST', 'HEAD'),
  path: fc.constantFrom('/', '/v1', '/v1/', '/v1/a', '/v1/a/b', '/v2/a', '/v1/b/c/z'),
})

/** The manifest's words, evaluated one capability after the other. */
function naive(
  network: readonly NetworkCapability[],
  request: { scheme: string; host: string; port: number; method: string; path: string },
): string | null {
  const matches = (pattern: string, path: string) =>
    new RegExp(
      `^${pattern
        .split('**')
        .map((part) =>
          part
            .split('*')
            .map((text) => text.replace(/[.+^${}()|[\]\\]/g, '\\$&'))
            .join('[^/]*'),
        )
        .join('.*')}$`,
    ).test(path)
  const host = (pattern: string) =>
    pattern === '*'
      ? !/^[\d.]+$/.test(request.host)
      : pattern.startsWith('*.')
        ? request.host.endsWith(pattern.slice(1))
        : pattern === request.host
  const found = network.find(
    (item) =>
      item.hosts.some(host) &&
      item.ports.includes(request.port) &&
      item.tls === (request.scheme === 'http' ? 'none' : 'intercept') &&
      (item.methods === null || item.methods.includes(request.method)) &&
      (item.paths === null || item.paths.some((pattern) => matches(pattern, request.path))),
  )
  return found === undefined ? null : `default/${found.id}`
}

test('the index that the policy looks up decides as the manifest’s words do', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(capability, { minLength: 1, maxLength: 5 }),
      fc.array(asked, { minLength: 20, maxLength: 40 }),
      async (capabilities, requests) => {
        const policy = integration(
          `network: ${JSON.stringify(capabilities.map(({ methods, paths: globs, ...rest }) => ({ ...rest, ...(methods !== null && { methods }), ...(globs !== null && { paths: globs }) })))}`,
        )
        const { http } = await createDecider(t, [policy])
        for (const request of requests) {
          const decision = http(policy, request)
          assert.equal(decision.allow ? decision.rule : null, naive(policy.network, request), JSON.stringify(request))
        }
      },
    ),
    { numRuns: 60 },
  )
})

compilerTest('evaluations that use up their memory again and again leave room for large ones that do not', async (t) => {
  const policy = weather()
  const { http } = await createDecider(t, [policy], {
    rulesFolder: rules(
      t,
      rego`
        deny contains "x" if {
          input.http.method == "LOOP"
          count([[a, b] | some a in many; some b in many]) == 0
        }

        many := numbers.range(1, 1000)
      `,
    ),
    maxEvaluationMs: 10_000,
  })
  times(20, () => assert.equal(http(policy, { ...good, method: 'LOOP' }).rule, 'engine/memory'))
  assert.equal(http(policy, { ...good, path: `/v1/${'x'.repeat(1_000_000)}` }).allow, true)
})
