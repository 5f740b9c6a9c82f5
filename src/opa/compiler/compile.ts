/** Asks OPA's own compiler: as WebAssembly in a process of its own; where Go is missing, an `opa` on PATH. */
import { parseExactJson } from '../../text/index.ts'
import { createAnswers } from './answers.ts'
import { type CompilerFolders, commandFolders } from './folders.ts'
import { compileWithOpa } from './opa.ts'
import { compiler, programPath } from './program.ts'
import { type CompilerAnswer, type CompilerProblem, type CompilerRequest, RegoError } from './protocol.ts'
import { withReason } from './refusals.ts'
import { runProgram } from './run-program.ts'

/** `signal` ends the compiler, and rejects with its reason. */
export type Compile = (request: CompilerRequest, signal?: AbortSignal) => Promise<CompilerAnswer>

/** A hostile source can at most waste a process's time. */
const timeoutMs = 60_000

/** The function that is given throws `RegoError` (with file, row, column) or `CompilerMissing`. */
export function createCompile(folders: CompilerFolders = commandFolders()): Compile {
  const answers = createAnswers(folders)
  /** Looked for once; again after it was not there. */
  let looking: Promise<string> | null = null
  return async (request, signal) => {
    signal?.throwIfAborted()
    looking ??= programPath(compiler, folders)
    let program: string
    try {
      program = await looking
    } catch (cause) {
      looking = null
      return succeeded(await compileWithOpa(request, cause, { folders, signal }))
    }
    return answers.get(program, request, async (text) => succeeded(await ask(program, text, signal)))
  }
}

function succeeded(answer: CompilerAnswer): CompilerAnswer {
  if (answer.problems.length > 0) throw new RegoError(distinct(answer.problems).map(withReason))
  return answer
}

/** OPA's parser reports one error in several ways, and then that the file ended: the longest message of each place is kept. */
function distinct(problems: readonly CompilerProblem[]): readonly CompilerProblem[] {
  const places = new Map<string, CompilerProblem>()
  for (const problem of problems) {
    if (problem.message === 'unexpected eof token' && problems.some((other) => other.file === problem.file && other !== problem)) continue
    const place = `${problem.file}:${problem.row}:${problem.column}`
    const other = places.get(place)
    if (other === undefined) places.set(place, problem)
    else if (problem.message.startsWith(other.message)) places.set(place, problem)
    else places.set(`${place} ${problem.message}`, problem)
  }
  return [...places.values()]
}

async function ask(program: string, request: string, signal: AbortSignal | undefined): Promise<CompilerAnswer> {
  const { code, timedOut, stdout, stderr } = await runProgram(program, request, { timeoutMs, signal })
  signal?.throwIfAborted()
  if (timedOut) throw failure('timeout', `the compiler did not end within ${timeoutMs / 1000} s`)
  const answer = code === 0 ? answerIn(stdout) : null
  if (answer !== null) return answer
  throw failure('compiler', stderr.trim().slice(0, 2000) || `the compiler (${program}) ended with ${code} and no answer`)
}

function failure(code: string, message: string): RegoError {
  return new RegoError([{ file: '', row: 0, column: 0, code, message }])
}

function answerIn(stdout: string): CompilerAnswer | null {
  try {
    const answer = parseExactJson(stdout) as Partial<CompilerAnswer> | null
    return Array.isArray(answer?.problems) ? (answer as CompilerAnswer) : null
  } catch {
    return null
  }
}
