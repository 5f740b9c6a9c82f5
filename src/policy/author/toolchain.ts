/** What authors do with Rego, by OPA's own packages: check, format, test, evaluate, bundle. */
import { createHash } from 'node:crypto'
import { type JsonObject, parseExactJson, stringify } from '../../core/index.ts'
import { defaultSources, entrypointsOf, policySurroundings } from '../build.ts'
import { packageOf } from '../bundle/index.ts'
import {
  type Compile,
  CompilerMissing,
  type DataReference,
  type EvalResult,
  everything,
  type FileCoverage,
  RegoError,
  type RegoSources,
  type TestOutcome,
} from '../compiler/index.ts'
import { divideRules } from '../divide-rules.ts'
import { explainingRules } from '../explain-rules.ts'
import { requireNoRulesInTests } from '../left-aside.ts'
import type { LibrarySource } from '../library-source.ts'
import { requireInside, verdictInputs } from '../report/verdict-build.ts'
import { warningsOf } from '../unprovided.ts'
import { createGatewayEngine, type EngineSubject, type GatewayOutcome, testInGateway } from './gateway-engine.ts'

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
  const { capabilities, schema } = await policySurroundings(grants)
  requireNoRulesInTests(sources)
  const { deciding, reporting } = divideRules(sources)
  const all = { ...(await defaultSources()), ...deciding }
  const { references = [] } = await explainingRules(deciding, async () => {
    await compile({ command: 'check', sources: all, capabilities, schema })
    // What only shows when a policy is planned: conflicts, recursion through data, a `with` that goes too deep.
    return compile({ command: 'build', sources: all, capabilities, schema, entrypoints: entrypointsOf(grants) })
  })
  const reported = Object.keys(reporting).length > 0 ? await checkReporting(compile, sources, grants) : []
  return [...new Set([...warningsOf(references, deciding, data), ...warningsOf(reported, sources, data)])]
}

async function checkReporting(compile: Compile, rules: RegoSources, grants: readonly string[]): Promise<readonly DataReference[]> {
  const { sources, capabilities, entrypoints } = await verdictInputs(rules, grants)
  await compile({ command: 'check', sources, capabilities })
  const { sight = everything, references = [] } = await compile({ command: 'build', sources, capabilities, entrypoints })
  requireInside(sight)
  return references
}

/** Names of the files whose format is not OPA's, with their text as it should be. */
export async function formatPolicy(compile: Compile, sources: RegoSources): Promise<RegoSources> {
  const { formatted = {} } = await compile({ command: 'fmt', sources })
  return Object.fromEntries(Object.entries(formatted).filter(([name, text]) => sources[name] !== text))
}

export interface TestReport {
  readonly tests: readonly TestOutcome[]
  /** Of the author's files. */
  readonly files: readonly FileCoverage[]
  /** Percent of the author's lines; `null` where it was not measured: a plain `opa` tells none. */
  readonly coverage: number | null
  /** Where they ran: without Go in OPA's interpreter alone. */
  readonly engine: EngineChoice
}

export interface TestOptions {
  /** Regular expression that names of tests must match. */
  readonly run?: string | undefined
  /** Base documents. */
  readonly data?: JsonObject
  /** Functions that reach out of the policy and may be called nevertheless. */
  readonly grants?: readonly string[]
  /** Whose verdict counts: OPA's interpreter (the default), the gateway's engine, or both, which have to agree. */
  readonly engine?: EngineChoice
  /** Where the gateway's engine has OPA's functions from; its own where absent. */
  readonly library?: Pick<LibrarySource, 'codeFor'>
}

export type EngineChoice = 'opa' | 'gateway' | 'both'

export async function testPolicy(
  compile: Compile,
  sources: RegoSources,
  { run = '', data = {}, grants = [], engine = 'opa', library }: TestOptions = {},
): Promise<TestReport> {
  requireNoRulesInTests(sources)
  const { capabilities } = await policySurroundings(grants)
  const subject = { sources: { ...(await defaultSources()), ...sources }, capabilities, data }
  const { tests: found = [], lines = null } = await compile({ command: 'test', ...subject, run })
  const inGateway = engine === 'opa' ? null : await testInGateway(compile, subject, found, library).catch(unlessAsked(engine))
  const tests = inGateway === null ? found : judged(found, inGateway, engine)
  const ran = inGateway === null ? 'opa' : engine
  if (lines === null) return { tests, files: [], coverage: null, engine: ran }
  const files = lines.filter(({ file }) => Object.hasOwn(sources, file))
  const covered = files.reduce((sum, one) => sum + one.covered.length, 0)
  const all = covered + files.reduce((sum, one) => sum + one.notCovered.length, 0)
  return { tests, files, coverage: all === 0 ? 100 : (covered / all) * 100, engine: ran }
}

