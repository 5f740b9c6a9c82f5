/** What is wrong with a configuration file, every problem at once, each with its place. */

export interface ConfigProblem {
  readonly file: string
  /** From 1; 0 where the file itself cannot be read. */
  readonly line: number
  readonly column: number
  /** Dotted path of the value, `limits.requests.rate`; empty for the whole file. */
  readonly path: string
  readonly message: string
}

export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[]
  /** EX_CONFIG of sysexits.h. */
  readonly exitCode = 78

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** `file:line:column path: message`. */
function formatProblem({ file, line, column, path, message }: ConfigProblem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`
  return `${place}${path === '' ? '' : ` ${path}`}: ${message}`
}
