/** The built-in functions that OPA's compiler answers inside the WebAssembly, and which of them may stay there. */

/** What an operand has to be for a function to be answered inside. */
export type OperandKind = 'any' | 'array' | 'set' | 'filled array' | 'filled string'

export interface WasmBuiltin {
  /** In Rego. */
  readonly name: string
  /** Inside where each operand is of its kind; of no kind at all: always. Absent: never. */
  readonly inside?: readonly OperandKind[]
  /** Where it fails inside, the host is asked: it takes fewer spellings of a number than OPA does. */
  readonly orElseHost?: true
}

const always: readonly OperandKind[] = []

/**
 * By the names that they have there (OPA's internal/compiler/wasm). A function is answered inside only where it was read,
 * and found by test/property/builtins.test.ts, to give what OPA's interpreter gives and to touch no memory but its own, and
 * where its code is still that of then (wasm-digests.ts); all others are asked of the host. Those inside give the address of a value, or 0 where they failed.
 */
export const wasmBuiltins: Readonly<Record<string, WasmBuiltin>> = {
  opa_arith_plus: { name: 'plus' },
  opa_arith_minus: { name: 'minus', inside: ['set', 'set'] },
  opa_arith_multiply: { name: 'mul' },
  opa_arith_divide: { name: 'div' },
  opa_arith_abs: { name: 'abs' },
  opa_arith_round: { name: 'round' },
  opa_arith_ceil: { name: 'ceil' },
  opa_arith_floor: { name: 'floor' },
  opa_arith_rem: { name: 'rem' },
  opa_array_concat: { name: 'array.concat', inside: always },
  opa_array_flatten: { name: 'array.flatten', inside: always },
  opa_array_reverse: { name: 'array.reverse', inside: always },
  opa_array_slice: { name: 'array.slice', inside: always, orElseHost: true },
  opa_set_diff: { name: 'set_diff' },
  opa_set_intersection: { name: 'and', inside: always },
  opa_set_union: { name: 'or', inside: always },
  opa_sets_intersection: { name: 'intersection', inside: always },
  opa_sets_union: { name: 'union', inside: always },
  opa_types_is_number: { name: 'is_number', inside: always },
  opa_types_is_string: { name: 'is_string', inside: always },
  opa_types_is_boolean: { name: 'is_boolean', inside: always },
  opa_types_is_array: { name: 'is_array', inside: always },
  opa_types_is_set: { name: 'is_set', inside: always },
  opa_types_is_object: { name: 'is_object', inside: always },
  opa_types_is_null: { name: 'is_null', inside: always },
  opa_types_name: { name: 'type_name', inside: always },
  opa_bits_or: { name: 'bits.or' },
  opa_bits_and: { name: 'bits.and' },
  opa_bits_negate: { name: 'bits.negate' },
  opa_bits_xor: { name: 'bits.xor' },
  opa_bits_shiftleft: { name: 'bits.lsh' },
  opa_bits_shiftright: { name: 'bits.rsh' },
  opa_agg_count: { name: 'count', inside: always },
  opa_agg_sum: { name: 'sum' },
  opa_agg_product: { name: 'product' },
  opa_agg_max: { name: 'max', inside: always },
  opa_agg_min: { name: 'min', inside: always },
  opa_agg_sort: { name: 'sort', inside: always },
  opa_agg_all: { name: 'all' },
  opa_agg_any: { name: 'any' },
  opa_base64_is_valid: { name: 'base64.is_valid' },
  opa_base64_decode: { name: 'base64.decode' },
  opa_base64_encode: { name: 'base64.encode' },
  opa_base64_url_encode: { name: 'base64url.encode' },
  opa_base64_url_decode: { name: 'base64url.decode' },
  opa_cidr_contains: { name: 'net.cidr_contains' },
  opa_cidr_intersects: { name: 'net.cidr_intersects' },
  opa_glob_match: { name: 'glob.match' },
  opa_json_marshal: { name: 'json.marshal' },
  opa_json_unmarshal: { name: 'json.unmarshal' },
  opa_json_is_valid: { name: 'json.is_valid' },
  builtin_object_filter: { name: 'object.filter', inside: always },
  builtin_object_get: { name: 'object.get', inside: always },
  builtin_object_keys: { name: 'object.keys', inside: always },
  builtin_object_remove: { name: 'object.remove', inside: always },
  builtin_object_union: { name: 'object.union', inside: always },
  builtin_object_union_n: { name: 'object.union_n', inside: ['filled array'] },
  opa_strings_any_prefix_match: { name: 'strings.any_prefix_match' },
  opa_strings_any_suffix_match: { name: 'strings.any_suffix_match' },
  opa_strings_concat: { name: 'concat', inside: ['any', 'array'] },
  opa_strings_format_int: { name: 'format_int' },
  opa_strings_indexof: { name: 'indexof', inside: ['any', 'filled string'] },
  opa_strings_substring: { name: 'substring', inside: always, orElseHost: true },
  opa_strings_lower: { name: 'lower' },
  opa_strings_upper: { name: 'upper' },
  opa_strings_contains: { name: 'contains', inside: always },
  opa_strings_startswith: { name: 'startswith', inside: always },
  opa_strings_endswith: { name: 'endswith', inside: always },
  opa_strings_reverse: { name: 'strings.reverse', inside: always },
  opa_strings_split: { name: 'split', inside: always },
  opa_strings_replace: { name: 'replace', inside: ['any', 'filled string', 'any'] },
  opa_strings_replace_n: { name: 'strings.replace_n' },
  opa_strings_trim: { name: 'trim', inside: always },
  opa_strings_trim_left: { name: 'trim_left', inside: always },
  opa_strings_trim_prefix: { name: 'trim_prefix', inside: always },
  opa_strings_trim_right: { name: 'trim_right', inside: always },
  opa_strings_trim_suffix: { name: 'trim_suffix', inside: always },
  opa_strings_trim_space: { name: 'trim_space' },
  opa_template_string: { name: 'internal.template_string' },
  opa_numbers_range: { name: 'numbers.range' },
  opa_to_number: { name: 'to_number' },
  builtin_graph_reachable: { name: 'graph.reachable' },
  opa_regex_is_valid: { name: 'regex.is_valid' },
  opa_regex_match: { name: 'regex.match' },
  opa_regex_find_all_string_submatch: { name: 'regex.find_all_string_submatch_n' },
  builtin_json_remove: { name: 'json.remove' },
  builtin_json_filter: { name: 'json.filter' },
}

/** For an empty collection these are undefined, which is not a failure. */
export const undefinedOnEmpty: ReadonlySet<string> = new Set(['opa_agg_max', 'opa_agg_min'])

/** For some operands at least. */
export function asksHost({ inside, orElseHost }: WasmBuiltin): boolean {
  return inside?.length !== 0 || orElseHost === true
}

/** Names in Rego of those that are asked of the host for some operands only. */
export const partlyInside: ReadonlySet<string> = new Set(
  Object.values(wasmBuiltins).flatMap((builtin) => (builtin.inside !== undefined && asksHost(builtin) ? [builtin.name] : [])),
)
