/** The functions that every evaluator is asked, and the policy that asks them: one rule per function, one list per tuple of operands. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Declared } from '../builtin-operands.ts'
import { root } from '../installation.ts'
import { canonicalMembers } from '../value-text.ts'

export const entrypoint = 'sallyport/decision'

/** What the compiler writes itself, prints with, or takes only in some forms. */
const notCalled = /^(?:eq|assign|print|trace|internal\.(?:print|test_case|template_string)|rego\.metadata\..*)$/

interface Capability {
  readonly name: string
  readonly deprecated?: boolean
  readonly nondeterministic?: boolean
  readonly decl: { readonly args?: Declared['args'] }
}

/** `only`: names, with commas between them; every function where absent. */
export async function readFunctions(only: string | undefined): Promise<readonly Declared[]> {
  const { builtins } = JSON.parse(await readFile(join(root, 'rego/compiler/capabilities.json'), 'utf8')) as { builtins: Capability[] }
  return builtins
    .filter(({ name, deprecated, nondeterministic }) => !deprecated && !nondeterministic && !notCalled.test(name))
    .filter(({ name }) => only === undefined || only.split(',').includes(name))
    .map(({ name, decl }) => ({ name, args: decl.args ?? [] }))
}

/** What a function answers for the tuple `t`: a list of its answer, or of nothing where it failed. */
export function answersOf({ name, args }: Declared, tuple = 't'): string {
  const operands = args.map((_, place) => `${tuple}[${place}]`).join(', ')
  return name === 'walk' ? `{v | walk(${operands}, v)}` : `[v | v := ${name}(${operands})]`
}

export function policyOf(functions: readonly Declared[]): string {
  const rules = functions.map(
    (declared, index) => `decision["f"] := [${answersOf(declared)} | some t in input.tuples] if input.function == ${index}`,
  )
  return `package sallyport\n\n${rules.join('\n\n')}\n`
}

export function inputOf(index: number, tuples: readonly string[]): string {
  return `{"function":${index},"tuples":[${tuples.join()}]}`
}

/** One spelling of each tuple's list. `text`: of the decision, as OPA's interpreter or the engine writes it. */
export function listsIn(text: string, count: number, areSetsLists = false): readonly string[] {
  const lists = canonicalMembers(text.replace(/^(?:\{\{"result": )?\{"f": ?/, '').replace(/\}+$/, ''), areSetsLists)
  if (lists.length !== count) throw new Error(`${lists.length} lists instead of ${count}`)
  return lists
}
