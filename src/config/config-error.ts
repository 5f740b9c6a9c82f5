/** What is wrong with a configuration file, every problem at once, each with its place. */
import { visibleText } from '../text/index.ts'

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

const maxPathCharacters = 200

/** `file:line:column path: message`, always on one line. */
function formatProblem({ file, line, column, path, message }: ConfigProblem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`
  const shown = path.length > maxPathCharacters ? `${path.slice(0, maxPathCharacters)}…` : path
  return visibleText(`${place}${shown === '' ? '' : ` ${shown}`}: ${message}`)
}
