/**
 * What the plan says a policy can see is all that it can see: projected and remembered, it decides as OPA does on the whole
 * input. And where it decides without a part of its input, it decides as OPA does on the whole of it.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { Json } from '../../src/core/index.ts'
import { createLibrary } from '../../src/opa/builtins/library.ts'
import { builtinLibrary, programPath } from '../../src/opa/compiler/program.ts'
import { createBuiltins, createCompile, createEvaluator, createLoader, harden, UnreadPart } from '../../src/opa/index.ts'
import { memberOf, type Place, placesOf, writeProjected } from '../../src/policy/projection.ts'
import { createNativeCompile } from '../support/native-compile.ts'
import { createRandom, randomDocument, randomPolicy } from '../support/random-policy.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

/** A million pairs: SALLYPORT_PAIRS=1000000 npm run soak. */
const pairs = Number(process.env['SALLYPORT_PAIRS'] ?? 1_500)
const inputsEach = Math.min(1000, Math.max(200, pairs / 200))
const seed = Number(process.env['SALLYPORT_SEED'] ?? 7)
const integrations: Record<string, Json> = { one: { v: 1 }, two: { v: { deep: 2 } } }
const roles = { x: 'y', a: 1, b: { c: 2 }, key: 'b', path: ['a', 'c'] }
const entrypoint = 'sallyport/decision'

test('decisions that were projected, remembered or made without a part are OPA’s own of the whole input', async (t) => {
  const compile = pairs > 100_000 ? await createNativeCompile(t) : createCompile()
  const random = createRandom(seed)
  const seen = {
    policies: 0,
    refused: 0,
    pairs: 0,
    shorter: 0,
    remembered: 0,
    ownOnly: 0,
    errors: 0,
    strict: 0,
    refusedInputs: 0,
    without: 0,
    needed: 0,
  }
  const library = createLibrary(await WebAssembly.compile(await readFile(await programPath(builtinLibrary))))
  while (seen.pairs < pairs) {
    const source = randomPolicy(random)
    const built = await compile({ command: 'build', sources: { 'p.rego': source }, entrypoints: [entrypoint] }).catch(() => null)
    if (built?.policyReads === undefined || built.wasm === undefined) {
      seen.refused += 1
      assert.ok(seen.refused < 20 + 9 * seen.policies, `nearly no policy compiles: ${source}`)
      continue
    }
    seen.policies += 1
    if (built.policyReads.ownOnly) seen.ownOnly += 1
    const inputs = Array.from({ length: inputsEach }, () => randomDocument(random) as Json)
    const { results = [] } = await compile({
      command: 'eval',
      sources: { 'p.rego': source },
      query: 'data.sallyport.decision',
      data: { roles, integrations },
      inputs,
      lenient: true,
    })
    const module = await WebAssembly.compile(harden(Buffer.from(built.wasm, 'base64')))
    const { base, load } = createLoader(module)
    const image = (shown: Record<string, Json>) => load(JSON.stringify({ roles, integrations: shown }))
    const whole = image(integrations)
    const own = new Map(Object.entries(integrations).map(([name, integration]) => [name, image({ [name]: integration })]))
    const none = image({})
    const evaluatorOf = (lenient: boolean) => {
      const builtins = createBuiltins({ library: () => library, onTicks: () => {}, lenient })
      builtins.begin(0)
      const { evaluate, renew } = createEvaluator({
        base,
        entrypoint: base.entrypoints[entrypoint] as number,
        maxImageBytes: whole.bytes.byteLength,
        maxMemoryPages: 200,
        host: { callBuiltin: builtins.call, onTicks: () => {}, onFailed: builtins.failed },
      })
      return (data: typeof whole, input: string, unread: readonly string[] = []) => {
        try {
          return ordered(JSON.parse(evaluate(data, input, unread))[0]?.result)
        } catch (error) {
          renew()
          return error instanceof UnreadPart ? 'unread' : 'error'
        }
      }
    }
    // As OPA by default, for the comparison; and as the gateway, where a failed built-in function denies.
    const evaluate = evaluatorOf(true)
    const evaluateStrictly = evaluatorOf(false)
    const places = placesOf(built.policyReads)
    const remembered = new Map<string, string>()
    for (const [index, input] of inputs.entries()) {
      const projected = writeProjected(places, input)
      const name = (input as { integration?: { name?: string } } | null)?.integration?.name
      const data = built.policyReads.ownOnly ? (own.get(name ?? '') ?? none) : whole
      let text = remembered.get(projected)
      if (text === undefined) {
        text = evaluate(data, projected)
        remembered.set(projected, text)
      } else seen.remembered += 1
      const strict = evaluateStrictly(data, projected)
      if (strict === 'error' && text !== 'error') seen.strict += 1
      else assert.equal(strict, text, source)
      assert.equal(evaluateStrictly(whole, JSON.stringify(input)), strict, `${source}\ninput: ${JSON.stringify(input)}`)
      const { value, error } = results[index] ?? {}
      const expected = error === undefined ? ordered(value) : 'error'
      if (error !== undefined) seen.errors += 1
      // OPA's WebAssembly ends with an error where its interpreter does not (an upsert into an array): refused is not allowed.
      if (text === 'error' && expected !== 'error' && evaluate(whole, JSON.stringify(input)) === 'error') {
        seen.refusedInputs += 1
        continue
      }
      assert.equal(
        text,
        expected,
        `${source}\ninput: ${JSON.stringify(input)}\nprojected: ${projected}\npolicyReads: ${JSON.stringify(built.policyReads)}`,
      )
      if (projected.length < JSON.stringify(input).length) seen.shorter += 1
      for (const parts of choicesOf(input)) {
        const rest = parts.reduce(leftOut, input)
        const said = parts.map((path) => path.join('.')).join(' and ')
        const without = evaluate(whole, JSON.stringify(rest), pathsOf(parts))
        if (without === 'unread') seen.needed += 1
        else {
          seen.without += 1
          assert.equal(without, expected, `${source}\ninput: ${JSON.stringify(input)}\nwithout: ${said}`)
        }
        // As the gateway does it: cut down to what can be seen, and strictly.
        const visible = parts.filter((path) => isVisible(places, path))
        if (visible.length === 0) continue
        const asGateway = evaluateStrictly(data, writeProjected(places, rest), pathsOf(visible))
        if (asGateway !== 'unread') assert.equal(asGateway, strict, `${source}\ninput: ${JSON.stringify(input)}\nstrictly without: ${said}`)
      }
      seen.pairs += 1
    }
  }
  t.diagnostic(JSON.stringify(seen))
  assert.ok(seen.without > seen.pairs / 4, 'parts are left out that are not needed')
  assert.ok(seen.needed > seen.pairs / 4, 'parts are left out that are needed')
  assert.ok(seen.shorter > seen.pairs / 10, 'projection leaves something out')
  assert.ok(seen.refusedInputs < seen.pairs / 50, 'few inputs are refused that OPA decides')
  assert.ok(seen.remembered > seen.pairs / 100, 'something is remembered')
})

