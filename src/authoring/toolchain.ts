/** What authors do with Rego, by OPA's own packages: check, format, test, evaluate, bundle. */
import { createHash } from 'node:crypto'
import { packageOf } from '../bundles/index.ts'
import type { JsonObject } from '../core/index.ts'
import { type Compile, type DataReference, type EvalResult, everything, type RegoSources } from '../opa/index.ts'
import {
  compilerEnvironment,
  createGatewayEngine,
  defaultSources,
  divideRules,
  type EngineSubject,
  entrypointsOf,
  mapRegoErrors,
  requireNoRulesInTests,
  warningsOf,
} from '../policy/index.ts'
import { maskInputs, requireInside } from '../reporting/index.ts'
import { parseExactJson, stringify } from '../text/index.ts'
/**
 * Throws `RegoError` with every problem: syntax, types against the input's schema, unknown functions. Gives what may be meant
 * so: places that look at data that neither a rule nor `data` provides.
 */
export async function checkPolicy(
  compile: Compile,
  sources: RegoSources,
  grants: readonly string[] = [],
  data: JsonObject = {},
): Promise<readonly string[]> {
  const { capabilities, schema } = await compilerEnvironment(grants)
  requireNoRulesInTests(sources)
  const { deciding, reporting } = divideRules(sources)
  const all = { ...(await defaultSources()), ...deciding }
  const { references = [] } = await mapRegoErrors(deciding, async () => {
    await compile({ command: 'check', sources: all, capabilities, schema })
    // What only shows when a policy is planned: conflicts, recursion through data, a `with` that goes too deep.
    return compile({ command: 'build', sources: all, capabilities, schema, entrypoints: entrypointsOf(grants) })
  })
  const reported = Object.keys(reporting).length > 0 ? await checkReporting(compile, sources, grants) : []
  return [...new Set([...warningsOf(references, deciding, data), ...warningsOf(reported, sources, data)])]
}

async function checkReporting(compile: Compile, rules: RegoSources, grants: readonly string[]): Promise<readonly DataReference[]> {
  const { sources, capabilities, entrypoints } = await maskInputs(rules, grants)
  await compile({ command: 'check', sources, capabilities })
  const { policyReads = everything, references = [] } = await compile({ command: 'build', sources, capabilities, entrypoints })
  requireInside(policyReads)
  return references
}

/** Names of the files whose format is not OPA's, with their text as it should be. */
export async function formatPolicy(compile: Compile, sources: RegoSources): Promise<RegoSources> {
  const { formatted = {} } = await compile({ command: 'fmt', sources })
  return Object.fromEntries(Object.entries(formatted).filter(([name, text]) => sources[name] !== text))
}

export interface Evaluation {
  readonly sources: RegoSources
  readonly query: string
  readonly data: JsonObject
  /** JSON text. */
  readonly input: string
  readonly explain: boolean
  /** Of these two, the interpreter alone explains. */
  readonly engine?: 'opa' | 'gateway'
  /** Functions that reach out of the policy. An interpreter without a network fails where it calls one. */
  readonly grants?: readonly string[]
}

/** By OPA's interpreter, which answers every query and can show every step; or by the gateway's engine. */
export async function evalPolicy(
  compile: Compile,
  { sources, query, data, input, explain, grants = [], engine = 'opa' }: Evaluation,
): Promise<EvalResult> {
  const { capabilities } = await compilerEnvironment(grants)
  const all = { ...(await defaultSources()), ...sources }
  if (engine === 'gateway') return evalInGateway(compile, { sources: all, capabilities, data }, query, input)
  const { results = [] } = await compile({ command: 'eval', sources: all, capabilities, query, data, inputTexts: [input], explain })
  return results[0] ?? {}
}

/** A query becomes a rule, since WebAssembly answers rules; so it is an expression that has one value. */
async function evalInGateway(compile: Compile, subject: EngineSubject, query: string, input: string): Promise<EvalResult> {
  const rule = `package sallyport_query\n\nanswer := ${query}\n`
  const sources = { ...subject.sources, 'the query': rule }
  const ask = await createGatewayEngine(compile, { ...subject, sources }, ['sallyport_query/answer'])
  // As the gateway writes an input, and OPA reads it: strings are well-formed.
  const answer = ask('sallyport_query/answer', stringify(parseExactJson(input)))
  if ('error' in answer) return { error: { file: '', row: 0, column: 0, code: 'engine', message: answer.error } }
  return answer.text === undefined ? {} : { value: parseExactJson(answer.text) }
}

export interface BundleOptions {
  /** A hash of all that is in it, where absent. */
  readonly revision?: string | undefined
  readonly grants?: readonly string[]
  /** Base documents beside the rules. */
  readonly data?: JsonObject
}

/** A bundle (gzip'd tar) as OPA's servers hand them round, with the default policy, the WebAssembly and the data in it. */
export async function buildBundle(
  compile: Compile,
  sources: RegoSources,
  { revision, grants = [], data = {} }: BundleOptions = {},
): Promise<{ revision: string; bytes: Buffer }> {
  const { capabilities, schema } = await compilerEnvironment(grants)
  const own = await defaultSources()
  const all = { ...own, ...sources }
  const { deciding, reporting } = divideRules(sources)
  const reports = Object.keys(reporting).length > 0
  const name =
    revision ??
    createHash('sha256')
      .update(JSON.stringify(Object.keys(data).length === 0 ? all : [all, data]))
      .digest('hex')
      .slice(0, 12)
  const common = { capabilities, entrypoints: entrypointsOf(grants) }
  await compile({ ...common, command: 'build', sources: { ...own, ...deciding }, schema })
  const { bundle = '' } = await compile({
    ...common,
    command: 'bundle',
    sources: all,
    // It is the schema of requests; `checkPolicy` holds each part to its own.
    ...(!reports && { schema }),
    revision: name,
    data,
    roots: rootsOf(sources, data),
  })
  return { revision: name, bytes: Buffer.from(bundle, 'base64') }
}

/** What the bundle defines and no other may: the policy, its masks, other packages, and data by its first key. */
function rootsOf(sources: RegoSources, data: JsonObject): readonly string[] {
  const packages = Object.entries(sources).flatMap(([file, text]) => (file.endsWith('_test.rego') ? [] : [packageOf(text) ?? []]))
  const others = packages.flatMap(([first = '']) => (['', 'sallyport', 'system'].includes(first) ? [] : [first]))
  const masks = packages.some(([first]) => first === 'system') ? ['system/log'] : []
  return ['sallyport', ...masks, ...new Set([...others, ...Object.keys(data)])]
}
