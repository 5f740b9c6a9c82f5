/** Every built-in function, in the gateway's engine as in OPA's interpreter, over hostile operands. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createBuiltins, createLibrary } from '../../src/policy/builtins/index.ts'
import { builtinLibrary, createCompile, programPath } from '../../src/policy/compiler/index.ts'
import { createEvaluator, createLoader, harden } from '../../src/policy/wasm/index.ts'
import { createOperands, type Declared } from '../support/builtin-operands.ts'
import { root } from '../support/installation.ts'
import { createNativeCompile } from '../support/native-compile.ts'
import { createRandom } from '../support/random-policy.ts'
import { canonicalMembers, marked } from '../support/value-text.ts'

/** Ten million: SALLYPORT_TUPLES=10000000 npm run soak. */
const wanted = Number(process.env['SALLYPORT_TUPLES'] ?? 2000)
const entrypoint = 'sallyport/decision'
/** What the compiler writes itself, prints with, or takes only in some forms. */
const notCalled = /^(?:eq|assign|print|trace|internal\.(?:print|test_case|template_string)|rego\.metadata\..*)$/

interface Capability {
  readonly name: string
  readonly deprecated?: boolean
  readonly nondeterministic?: boolean
  readonly decl: { readonly args?: Declared['args'] }
}

/** One rule for each function, which gives a list for each tuple: of its answer, or of nothing where it failed. */
function policyOf(functions: readonly Declared[]): string {
  const rules = functions.map(({ name, args }, index) => {
    const operands = args.map((_, place) => `t[${place}]`).join(', ')
    const found = name === 'walk' ? `{v | walk(${operands}, v)}` : `[v | v := ${name}(${operands})]`
    return `decision["f"] := [${found} | some t in input.tuples] if input.function == ${index}`
  })
  return `package sallyport

${rules.join('\n\n')}
`
}

test('every built-in function gives in the engine what it gives in OPA’s interpreter, or is refused', async (t) => {
  const { builtins } = JSON.parse(await readFile(join(root, 'rego/compiler/capabilities.json'), 'utf8')) as { builtins: Capability[] }
  const only = process.env['SALLYPORT_BUILTIN']
  const functions = builtins
    .filter(({ name, deprecated, nondeterministic }) => !deprecated && !nondeterministic && !notCalled.test(name))
    .filter(({ name }) => only === undefined || only.split(',').includes(name))
    .map(({ name, decl }) => ({ name, args: decl.args ?? [] }))
  const compile = wanted > 100_000 ? await createNativeCompile(t) : createCompile()
  const sources = { 'p.rego': policyOf(functions) }
  const { wasm = '' } = await compile({ command: 'build', sources, entrypoints: [entrypoint] })
  const { base, load } = createLoader(await WebAssembly.compile(harden(Buffer.from(wasm, 'base64'))))
  const image = load('{}')
  const library = createLibrary(await WebAssembly.compile(await readFile(await programPath(builtinLibrary))))
  const hosted = createBuiltins({ library: () => library, onTicks: () => {}, lenient: true })
  const engine = createEvaluator({
    base,
    entrypoint: base.entrypoints[entrypoint] as number,
    maxImageBytes: image.bytes.byteLength,
    maxMemoryPages: 4000,
    format: 'value',
    host: { callBuiltin: hosted.call, onTicks: () => {}, onFailed: hosted.failed },
  })
  const random = createRandom(Number(process.env['SALLYPORT_SEED'] ?? 5))
  const operands = createOperands(random)
  const inputOf = (index: number, tuples: readonly string[]) => `{"function":${index},"tuples":[${tuples.join()}]}`

  /** One list for each tuple. */
  function listsOf(text: string, count: number): readonly string[] {
    const lists = canonicalMembers(text)
    assert.equal(lists.length, count)
    return lists
  }

  const refusals: string[] = []

  /** `null`: the evaluation did not come to its end. */
  function decide(index: number, tuples: readonly string[]): readonly (string | null)[] {
    hosted.begin(0)
    try {
      const text = engine.evaluate(image, inputOf(index, tuples))
      return listsOf(text.replace(/^\{\{"result": \{"f": /, '').replace(/\}\}\}$/, ''), tuples.length)
    } catch (error) {
      engine.renew()
      if (tuples.length === 1) {
        refusals.push(`${functions[index]?.name} ${tuples[0]?.slice(0, 200)}: ${String(error).slice(0, 200)}`)
        return [null]
      }
      const half = tuples.length >> 1
      return [...decide(index, tuples.slice(0, half)), ...decide(index, tuples.slice(half))]
    }
  }

  const batch = Math.max(5, Math.min(200, Math.floor(wanted / functions.length)))
  let done = 0
  let refused = 0
  const differences = new Map<string, string[]>()
  while (done < wanted) {
    const asked = functions.map((declared) => Array.from({ length: batch }, () => operands(declared)))
    const inputTexts = asked.map((tuples, index) => inputOf(index, tuples))
    const query = { query: 'data.sallyport.decision', inputTexts, lenient: true, asText: true }
    const { results = [] } = await compile({ command: 'eval', sources, ...query })
    for (const [index, tuples] of asked.entries()) {
      const { value, error } = results[index] ?? {}
      assert.equal(error, undefined, `${functions[index]?.name}: ${JSON.stringify(error)}`)
      const expected = listsOf(
        String(value)
          .replace(/^\{"f":/, '')
          .replace(/\}$/, ''),
        batch,
      )
      for (const [place, got] of decide(index, tuples).entries()) {
        if (got === null || (got === '[]' && expected[place]?.includes(marked))) refused += 1
        else if (got !== expected[place]) {
          const name = functions[index]?.name ?? ''
          const list = differences.get(name) ?? []
          if (list.length < 100)
            list.push(`${tuples[place]?.slice(0, 300)}: ${got.slice(0, 300)}, and OPA ${expected[place]?.slice(0, 300)}`)
          differences.set(name, list)
        }
      }
    }
    done += batch * functions.length
  }
  t.diagnostic(`${done} tuples of operands of ${functions.length} functions, ${refused} refused`)
  for (const one of refusals.slice(0, 10)) t.diagnostic(`refused: ${one}`)
  const told = [...differences].map(([name, list]) => `${name} (${list.length}): ${list.slice(0, 3).join('\n  ')}`)
  assert.deepEqual(told, [], told.join('\n'))
  assert.ok(refused < done / 100, `${refused} of ${done} refused`)
})