/** Each part of the document for once, and each with its neighbour where neither holds the other. */
function choicesOf(document: Json): string[][][] {
  const parts = partsOf(document)
  const pairs = parts.flatMap((part, index) => {
    const next = parts[index + 1]
    return next === undefined || (next.length > part.length && next[0] === part[0]) ? [] : [[part, next]]
  })
  return [...parts.map((part) => [part]), ...pairs]
}

function pathsOf(parts: readonly (readonly string[])[]): string[] {
  return parts.map((path) => JSON.stringify(path))
}

/** Paths of members of the document and of their members. */
function partsOf(document: Json): string[][] {
  const keysOf = (value: Json | undefined) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : []
  return keysOf(document).flatMap((key) => [[key], ...keysOf((document as Record<string, Json>)[key]).map((inner) => [key, inner])])
}

function isVisible(places: Place, path: readonly string[]): boolean {
  return path.reduce<Place | undefined>(memberOf, places) !== undefined
}

function leftOut(document: Json, [key = '', ...inner]: readonly string[]): Json {
  const { [key]: part, ...rest } = document as Record<string, Json>
  return inner.length === 0 ? rest : { ...rest, [key]: leftOut(part as Json, inner) }
}

/** Sets have no order: arrays are compared as bags, which every policy here that makes an array of an ordered thing keeps apart by its members. */
function ordered(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(ordered).sort().join()}]`
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}:${ordered(item)}`)
      .sort()
      .join()}}`
  return String(JSON.stringify(value))
}
