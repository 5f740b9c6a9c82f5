/** What goes into the Rego compiler and what comes out: JSON on standard input and output (rego/compiler/main.go). */

export interface CompilerRequest {
  readonly command: 'build' | 'test'
  /** File name → Rego text. Names are for messages; nothing is opened. */
  readonly sources: Readonly<Record<string, string>>
  readonly entrypoints?: readonly string[]
  readonly capabilities?: unknown
  /** JSON Schema of `input`. */
  readonly schema?: unknown
}

export interface CompilerProblem {
  readonly file: string
  /** From 1; 0 where there is none. */
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
  /** Input paths that the policy can look at, shortest covering ones. */
  readonly reads?: readonly (readonly string[])[]
  readonly tests?: readonly { file: string; row: number; package: string; name: string; passed: boolean; error?: string }[]
  /** Percent of lines. */
  readonly coverage?: number
}

/** Rego that does not compile. The message has one `file:row:column: message` a line. */
export class RegoError extends Error {
  readonly problems: readonly CompilerProblem[]

  constructor(problems: readonly CompilerProblem[]) {
    super(problems.map(({ file, row, column, message }) => (file === '' ? message : `${file}:${row}:${column}: ${message}`)).join('\n'))
    this.name = 'RegoError'
    this.problems = problems
  }
}

/** Neither a compiler built earlier, nor Go, nor an `opa` is there. */
export class CompilerMissing extends Error {
  constructor(cause: unknown) {
    super(
      'Rego rules are to be compiled, and there is no compiler: install Go (1.26 or later; https://go.dev/doc/install) or put an "opa" (1.20 or later) on PATH, then try again',
      { cause },
    )
    this.name = 'CompilerMissing'
  }
}
