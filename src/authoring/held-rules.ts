/** Which of an author's rules held for a recorded request, and for which this cannot be known: each rule is evaluated on its own. */

import { packageOf } from '../bundles/index.ts'
import type { Integration, JsonObject } from '../core/index.ts'
import { type Compile, RegoError, type RegoSources } from '../opa/index.ts'
import {
  type Composed,
  compilerEnvironment,
  createGatewayEngine,
  type DecidedRecord,
  defaultSources,
  type RecordedRequest,
  sayWithout,
  wholeData,
} from '../policy/index.ts'
/** An author's rule. */
export interface AuthorRule {
  readonly rule: 'deny' | 'allow' | 'obligations'
  readonly file: string
  readonly row: number
}

export interface HeldRules {
  readonly held: readonly AuthorRule[]
  /** Whether these held depends on what the log does not hold. */
  readonly undecided: readonly (AuthorRule & { readonly dependsOn: readonly string[] })[]
}

interface Subject {
  readonly record: DecidedRecord
  readonly recorded: RecordedRequest
  readonly composed: Pick<Composed, 'deciding' | 'data'>
  readonly integration: Integration | undefined
}

const rulesPackage = 'sallyport.rules'
/** Holds a copy of the rules, in which each has a name of its own. */
const copyPackage = 'sallyport_each'

/** As the gateway's engine evaluates them. Empty where no copy of the rules compiles. */
export async function rulesThatHeld(
  compile: Compile,
  grants: readonly string[],
  { record, recorded, composed, integration }: Subject,
): Promise<HeldRules> {
  const { rules, copies } = copyOf(composed.deciding)
  if (rules.length === 0) return { held: [], undecided: [] }
  const { capabilities } = await compilerEnvironment(grants)
  const sources = { ...(await defaultSources()), ...composed.deciding, ...copies }
  const data = wholeData(composed.data, integration === undefined ? [] : [integration])
  const entrypoints = rules.map(({ name }) => `${copyPackage}/${name}`)
  const ask = await createGatewayEngine(compile, { sources, capabilities, data }, entrypoints).catch((error: unknown) => {
    if (error instanceof RegoError) return null
    throw error
  })
  if (ask === null) return { held: [], undecided: [] }
  const input = JSON.stringify(inputOf(record, recorded, integration))
  const atMs = recorded.request.at
  const said = rules.map(({ name, ...rule }) => {
    const answer = sayWithout(recorded.unseen, (unread) => {
      const got = ask(`${copyPackage}/${name}`, input, { atMs, unread })
      if (!('error' in got)) return { holds: got.text !== undefined && got.text !== '[]' }
      return got.dependsOn === undefined ? { holds: false } : got.dependsOn
    })
    return { rule, answer }
  })
  return {
    held: said.flatMap(({ rule, answer }) => ('holds' in answer && answer.holds ? [rule] : [])),
    undecided: said.flatMap(({ rule, answer }) => ('dependsOn' in answer ? [{ ...rule, dependsOn: answer.dependsOn }] : [])),
  }
}

function inputOf(record: DecidedRecord, { claim }: RecordedRequest, integration: Integration | undefined): JsonObject {
  const { id, time, door, kind, action, identity } = record
  return {
    version: 1,
    integration: { name: record.integration, labels: integration?.labels ?? {}, identity },
    request: { id, time, door, kind, action },
    [kind]: claim.facts,
  }
}

const head = /^([ \t]*)(deny|allow|obligations)(?=[ \t]+contains\b)/gm

/** The modules of the rules' package once more, and the names of their rules there. */
function copyOf(sources: RegoSources): { rules: readonly (AuthorRule & { readonly name: string })[]; copies: RegoSources } {
  const rules: (AuthorRule & { readonly name: string })[] = []
  const copies: Record<string, string> = {}
  for (const [file, text] of Object.entries(sources)) {
    if (packageOf(text)?.join('.') !== rulesPackage || file.endsWith('_test.rego')) continue
    const renamed = text.replace(head, (_match, indent: string, rule: AuthorRule['rule'], offset: number) => {
      const name = `rule_${rules.length}`
      rules.push({ name, rule, file, row: text.slice(0, offset).split('\n').length })
      return `${indent}${name}`
    })
    copies[`each/${file}`] = renamed.replace(/^(\s*package\s+)sallyport\.rules\b/m, `$1${copyPackage}`)
  }
  // A rule may look at the others by their names.
  const others = [...new Set(rules.map(({ rule }) => `${rule} := data.${rulesPackage}.${rule}`))]
  return { rules, copies: { ...copies, 'each/others.rego': `package ${copyPackage}\n\n${others.join('\n\n')}\n` } }
}
