/** The built-in functions inside a compiled policy: calls of those that differ from OPA's go to the host, and the others report their failures (OPA's strict builtin errors). */
import { digestOf } from './digest.ts'
import { LebReader, signed, unsigned } from './leb.ts'
import { eachInstruction, opcodes } from './opcodes.ts'
import { appended, countOf, readBodies, type Sections, sections, writeBodies } from './sections.ts'
import { asksHost, type OperandKind, undefinedOnEmpty, type WasmBuiltin, wasmBuiltins } from './wasm-builtins.ts'
import { wasmDigests } from './wasm-digests.ts'

const ids = Object.keys(wasmBuiltins)
/** The hook's argument for the first of them; the others follow downwards. */
const firstFailure = -2
/** The custom section that lists what is asked of the host instead: `Asked` as JSON. */
export const askedSection = 'sallyport.asked'

/** Names as in Rego. */
export interface Asked {
  /** For some operands at least. */
  readonly asked: readonly string[]
  /** For all operands: the function inside is not the one that was shown to be equal. */
  readonly never: readonly string[]
}

/** The name in Rego of the function whose failure the hook is called with; `undefined` for the hook's other arguments. */
export function failedBuiltin(code: number): string | undefined {
  return wasmBuiltins[ids[firstFailure - code] ?? '']?.name
}

/** The name in Rego of a function inside whose calls go to the host; `undefined` for any other number. */
export function askedBuiltin(number: number): string | undefined {
  return wasmBuiltins[ids[-1 - number] ?? '']?.name
}

/** What else OPA's compiler lets rules call there (its internal/compiler/wasm). */
const runtimeCalls =
  /^(?:g\d+\..*|opa_(?:abort|runtime_error|null|boolean|number_(?:int|ref|size)|string_terminated|array_(?:with_cap|append)|object(?:_insert)?|set(?:_add)?|value_(?:number_set_int|compare|get|iter|length|merge|shallow_copy|type|transitive_closure)|memoize_(?:init|push|pop|insert|get)|mapping_(?:init|lookup)|mpd_init|malloc_init|cmp_(?:eq|neq|gte?|lte?))|builtin_member3?)$/

interface Surroundings {
  /** Imported functions, which come first in the numbering. */
  readonly imported: number
  readonly imports: ReadonlyMap<string, number>
  /** The function that is called with a failure. */
  readonly hook: number
  readonly names: ReadonlyMap<number, string>
  /** As they came, before anything was changed in them. */
  readonly original: readonly Uint8Array[]
}

/**
 * Each built-in function that the rules call is called through a wrapper: it asks the host where the function inside is not
 * equal to OPA's, and calls the hook where that function gave 0. `names` are the module's own; throws where it does not name
 * what rules call, since calls could then not be distinguished.
 */
export function withOwnBuiltins(module: Sections, { imported, imports, hook, names, original }: Surroundings): Map<number, Uint8Array> {
  const bodies = [...readBodies(module.get(sections.code))]
  const byName = new Map([...names].map(([index, name]) => [name, index]))
  const rules = [...names].flatMap(([index, name]) => (/^g\d+\.|^eval$/.test(name) ? [index - imported] : []))
  if (rules.length === 0)
    throw new Error('the policy’s WebAssembly does not name its functions; build it with "opa build -t wasm" or "sallyport policy build"')
  const types = readIndices(module.get(sections.function))
  const asked = new Set<string>()
  const never = new Set<string>()
  const wrapped = new Map<number, number>()
  const added: { type: number; body: Uint8Array }[] = []
  const wrapperOf = (index: number): number | undefined => {
    const known = wrapped.get(index)
    if (known !== undefined || index < imported) return known
    const id = names.get(index) ?? ''
    const listed = Object.hasOwn(wasmBuiltins, id) ? wasmBuiltins[id] : undefined
    if (listed === undefined) {
      if (runtimeCalls.test(id)) return undefined
      throw new Error(`a rule in the policy’s WebAssembly calls ${id === '' ? 'a function without a name' : id}, which is unknown here`)
    }
    const type = types[index - imported] ?? 0
    const isKnown = wasmDigests[id] === digestOf(index, { bodies: original, imported, names })
    const builtin = isKnown ? listed : { name: listed.name }
    if (!isKnown && listed.inside !== undefined) never.add(builtin.name)
    const own = { id, builtin, index, parameters: parametersOf(module, type) }
    const body = wrapper(own, { hook, byName, imports })
    if (asksHost(builtin)) asked.add(builtin.name)
    wrapped.set(index, imported + bodies.length + added.length)
    added.push({ type, body })
    return wrapped.get(index)
  }
  for (const rule of rules) bodies[rule] = redirected(bodies[rule] ?? new Uint8Array(), wrapperOf)
  const more = added.map(({ type }) => Uint8Array.from(unsigned(type)))
  return new Map([
    ...module,
    [0, customSection(askedSection, JSON.stringify({ asked: [...asked], never: [...never] } satisfies Asked))],
    [sections.function, appended(module.get(sections.function), more)],
    [sections.code, writeBodies([...bodies, ...added.map(({ body }) => body)])],
  ])
}

