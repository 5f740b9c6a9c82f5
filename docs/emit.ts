/** Writes what is derived from the code: JSON Schemas for editors, and the reference tables (`npm run docs`). */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configJsonSchema } from '../src/config/index.ts'
import { manifestJsonSchema } from '../src/manifests/index.ts'
import { createJsBuiltins } from '../src/opa/builtins/js-builtins.ts'
import { refusedFunctions } from '../src/opa/compiler/compile.ts'
import { asksHost, type WasmBuiltin, wasmBuiltins } from '../src/opa/wasm/wasm-builtins.ts'

import { anyRecordSchema, recordSchema, recordTypes } from '../src/records/schema/index.ts'

interface Schema {
  readonly title?: string
  /** `#/$defs/place`. */
  readonly $ref?: string
  readonly not?: object
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly (string | number)[]
  readonly const?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly anyOf?: readonly Schema[]
  /** Variants that are told apart by the value of one key. */
  readonly oneOf?: readonly Schema[]
}

/** File below docs/ → its text; a test holds the files to it. */
export function derived(): Readonly<Record<string, string>> {
  const config = configJsonSchema() as Schema
  const manifest = manifestJsonSchema() as Schema
  return {
    'schemas/sallyport.schema.json': `${JSON.stringify(config, null, 2)}\n`,
    'schemas/integration.schema.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'schemas/audit-record.schema.json': `${JSON.stringify(anyRecordSchema(), null, 2)}\n`,
    'reference/audit-records.md': withTableText('reference/audit-records.md', tablesOfRecords()),
    'reference/configuration.md': withTable('reference/configuration.md', config),
    'reference/manifest.md': withTable('reference/manifest.md', manifest),
    'policy/input.md': withTable('policy/input.md', regoSchema('input'), ['key', 'value', 'meaning']),
    'audit/review.md': withTable('audit/review.md', regoSchema('review'), ['key', 'value', 'meaning']),
    'reference/builtins.md': withTableText('reference/builtins.md', placesOfBuiltins(), refusedBuiltins()),
  }
}

function regoSchema(name: string): Schema {
  return JSON.parse(readFileSync(join(import.meta.dirname, `../rego/schemas/${name}.json`), 'utf8')) as Schema
}

/** One section per type of record. */
function tablesOfRecords(): string {
  const sections = Object.entries(recordTypes).map(([type, { description }]) => {
    const { seq: _seq, time: _time, type: _type, prev: _prev, ...members } = recordSchema(type).properties
    const shown = { properties: members, required: recordSchema(type).required } as Schema
    const table = tableOf(
      ['member', 'value', 'meaning'],
      rows(shown, '').map(({ key, value, meaning }) => [key.replace(' (required)', ''), optionalMark(key, value), meaning]),
    )
    return `\n### \`${type}\`\n\n${description}\n\n${table}`
  })
  return `${sections.join('')}\n`
}

function optionalMark(key: string, value: string): string {
  return key.endsWith(' (required)') ? value : `${value}, or absent`
}

const marks = ['<!-- table: npm run docs -->', '<!-- /table -->'] as const

const allColumns = ['key', 'value', 'default', 'meaning'] as const
type Row = Readonly<Record<(typeof allColumns)[number], string>>

function withTable(file: string, schema: Schema, columns: readonly (keyof Row)[] = allColumns): string {
  return withTableText(
    file,
    tableOf(
      columns,
      rows(schema, '').map((row) => columns.map((column) => row[column])),
    ),
  )
}

/** `tables`: in the order of their places. */
function withTableText(file: string, ...tables: readonly string[]): string {
  let text = readFileSync(join(import.meta.dirname, file), 'utf8')
  let from = 0
  for (const table of tables) {
    const start = text.indexOf(marks[0], from)
    const end = text.indexOf(marks[1], start)
    if (start < 0 || end < start) throw new Error(`docs/${file} has no place for a table`)
    text = `${text.slice(0, start)}${marks[0]}\n${table}${text.slice(end)}`
    from = start + marks[0].length + table.length
  }
  return text
}

