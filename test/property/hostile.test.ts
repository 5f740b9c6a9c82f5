/** Hostile documents: each is decided as OPA decides it, or refused, and the next one is decided. */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { Json } from '../../src/core/index.ts'
import { createLibrary } from '../../src/opa/builtins/library.ts'
import { builtinLibrary, programPath } from '../../src/opa/compiler/program.ts'
import { createBuiltins, createCompile, createEvaluator, createLoader, harden } from '../../src/opa/index.ts'
import { parseJson, stringify } from '../../src/text/index.ts'
import { eachCase } from '../support/cases.ts'
import { createNativeCompile } from '../support/native-compile.ts'
import { createRandom, type Random } from '../support/random-policy.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

/** Ten million: SALLYPORT_HOSTILE=10000000 npm run soak. */
const documents = Number(process.env['SALLYPORT_HOSTILE'] ?? 4_000)
/** The larger documents cost a thousand times what others do: of more documents, a smaller share is such. */
const monsters = Math.min(1, 200_000 / documents)
const batch = Math.max(2000, Math.min(20_000, documents / 50))
const entrypoint = 'sallyport/decision'
const source = rego`
  package sallyport

  decision["kind"] := type_name(input.a)

  decision["same"] if input.a == input.b

  decision["known"] if input.a in {"x", "__proto__", 0, null, false, ""}

  decision["looked_up"] := input.c[input.a]

  decision["long"] := count(input.a)

  decision["absent"] if not input.a

  decision["first"] := substring(input.a, 0, 3)

  decision["members"] := count([1 | some _ in input.c])

  decision["more"] := input.a + 1
`

const strings = [
  '',
  'x',
  '__proto__',
  'constructor',
  'toString',
  '\ud800',
  '\udfff\ud800',
  '\u0000',
  '"',
  '\\',
  '\u2028',
  '\ufeff',
  'é',
  'e\u0301',
  '😀',
  'a'.repeat(300),
  '\\ud800',
]
const numbers = [
  0,
  -0,
  1,
  -1,
  0.1,
  1e21,
  1e-7,
  1e308,
  5e-324,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 53),
  123456789012345680000,
  Number.NaN,
  Number.POSITIVE_INFINITY,
]

function hostileValue(random: Random, depth = 0): Json {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const roll = random()
  if (roll < 0.4) return random() < 0.002 * monsters ? 'm'.repeat(1_000_000) : pick(strings)
  if (roll < 0.6) return pick(numbers)
  if (roll < 0.7) return pick([true, false, null])
  if (roll < 0.7 + 0.001 * monsters) return nested(10_000)
  if (depth > 3) return []
  const size = Math.floor(random() * 4)
  if (roll < 0.85) return Array.from({ length: size }, () => hostileValue(random, depth + 1))
  // Own members even where the name is __proto__.
  return Object.fromEntries(Array.from({ length: size }, () => [pick(strings), hostileValue(random, depth + 1)]))
}

function nested(depth: number): Json {
  let value: Json = 'bottom'
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

/** JSON has no NaN and no infinity: both become null before anything is judged. */
function text(value: Json): string | null {
  try {
    return stringify(value)
  } catch {
    return null // nested too deep to be written: the engine refuses
  }
}

test('hostile documents are decided as OPA decides them, or refused', async (t) => {
  const compile = documents > 100_000 ? await createNativeCompile(t) : createCompile()
  const { wasm = '' } = await compile({ command: 'build', sources: { 'p.rego': source }, entrypoints: [entrypoint] })
  const { base, load } = createLoader(await WebAssembly.compile(harden(Buffer.from(wasm, 'base64'))))
  const image = load('{}')
  const library = createLibrary(await WebAssembly.compile(await readFile(await programPath(builtinLibrary))))
  const builtins = createBuiltins({ library: () => library, onTicks: () => {}, lenient: true })
  const evaluator = createEvaluator({
    base,
    entrypoint: base.entrypoints[entrypoint] as number,
    maxImageBytes: image.bytes.byteLength,
    maxMemoryPages: 1000,
    host: { callBuiltin: builtins.call, onTicks: () => {}, onFailed: builtins.failed },
  })
  const evaluate = (input: string | null) => {
    if (input === null) return 'refused'
    try {
      builtins.begin(0)
      return ordered((parseJson(evaluator.evaluate(image, input)) as { result?: Json }[])[0]?.result)
    } catch {
      evaluator.renew()
      return 'refused'
    }
  }
  const random = createRandom(Number(process.env['SALLYPORT_SEED'] ?? 3))
  const plain = '{"a":"x","b":"x","c":{"x":1}}'
  const expectedOfPlain = evaluate(plain)
  let refused = 0
  const judge = async () => {
    const inputs = Array.from({ length: batch }, () => text({ a: hostileValue(random), b: hostileValue(random), c: hostileValue(random) }))
    const judged = inputs.filter((input) => input !== null)
    const query = { query: 'data.sallyport.decision', inputTexts: judged, lenient: true }
    const { results = [] } = await compile({ command: 'eval', sources: { 'p.rego': source }, ...query })
    return { inputs, judged, results }
  }
  let next = judge()
  for (let done = 0; done < documents; done += batch) {
    const { inputs, judged, results } = await next
    // OPA is asked about the next ones while the engine decides these.
    if (done + batch < documents) next = judge()
    const reference = new Map(judged.map((input, index) => [input, results[index]]))
    eachCase(inputs, (input) => {
      const got = evaluate(input)
      if (got === 'refused') {
        refused += 1
        assert.equal(evaluate(plain), expectedOfPlain)
        return
      }
      const { value, error } = reference.get(input ?? '') ?? {}
      assert.equal(got, error === undefined ? ordered(rounded(value)) : 'refused', (input ?? '').slice(0, 500))
    })
  }
  assert.equal(evaluate(plain), expectedOfPlain)
  t.diagnostic(`${documents} documents, ${refused} refused`)
  assert.ok(refused < documents / 50)
})

test('every falsy document is an input, and no input is none', async () => {
  const compile = createCompile()
  const { wasm = '' } = await compile({
    command: 'build',
    sources: {
      'p.rego': rego`
        package sallyport

        default decision := "none"

        decision := type_name(input)
      `,
    },
    entrypoints: [entrypoint],
  })
  const { base, load } = createLoader(await WebAssembly.compile(harden(Buffer.from(wasm, 'base64'))))
  const image = load('{}')
  const host = { callBuiltin: () => null, onTicks: () => {}, onFailed: () => {} }
  const { evaluate } = createEvaluator({ base, entrypoint: 0, maxImageBytes: 1024, maxMemoryPages: 100, host })
  const kinds = ['false', '0', 'null', '""', '[]', '{}'].map((input) => JSON.parse(evaluate(image, input))[0].result)
  assert.deepEqual(kinds, ['boolean', 'number', 'null', 'string', 'array', 'object'])
  assert.equal(JSON.parse(evaluate(image, null))[0].result, 'none')
})

/** To doubles, as the engine's answer is read: sums of large numbers have more digits in one than in the other. */
function rounded(value: unknown): unknown {
  return value === undefined ? undefined : parseJson(JSON.stringify(value))
}

function ordered(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(ordered).join()}]`
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}:${ordered(item)}`)
      .sort()
      .join()}}`
  return String(JSON.stringify(value))
}