interface Own {
  readonly id: string
  readonly builtin: WasmBuiltin
  readonly index: number
  readonly parameters: number
}

interface Callees {
  readonly hook: number
  readonly byName: ReadonlyMap<string, number>
  readonly imports: ReadonlyMap<string, number>
}

/** if (operands of another kind) return host(…); result = f(…); if (result == 0 && it failed) hook(code); return result */
function wrapper({ id, builtin, index, parameters }: Own, callees: Callees): Uint8Array {
  const place = ids.indexOf(id)
  const operands = Array.from({ length: parameters }, (_, parameter) => [opcodes.localGet, ...unsigned(parameter)]).flat()
  const ask = callees.imports.get(`env.opa_builtin${parameters}`)
  if (ask === undefined) throw new Error(`the policy’s WebAssembly is of an unknown make: it does not import opa_builtin${parameters}`)
  const host = [opcodes.i32Const, ...signed(-1 - place), opcodes.i32Const, 0, ...operands, opcodes.call, ...unsigned(ask)]
  if (builtin.inside === undefined) return Uint8Array.from([0, ...host, opcodes.end])
  const result = unsigned(parameters)
  const kinds = builtin.inside.flatMap((kind, parameter) => (kind === 'any' ? [] : [isOfKind(kind, parameter, callees)]))
  const fits = kinds.flatMap((code, index) => (index === 0 ? code : [...code, opcodes.i32And]))
  const guard = fits.length === 0 ? [] : [...fits, opcodes.i32Eqz, opcodes.if, opcodes.noResult, ...host, opcodes.return, opcodes.end]
  const tell =
    builtin.orElseHost === true
      ? [...host, opcodes.return]
      : [opcodes.i32Const, ...signed(firstFailure - place), opcodes.call, ...unsigned(callees.hook)]
  return Uint8Array.from([
    ...[1, 1, 0x7f], // one local of i32 beside the parameters
    ...guard,
    ...[...operands, opcodes.call, ...unsigned(index), opcodes.localTee, ...result, opcodes.i32Eqz, opcodes.if, opcodes.noResult],
    ...(undefinedOnEmpty.has(id)
      ? [...isEmptyCollection(callees), opcodes.i32Eqz, opcodes.if, opcodes.noResult, ...tell, opcodes.end]
      : tell),
    ...[opcodes.end, opcodes.localGet, ...result, opcodes.end],
  ])
}

/** OPA's value.h. */
const types = { string: 4, array: 5, set: 7 } as const

/** Code of an i32: 1 where the operand is of the kind. */
function isOfKind(kind: Exclude<OperandKind, 'any'>, parameter: number, callees: Callees): readonly number[] {
  const { type, length } = lookInto(callees)
  const operand = [opcodes.localGet, ...unsigned(parameter)]
  const filled = kind.startsWith('filled ')
  const wanted = types[kind.replace('filled ', '') as keyof typeof types]
  return [
    ...[...operand, opcodes.call, ...type, opcodes.i32Const, wanted, opcodes.i32Eq],
    ...(filled ? [...operand, opcodes.call, ...length, opcodes.i32Const, 0, opcodes.i32Ne, opcodes.i32And] : []),
  ]
}

/** The types have these bits in common, and no other type has both: an empty object is as wrong an operand as a number. */
const listBits = types.array & types.set

/** Code of an i32: 1 where the first operand is an empty array or set. */
function isEmptyCollection(callees: Callees): readonly number[] {
  const { type, length } = lookInto(callees)
  const first = [opcodes.localGet, 0]
  return [
    ...[...first, opcodes.call, ...length, opcodes.i32Eqz],
    ...[...first, opcodes.call, ...type, opcodes.i32Const, listBits, opcodes.i32And, opcodes.i32Const, listBits, opcodes.i32Eq],
    opcodes.i32And,
  ]
}

function lookInto({ byName }: Callees): { readonly type: readonly number[]; readonly length: readonly number[] } {
  const [type, length] = ['opa_value_type', 'opa_value_length'].map((name) => byName.get(name))
  if (type === undefined || length === undefined)
    throw new Error('the policy’s WebAssembly is of an unknown make: it lacks opa_value_type or opa_value_length')
  return { type: unsigned(type), length: unsigned(length) }
}

function customSection(name: string, text: string): Uint8Array {
  const [head, body] = [name, text].map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array]
  return Uint8Array.from([...unsigned(head.length), ...head, ...body])
}

function redirected(body: Uint8Array, wrapperOf: (index: number) => number | undefined): Uint8Array {
  const parts: Uint8Array[] = []
  let from = 0
  eachInstruction(body, (opcode, at, next) => {
    if (opcode !== opcodes.call) return
    const target = wrapperOf(new LebReader(body, at + 1).u32())
    if (target === undefined) return
    parts.push(body.subarray(from, at), Uint8Array.from([opcodes.call, ...unsigned(target)]))
    from = next
  })
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
