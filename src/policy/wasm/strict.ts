/** Makes failures of built-in functions loud: inside a compiled policy they would only make an expression undefined. */
import { LebReader, signed, unsigned } from './leb.ts'
import { emptyHasNone, nativeBuiltins } from './native.ts'
import { opcodes, skipInstruction, skipLocals } from './opcodes.ts'
import { appended, countOf, readBodies, type Sections, sections, writeBodies } from './sections.ts'

const ids = Object.keys(nativeBuiltins)
/** The hook's argument for the first of them; the others follow downwards. */
const firstFailure = -2

/** The name in Rego of the function whose failure the hook is told; `undefined` for another of its arguments. */
export function failedBuiltin(code: number): string | undefined {
  return nativeBuiltins[ids[firstFailure - code] ?? '']
}

interface Surroundings {
  /** Imported functions, which come first in the numbering. */
  readonly imported: number
  /** The function that is told. */
  readonly hook: number
  readonly names: ReadonlyMap<number, string>
}

/**
 * Each built-in function that the rules call is called through one of ours, which tells the hook where it gave 0.
 * `names` is the module's own; throws where it names none, since calls could then not be told apart.
 */
export function withLoudFailures(module: Sections, { imported, hook, names }: Surroundings): Map<number, Uint8Array> {
  const bodies = [...readBodies(module.get(sections.code))]
  const byName = new Map([...names].map(([index, name]) => [name, index]))
  const rules = [...names].flatMap(([index, name]) => (/^g\d+\.|^eval$/.test(name) ? [index - imported] : []))
  if (rules.length === 0)
    throw new Error('the policy’s WebAssembly does not name its functions; build it with "opa build -t wasm" or "sallyport policy build"')
  const wrapped = new Map<number, number>()
  const types = readIndices(module.get(sections.function))
  const added: { type: number; body: Uint8Array }[] = []
  for (const [place, id] of ids.entries()) {
    const index = byName.get(id)
    if (index === undefined) continue
    const type = types[index - imported] ?? 0
    wrapped.set(index, imported + bodies.length + added.length)
    const unless = emptyHasNone.has(id) ? isEmptyCollection(byName) : []
    const body = wrapper({ index, parameters: parametersOf(module, type), code: firstFailure - place, hook, unless })
    added.push({ type, body })
  }
  for (const rule of rules) bodies[rule] = redirected(bodies[rule] ?? new Uint8Array(), wrapped)
  return new Map([
    ...module,
    [
      sections.function,
      appended(
        module.get(sections.function),
        added.map(({ type }) => Uint8Array.from(unsigned(type))),
      ),
    ],
    [sections.code, writeBodies([...bodies, ...added.map(({ body }) => body)])],
  ])
}

interface Wrapper {
  readonly index: number
  readonly parameters: number
  readonly code: number
  readonly hook: number
  /** Leaves an i32: not 0 where no value is no failure. */
  readonly unless: readonly number[]
}

/** result = f(…); if (result == 0 && !unless) hook(code); return result */
function wrapper({ index, parameters, code, hook, unless }: Wrapper): Uint8Array {
  const result = unsigned(parameters)
  const parts = [1, 1, 0x7f] // one local of i32 beside the parameters
  for (let parameter = 0; parameter < parameters; parameter += 1) parts.push(opcodes.localGet, ...unsigned(parameter))
  parts.push(opcodes.call, ...unsigned(index), opcodes.localTee, ...result, opcodes.i32Eqz)
  parts.push(opcodes.if, opcodes.noResult)
  const tell = [opcodes.i32Const, ...signed(code), opcodes.call, ...unsigned(hook)]
  if (unless.length === 0) parts.push(...tell)
  else parts.push(...unless, opcodes.i32Eqz, opcodes.if, opcodes.noResult, ...tell, opcodes.end)
  parts.push(opcodes.end, opcodes.localGet, ...result, opcodes.end)
  return Uint8Array.from(parts)
}

/** type(a) is array or set (5, 7 in OPA's value.h; an object, 6, fails the type check) and length(a) is 0. */
function isEmptyCollection(byName: ReadonlyMap<string, number>): readonly number[] {
  const length = byName.get('opa_value_length')
  const type = byName.get('opa_value_type')
  if (length === undefined || type === undefined)
    throw new Error('the policy’s WebAssembly is of an unknown make: it lacks opa_value_length')
  const first = [opcodes.localGet, 0]
  return [
    ...[...first, opcodes.call, ...unsigned(length), opcodes.i32Eqz],
    ...[opcodes.i32Const, 4, ...first, opcodes.call, ...unsigned(type), opcodes.i32LtU],
    opcodes.i32And,
  ]
}

function redirected(body: Uint8Array, wrapped: ReadonlyMap<number, number>): Uint8Array {
  const reader = new LebReader(body, 0)
  skipLocals(reader)
  const parts: Uint8Array[] = []
  let from = 0
  while (!reader.done) {
    const at = reader.at
    if (skipInstruction(reader) !== opcodes.call) continue
    const target = wrapped.get(new LebReader(body, at + 1).u32())
    if (target === undefined) continue
    parts.push(body.subarray(from, at), Uint8Array.from([opcodes.call, ...unsigned(target)]))
    from = reader.at
  }
  return Buffer.concat([...parts, body.subarray(from)])
}

function readIndices(body: Uint8Array | undefined): readonly number[] {
  const reader = new LebReader(body ?? Uint8Array.of(0), 0)
  return Array.from({ length: reader.u32() }, () => reader.u32())
}

/** How many parameters a function type has (§5.3.6); those of built-in functions are i32 all. */
function parametersOf(module: Sections, type: number): number {
  const body = module.get(sections.type)
  const reader = new LebReader(body ?? Uint8Array.of(0), 0)
  if (type >= countOf(body)) throw new Error('a function of the WebAssembly module has a type that is not there')
  reader.u32()
  for (let index = 0; ; index += 1) {
    reader.byte() // 0x60
    const parameters = reader.bytes(reader.u32())
    reader.bytes(reader.u32())
    if (index === type) return parameters.length
  }
}
