/** Equal numbers are equal inside the WebAssembly however they are spelled, and others are not: as OPA's interpreter has it. */

import assert from 'node:assert/strict'
import { createBuiltins, createCompile, createEvaluator, createLoader, harden } from '../../src/opa/index.ts'
import { eachCase } from '../support/cases.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

const entrypoint = 'sallyport/decision'
const source = rego`
  package sallyport

  decision contains "equal" if input.a == input.b

  decision contains "less" if input.a < input.b

  decision contains "in a set" if {input.a}[input.b]

  decision contains "a key" if {input.a: 1}[input.b]

  decision contains "an item" if input.b in {input.a, "x"}

  decision contains "known" if {0, 1, 0.3, 9007199254740993, 1000, -5, 4294967296}[input.a]

  decision contains "in a list in a set" if {[input.a]}[[input.b]]

  decision contains "a place" if [null, 6, 7][input.a]

  decision contains "a place of the input" if input.list[input.a]
`
const spellings = [
  ...['0', '-0', '0.0', '-0.0', '0e10', '-0e-5', '1', '1.0', '1e0', '10e-1', '100e-2', '1.00000000000000000', '1.0000000000000000000'],
  ...['2', '2.0', '20e-1', '-2', '-2.0', '-5', '-5.0', '-50e-1', '0.5', '0.3', '0.30', '3e-1', '30e-2', '0.03e1'],
  ...['9007199254740993', '9007199254740992', '9007199254740993.0', '9.007199254740993e15', '1000', '1e3', '1E+3', '10', '1e1'],
  ...['4294967296', '4294967297', '4294967297.0', '18446744073709551617', '9223372036854775807', '9223372036854775808'],
  ...['-9223372036854775808', '0.1', '0.10000000000000000000000000000000000000001', '1e300', '10e299', '1e-300', '0.1e-299'],
]

test('every pair of spellings', async () => {
  const compile = createCompile()
  const { wasm = '' } = await compile({ command: 'build', sources: { 'p.rego': source }, entrypoints: [entrypoint] })
  const { base, load } = createLoader(await WebAssembly.compile(harden(Buffer.from(wasm, 'base64'))))
  const image = load('{}')
  const builtins = createBuiltins({ library: () => assert.fail('the library is not needed'), onTicks: () => {} })
  const { evaluate } = createEvaluator({
    base,
    entrypoint: base.entrypoints[entrypoint] as number,
    maxImageBytes: image.bytes.byteLength,
    maxMemoryPages: 1000,
    host: { callBuiltin: builtins.call, onTicks: () => {}, onFailed: builtins.failed },
  })
  const inputTexts = spellings.flatMap((a) => spellings.map((b) => `{"a":${a},"b":${b},"list":[true,true,true]}`))
  const { results = [] } = await compile({ command: 'eval', sources: { 'p.rego': source }, query: 'data.sallyport.decision', inputTexts })
  eachCase(inputTexts.entries(), ([index, input]) => {
    const { result } = JSON.parse(evaluate(image, input))[0] as { readonly result: readonly string[] }
    const expected = (results[index]?.value ?? []) as readonly string[]
    assert.deepEqual([input, result.toSorted()], [input, expected.toSorted()])
  })
})