/** What is run in both engines is run in one where the other cannot be had. */
function unlessAsked(engine: EngineChoice): (error: unknown) => null {
  return (error) => {
    if (engine === 'gateway' || !(error instanceof CompilerMissing)) throw error
    return null
  }
}

/** Each test with the verdict of the engine that is asked for; with both, a difference is a failure that shows either answer. */
function judged(
  tests: readonly TestOutcome[],
  inGateway: ReadonlyMap<TestOutcome, GatewayOutcome>,
  engine: EngineChoice,
): readonly TestOutcome[] {
  return tests.map((one) => {
    const there = inGateway.get(one)
    if (there === undefined) return one
    if ('left' in there)
      return engine === 'both' ? { ...one, notInGateway: there.left } : { ...one, skipped: true, notInGateway: there.left }
    if (engine === 'gateway') return { ...withoutError(one), ...there }
    if (one.passed === there.passed) return one
    const said = (passed: boolean, error: string | undefined) => `${passed ? 'passes' : 'fails'}${error === undefined ? '' : ` (${error})`}`
    return {
      ...one,
      passed: false,
      error: `the engines differ: it ${said(one.passed, one.error)} in OPA's interpreter, and ${said(there.passed, there.error)} in the gateway's engine`,
    }
  })
}

function withoutError({ error: _error, ...rest }: TestOutcome): TestOutcome {
  return rest
}

/** What was tested last: rules and masks that are both new ask for the same tests. */
const latest = new WeakMap<Compile, { readonly of: string; readonly tested: Promise<void> }>()

/** Throws `RegoError` that names each failed test and its place. */
export function requireTests(compile: Compile, sources: RegoSources, options: Omit<TestOptions, 'run'> = {}): Promise<void> {
  if (!Object.keys(sources).some((name) => name.endsWith('_test.rego'))) return Promise.resolve()
  const of = createHash('sha256')
    .update(JSON.stringify([sources, options]))
    .digest('hex')
  const known = latest.get(compile)
  if (known?.of === of) return known.tested
  const tested = runRequired(compile, sources, options)
  latest.set(compile, { of, tested })
  // What failed is run again: the compiler may be there by then.
  tested.catch(() => {
    if (latest.get(compile)?.tested === tested) latest.delete(compile)
  })
  return tested
}

async function runRequired(compile: Compile, sources: RegoSources, options: Omit<TestOptions, 'run'>): Promise<void> {
  // Where tests run, the gateway's engine is what decides by the rules.
  const { tests } = await testPolicy(compile, sources, { engine: 'both', ...options })
  const failed = tests.filter(({ passed, skipped }) => !passed && skipped !== true)
  if (failed.length > 0)
    throw new RegoError(
      failed.map(({ file, row, name, error }) => ({
        file,
        row,
        column: 1,
        code: 'test',
        message: `the test ${name} fails${error === undefined ? '' : `: ${error}`}`,
      })),
    )
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

/** By OPA's interpreter, so that every query can be asked and every step be told; or by the gateway's engine. */
export async function evalPolicy(
  compile: Compile,
  { sources, query, data, input, explain, grants = [], engine = 'opa' }: Evaluation,
): Promise<EvalResult> {
  const { capabilities } = await policySurroundings(grants)
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
  /** What stands beside the rules. */
  readonly data?: JsonObject
}

/** A bundle (gzip'd tar) as OPA's servers hand them round, with the default policy, the WebAssembly and the data in it. */
export async function buildBundle(
  compile: Compile,
  sources: RegoSources,
  { revision, grants = [], data = {} }: BundleOptions = {},
): Promise<{ revision: string; bytes: Buffer }> {
  const { capabilities, schema } = await policySurroundings(grants)
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
