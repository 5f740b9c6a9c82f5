/** Asks OPA's own compiler, as WebAssembly in its own process, or an `opa` on PATH where Go is missing; and says why a function is refused. */
import { createAnswers } from './compiler-cache.ts'
import { type CompilerFolders, commandFolders } from './folders.ts'
import { compileWithOpa } from './opa.ts'
import { compiler, programPath } from './program.ts'
import { answerIn, type CompilerAnswer, type CompilerProblem, type CompilerRequest, RegoError } from './protocol.ts'
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
    return succeeded(await answers.get(program, request, (text) => ask(program, text, signal)))
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

interface RefusedFunction {
  readonly reason: string
  readonly instead: string
}

const outside = 'it reaches out of the policy, and the configuration does not grant it'
const grant = (name: string) => `add it to policy.grants.builtins, or --grant ${name} for a command`
const old = 'OPA has deprecated it, and refuses it in Rego v1'

export const refusedFunctions: Readonly<Record<string, RefusedFunction>> = {
  'http.send': { reason: outside, instead: grant('http.send') },
  'net.lookup_ip_addr': { reason: outside, instead: grant('net.lookup_ip_addr') },
  'opa.runtime': { reason: outside, instead: grant('opa.runtime') },
  all: { reason: old, instead: 'write "every x in list { x }"' },
  any: { reason: old, instead: 'write "true in list"' },
  cast_array: { reason: old, instead: 'write "[x | some x in set]"' },
  cast_boolean: { reason: old, instead: 'ask with is_boolean' },
  cast_null: { reason: old, instead: 'ask with is_null' },
  cast_object: { reason: old, instead: 'ask with is_object' },
  cast_set: { reason: old, instead: 'write "{x | some x in list}"' },
  cast_string: { reason: old, instead: 'ask with is_string' },
  'net.cidr_overlap': { reason: old, instead: 'call net.cidr_contains' },
  re_match: { reason: old, instead: 'call regex.match' },
  set_diff: { reason: old, instead: 'write "a - b"' },
}

/** OPA says only that it does not know the function, or that it is deprecated. */
export function withReason(problem: CompilerProblem): CompilerProblem {
  const [, name = ''] = /^(?:undefined function|deprecated built-in function calls in expression:) ([\w.]+)$/.exec(problem.message) ?? []
  const refused = Object.hasOwn(refusedFunctions, name) ? refusedFunctions[name] : undefined
  return refused === undefined ? problem : { ...problem, message: `${problem.message}: ${refused.reason}; ${refused.instead}` }
}
