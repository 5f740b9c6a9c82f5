/** The tests that authors write beside their rules: run in OPA's interpreter and in the gateway's engine, and required before rules decide. */
import { createHash } from 'node:crypto'
import type { JsonObject } from '../core/index.ts'
import {
  type Compile,
  CompilerMissing,
  type FileCoverage,
  type LibrarySource,
  RegoError,
  type RegoSources,
  type TestOutcome,
} from '../opa/index.ts'
import { compilerEnvironment, defaultSources } from './build.ts'
import { type GatewayOutcome, testInGateway } from './gateway-engine.ts'
import { requireNoRulesInTests } from './refuse-unread-files.ts'

export interface TestReport {
  readonly tests: readonly TestOutcome[]
  /** Of the author's files. */
  readonly files: readonly FileCoverage[]
  /** Percent of the author's lines; `null` where it was not measured: a plain `opa` reports none. */
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
  const { capabilities } = await compilerEnvironment(grants)
  const subject = { sources: { ...(await defaultSources()), ...sources }, capabilities, data }
  const { tests: found = [], lines = null } = await compile({ command: 'test', ...subject, run })
  const inGateway = engine === 'opa' ? null : await testInGateway(compile, subject, found, library).catch(unlessAsked(engine))
  const tests = inGateway === null ? found : withGatewayResults(found, inGateway, engine)
  const ran = inGateway === null ? 'opa' : engine
  if (lines === null) return { tests, files: [], coverage: null, engine: ran }
  const files = lines.filter(({ file }) => Object.hasOwn(sources, file))
  const covered = files.reduce((sum, file) => sum + file.covered.length, 0)
  const all = covered + files.reduce((sum, file) => sum + file.notCovered.length, 0)
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
function withGatewayResults(
  tests: readonly TestOutcome[],
  inGateway: ReadonlyMap<TestOutcome, GatewayOutcome>,
  engine: EngineChoice,
): readonly TestOutcome[] {
  return tests.map((test) => {
    const there = inGateway.get(test)
    if (there === undefined) return test
    if ('left' in there)
      return engine === 'both' ? { ...test, notInGateway: there.left } : { ...test, skipped: true, notInGateway: there.left }
    if (engine === 'gateway') return { ...withoutError(test), ...there }
    if (test.passed === there.passed) return test
    const said = (passed: boolean, error: string | undefined) => `${passed ? 'passes' : 'fails'}${error === undefined ? '' : ` (${error})`}`
    return {
      ...test,
      passed: false,
      error: `the engines differ: it ${said(test.passed, test.error)} in OPA's interpreter, and ${said(there.passed, there.error)} in the gateway's engine`,
    }
  })
}

function withoutError({ error: _error, ...rest }: TestOutcome): TestOutcome {
  return rest
}

/** What was tested last: rules and masks that are both new ask for the same tests. */
const latest = new WeakMap<object, { readonly of: string; readonly tested: Promise<void> }>()

/** Throws `RegoError` that names each failed test and its place. `sharedBy`: what asks with it for the same tests has them run once. */
export function requireTests(
  compile: Compile,
  sources: RegoSources,
  options: Omit<TestOptions, 'run'> = {},
  sharedBy: object = compile,
): Promise<void> {
  if (!Object.keys(sources).some((name) => name.endsWith('_test.rego'))) return Promise.resolve()
  const of = createHash('sha256')
    .update(JSON.stringify([sources, options]))
    .digest('hex')
  const known = latest.get(sharedBy)
  if (known?.of === of) return known.tested
  const tested = runRequired(compile, sources, options)
  latest.set(sharedBy, { of, tested })
  // What failed is run again: the compiler may be there by then.
  tested.catch(() => {
    if (latest.get(sharedBy)?.tested === tested) latest.delete(sharedBy)
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
