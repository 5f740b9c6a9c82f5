/** Every built-in function over hostile operands, in four evaluators: OPA's interpreter, the gateway's engine, what `policy test` and `policy eval` run, and OPA's SDK. */

import assert from 'node:assert/strict'
import { createCompile } from '../../src/opa/index.ts'
import { createOperands } from '../support/builtin-operands.ts'
import { createAuthorColumns } from '../support/builtins/authors.ts'
import { createEngineColumn } from '../support/builtins/engine.ts'
import { inputOf, listsIn, policyOf, readFunctions } from '../support/builtins/functions.ts'
import { createSdkColumn } from '../support/builtins/sdk.ts'
import { eachCase, until } from '../support/cases.ts'
import { createNativeCompile } from '../support/native-compile.ts'
import { createRandom } from '../support/random-policy.ts'
import { testWith } from '../support/tools.ts'
import { marked } from '../support/value-text.ts'

const test = await testWith('compiler')

/** Ten million: npm run soak. */
const wanted = Number(process.env['SALLYPORT_TUPLES'] ?? 2000)
/** The SDK and the authors' commands take five times as long as the rest: a long run asks them in turn, one function in so many per round. */
const share = wanted > 100_000 ? 5 : 1
const reportEvery = 500_000

test('every built-in function gives in every evaluator what it gives in OPA’s interpreter, or is refused', async (t) => {
  const functions = await readFunctions(process.env['SALLYPORT_BUILTIN'])
  const compile = wanted > 100_000 ? await createNativeCompile(t) : createCompile()
  const sources = { 'p.rego': policyOf(functions) }
  const built = await compile({ command: 'build', sources, entrypoints: ['sallyport/decision'] })
  const wasm = Buffer.from(built.wasm ?? '', 'base64')
  const batch = Math.max(5, Math.min(200, Math.floor(wanted / functions.length)))
  const askEngine = await createEngineColumn(wasm)
  const askAuthors = await createAuthorColumns(compile, sources)
  const sdk = await createSdkColumn(wasm, Math.max(1, batch >> 3))
  t.after(() => sdk.close())
  const seed = Number(process.env['SALLYPORT_SEED'] ?? 5)
  const operands = createOperands(createRandom(seed))
  const refusals: string[] = []
  const differences = new Map<string, string[]>()
  let done = 0
  let rounds = 0
  let strict = 0
  let refused = 0

  function differ(index: number, difference: string): void {
    const name = functions[index]?.name ?? ''
    const list = differences.get(name) ?? []
    differences.set(name, [...list, difference].slice(0, 100))
  }

  await until(
    () => !(done < wanted),
    async () => {
      const asked = functions.map((declared) => Array.from({ length: batch }, () => operands(declared)))
      const query = { query: 'data.sallyport.decision', inputTexts: asked.map((tuples, index) => inputOf(index, tuples)) }
      const { results = [] } = await compile({ command: 'eval', sources, ...query, lenient: true, asText: true })
      const answered = asked.map((tuples, index) => {
        const { value, error } = results[index] ?? {}
        assert.equal(error, undefined, `${functions[index]?.name}: ${JSON.stringify(error)}`)
        const expected = listsIn(String(value), batch)
        const refuse = (tuple: string, error: unknown) =>
          void refusals.push(`${functions[index]?.name} ${tuple.slice(0, 200)}: ${String(error).slice(0, 200)}`)
        const agreed = askEngine(index, tuples, refuse).flatMap((got, place) => {
          const truth = expected[place] as string
          if (got === null || (got === '[]' && truth.includes(marked))) refused += 1
          else if (got === truth) return [place]
          else differ(index, `the engine for ${tuples[place]?.slice(0, 300)}: ${got.slice(0, 300)}, and OPA ${truth.slice(0, 300)}`)
          return []
        })
        return { index, tuples: agreed.map((place) => tuples[place] as string), expected: agreed.map((place) => expected[place] as string) }
      })
      const inTurn = answered.filter(({ index }) => (index + rounds) % share === 0)
      eachCase(await askAuthors(inTurn), ({ index, difference }) => {
        differ(index, difference)
      })
      const defined = inTurn.map(({ index, tuples, expected }) => ({
        index,
        tuples: tuples.filter((_, place) => expected[place] !== '[]'),
      }))
      strict += defined.reduce((sum, { tuples }) => sum + tuples.length, 0)
      eachCase(await sdk.ask(defined), ({ index, difference }) => {
        differ(index, difference)
      })
      done += batch * functions.length
      rounds += 1
      if (done % reportEvery < batch * functions.length && done < wanted)
        console.error(
          `${done} tuples, ${strict} of them in all evaluators, ${sdk.counts.same} compared with the SDK; differences: ${[...differences.keys()]}`,
        )
    },
  )
  const skipped = Object.entries(sdk.counts.skipped).map(([reason, count]) => `${reason} ${count}`)
  t.diagnostic(`${done} tuples of operands of ${functions.length} functions, ${refused} refused, seed ${seed}`)
  t.diagnostic(
    `${strict} of them have an answer, and were asked of policy test and eval; the SDK gave ${sdk.counts.same}, without ${skipped.join(', ')}`,
  )
  eachCase(refusals.slice(0, 10), (refusal) => {
    t.diagnostic(`refused: ${refusal}`)
  })
  const told = [...differences].map(([name, list]) => `${name} (${list.length}): ${list.slice(0, 3).join('\n  ')}`)
  assert.deepEqual(told, [], told.join('\n'))
  assert.ok(refused < done / 100, `${refused} of ${done} refused`)
  assert.ok(sdk.counts.same > done / share / 10, `the SDK gave ${sdk.counts.same} of ${done}`)
})

test('a deep document is answered as by OPA’s interpreter, and one that is too deep is refused and forgotten', async () => {
  const functions = await readFunctions('array.concat,count,json.marshal,object.get,type_name')
  const operandsOf = { 'array.concat': ',[]', 'object.get': ',"a",1' } as Readonly<Record<string, string>>
  const tuplesOf = (document: string) => functions.map(({ name }) => `[${document}${operandsOf[name] ?? ''}]`)
  const compile = createCompile()
  const sources = { 'p.rego': policyOf(functions) }
  const { wasm = '' } = await compile({ command: 'build', sources, entrypoints: ['sallyport/decision'] })
  const askEngine = await createEngineColumn(Buffer.from(wasm, 'base64'))
  const nested = (open: string, close: string, depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`
  const known = [nested('[', ']', 1000), nested('{"a":', '}', 1000), '[1]'].flatMap((document) =>
    tuplesOf(document).map((tuple, index) => ({ index, tuple })),
  )
  const inputTexts = known.map(({ index, tuple }) => inputOf(index, [tuple]))
  const query = { query: 'data.sallyport.decision', inputTexts, lenient: true, asText: true }
  const { results = [] } = await compile({ command: 'eval', sources, ...query })
  eachCase(known.entries(), ([place, { index, tuple }]) => {
    const refused: string[] = []
    askEngine(index, [`[${nested('[', ']', 100_000)},1,1]`], (deep) => void refused.push(deep))
    assert.equal(refused.length, 1)
    assert.deepEqual(askEngine(index, [tuple], assert.fail), listsIn(String(results[place]?.value), 1))
  })
})