function tableOf(head: readonly string[], body: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

/** Those that no policy may call, and why. */
function refusedBuiltins(): string {
  return tableOf(
    ['function', 'why it is refused', 'what to do'],
    Object.entries(refusedFunctions).map(([name, { reason, instead }]) => [`\`${name}\``, reason, instead]),
  )
}

/** Where each function that OPA's compiler knows inside the WebAssembly is answered; all others never are there. */
function placesOfBuiltins(): string {
  const all = Object.values(wasmBuiltins)
  const names = (fitting: (builtin: WasmBuiltin) => boolean) =>
    [...new Set(all.filter(fitting).map(({ name }) => `\`${name}\``))].sort().join(', ')
  const jsNames = Object.keys(createJsBuiltins()).sort()
  return tableOf(
    ['where', 'functions'],
    [
      ['in the policy', names((builtin) => !asksHost(builtin))],
      ['in the policy, except for some operands', names((builtin) => builtin.inside !== undefined && asksHost(builtin))],
      ['in the gateway, for usual operands', jsNames.map((name) => `\`${name}\``).join(', ')],
      [
        "in OPA's library, though the policy’s WebAssembly has one of its own",
        names((builtin) => builtin.inside === undefined && !jsNames.includes(builtin.name)),
      ],
    ],
  )
}

function rows(schema: Schema, prefix: string): readonly Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const path = `${prefix}${key}`
    const needed = schema.required?.includes(key) === true ? ' (required)' : ''
    const meaning = (value.description ?? '').replaceAll('|', '\\|')
    return [{ key: `\`${path}\`${needed}`, value: kindOf(value), default: defaultOf(value), meaning }, ...below(value, path)]
  })
}

function below(value: Schema, path: string): readonly Row[] {
  if (value.properties !== undefined) return rows(value, `${path}.`)
  if (value.items?.oneOf !== undefined) return variantRows(value.items.oneOf, `${path}[].`)
  if (value.items !== undefined) return value.items.properties === undefined ? [] : rows(value.items, `${path}[].`)
  if (typeof value.additionalProperties === 'object') return below(value.additionalProperties, `${path}.<name>`)
  return (value.anyOf ?? [])
    .flatMap((one) => below(one, path))
    .map((row) => ({ ...row, key: row.key.replace(' (required)', ' (one of these)') }))
}

/** What all have stands once; the rest says whose it is. */
function variantRows(variants: readonly Schema[], prefix: string): readonly Row[] {
  const tables = variants.map((variant) => ({ kind: kindOf(variant.properties?.['type'] ?? {}), rows: rows(variant, prefix) }))
  const byKey = Map.groupBy(
    tables.flatMap(({ kind, rows: all }) => all.map((row) => ({ kind, row }))),
    ({ row }) => row.key,
  )
  return [...byKey.values()].flatMap((found): readonly Row[] => {
    const [first] = found
    if (first === undefined) return []
    const isType = first.row.key.startsWith(`\`${prefix}type\``)
    if (isType)
      return [
        {
          ...first.row,
          value: found.map(({ row }) => row.value).join(', '),
          meaning: found.map(({ kind, row }) => `${kind}: ${row.meaning}`).join(' '),
        },
      ]
    const meaning = found.length === variants.length ? '' : `(${found.map(({ kind }) => kind).join(', ')}) `
    return [{ ...first.row, meaning: `${meaning}${first.row.meaning}` }]
  })
}

/** A group of keys that may be left out has no default of its own: its keys have theirs. */
function defaultOf({ default: stated }: Schema): string {
  if (stated === undefined || (typeof stated === 'object' && Object.keys(stated ?? {}).length === 0 && !Array.isArray(stated))) return ''
  return `\`${typeof stated === 'string' ? stated : JSON.stringify(stated)}\``
}

function kindOf(value: Schema): string {
  if (value.const !== undefined) return `\`${value.const}\``
  if (value.enum !== undefined) return value.enum.map((one) => `\`${one}\``).join(', ')
  if (value.not !== undefined) return 'nothing'
  if (value.$ref !== undefined) return value.$ref.slice(value.$ref.lastIndexOf('/') + 1)
  if (value.title !== undefined) return value.title
  if (value.anyOf !== undefined) return [...new Set(value.anyOf.map(kindOf))].join(' or ')
  if (value.items !== undefined) return `list of ${kindOf(value.items)}`
  if (value.properties === undefined && typeof value.additionalProperties === 'object')
    return `map to ${kindOf(value.additionalProperties)}`
  if (value.oneOf !== undefined) return 'keys below'
  if (value.properties === undefined) return [value.type ?? 'anything'].flat().join(' or ')
  return Object.keys(value.properties).length === 0 ? 'no keys' : 'keys below'
}

if (import.meta.main) for (const [file, text] of Object.entries(derived())) writeFileSync(join(import.meta.dirname, file), text)
