/** Evaluates queries and tests as the gateway evaluates policies: in its engine, with its functions and its limits. */
import type { JsonObject } from '../core/index.ts'
import {
  type Compile,
  type CompilerProblem,
  createLibrarySource,
  createLoader,
  ExternalCallNeeded,
  harden,
  type LibrarySource,
  libraryNeedOf,
  RegoError,
  type RegoSources,
  type TestOutcome,
  UnreadPart,
} from '../opa/index.ts'
import { createPlainDocuments } from './documents.ts'
import { createEvaluationThread } from './evaluation-thread.ts'
import { createSession } from './session.ts'
export interface EngineSubject {
  readonly sources: RegoSources
  readonly capabilities: unknown
  /** Base documents. */
  readonly data: JsonObject
}

/** A text of JSON; absent: undefined. `dependsOn`: what it would have to know; `null`: a part of the input that is not known. */
export type EngineAnswer = { readonly text?: string } | { readonly error: string; readonly dependsOn?: string | null }

export interface Circumstances {
  /** The policy's clock. */
  readonly atMs?: number
  /** As in `Evaluator`. */
  readonly unread?: readonly string[]
}

export type AskEngine = (entrypoint: string, input: string | null, circumstances?: Circumstances) => EngineAnswer

/** As roomy as the configuration lets an operator make it: what is found here is what a policy says, not how long it takes. */
const maxMemoryPages = 16_384
const maxEvaluationMs = 5000

async function moduleOf(compile: Compile, { sources, capabilities }: EngineSubject, entrypoints: readonly string[]) {
  const { wasm = '' } = await compile({ command: 'build', sources, capabilities, entrypoints, withTests: true })
  return WebAssembly.compile(harden(Buffer.from(wasm, 'base64')))
}

/** The function answers one entry point (`a/b/c`) for an input, JSON; `null` for none. Throws `RegoError` or `CompilerMissing`. */
export async function createGatewayEngine(compile: Compile, subject: EngineSubject, entrypoints: readonly string[]): Promise<AskEngine> {
  const documents = createPlainDocuments(await moduleOf(compile, subject, entrypoints), subject.data)
  const library = createLibrarySource()
  await library.readyFor(libraryNeedOf(documents.loader.base, null))
  return (entrypoint, input, { atMs = Date.now(), unread } = {}) => {
    const session = createSession({ documents, entrypoint, maxMemoryPages, maxEvaluationMs, library: library.now })
    try {
      return session.evaluate(documents.imageFor(undefined), input, atMs, answerOf, new Map(), unread)
    } catch (error) {
      if (error instanceof UnreadPart) return { error: 'it depends on a part of the input that is not known', dependsOn: null }
      if (error instanceof ExternalCallNeeded)
        return { error: `${error.builtin}: external calls are not made here`, dependsOn: `the answer of ${error.builtin}` }
      return { error: error instanceof Error ? error.message : String(error) }
    }
  }
}

/** Of a result set, `[{"result": …}]` or `[]`. */
function answerOf(text: string): EngineAnswer {
  const [, result] = /^\[\{"result":\s*(.*)\}\]$/s.exec(text) ?? []
  if (result === undefined && text !== '[]') throw new Error('the engine gave no result set')
  return result === undefined ? {} : { text: result }
}

/** As `createGatewayEngine`, of what may take long beside requests: each entry point's answer, by a thread of its own. */
async function askApart(
  compile: Compile,
  subject: EngineSubject,
  entrypoints: readonly string[],
  library: Pick<LibrarySource, 'codeFor'>,
): Promise<readonly EngineAnswer[]> {
  const module = await moduleOf(compile, subject, entrypoints)
  const code = await library.codeFor(libraryNeedOf(createLoader(module).base, null))
  const documents = { kind: 'whole', data: JSON.stringify(subject.data) } as const
  const thread = createEvaluationThread()
  try {
    thread.load({ module, documents, maxMemoryPages, maxEvaluationMs, library: code })
    const asked = { integration: undefined, input: null, atMs: Date.now(), unread: [], isObserved: false }
    const answers = await Promise.all(entrypoints.map((entrypoint) => thread.evaluate({ ...asked, entrypoint })))
    return answers.map((answer) => {
      if (answer === null) return { error: 'it ended the thread that evaluated it' }
      if ('lacks' in answer) return { error: `${answer.lacks}: external calls are not made here` }
      return 'failed' in answer ? { error: answer.message } : answerOf(answer.text)
    })
  } finally {
    await thread.close()
  }
}

/** What became of a test there. `left`: why it cannot be run there. */
export type GatewayOutcome = { readonly passed: boolean; readonly error?: string } | { readonly left: string }

/** Each test of `tests`, which OPA's interpreter has found and run, in the gateway's engine. */
export async function testInGateway(
  compile: Compile,
  subject: EngineSubject,
  tests: readonly TestOutcome[],
  library: Pick<LibrarySource, 'codeFor'> = createLibrarySource(),
): Promise<ReadonlyMap<TestOutcome, GatewayOutcome>> {
  const outcomes = new Map<TestOutcome, GatewayOutcome>()
  let pending = new Map<TestOutcome, string>()
  for (const test of tests) {
    const entrypoint = entrypointOf(test)
    if (test.skipped === true) continue
    if (entrypoint === null) outcomes.set(test, { left: 'it has no name of its own' })
    else pending.set(test, entrypoint)
  }
  while (pending.size > 0) {
    try {
      const entrypoints = [...new Set(pending.values())]
      const answers = await askApart(compile, subject, entrypoints, library)
      for (const [test, entrypoint] of pending) outcomes.set(test, passedIn(answers[entrypoints.indexOf(entrypoint)]))
      return outcomes
    } catch (error) {
      if (!(error instanceof RegoError)) throw error
      const refused = [...pending.keys()].filter((test) => error.problems.some((problem) => isIn(test, problem, tests)))
      const [{ message } = { message: 'it does not compile' }] = error.problems
      // A problem that is in none of them is all of theirs.
      if (refused.length === 0) return leftAll(pending.keys(), message, outcomes)
      leftAll(refused, message, outcomes)
      pending = new Map([...pending].filter(([test]) => !refused.includes(test)))
    }
  }
  return outcomes
}

function leftAll(tests: Iterable<TestOutcome>, left: string, outcomes: Map<TestOutcome, GatewayOutcome>): typeof outcomes {
  for (const test of tests) outcomes.set(test, { left })
  return outcomes
}

function passedIn(answer: EngineAnswer = {}): GatewayOutcome {
  if ('error' in answer) return { passed: false, error: answer.error }
  return { passed: answer.text !== undefined && answer.text !== 'false' }
}

/** `null`: several rules have its name, or its package has one that no path can hold. */
function entrypointOf({ package: name, name: rule }: TestOutcome): string | null {
  return /^data(?:\.\w+)+$/.test(name) && /^\w+$/.test(rule) ? [...name.split('.').slice(1), rule].join('/') : null
}

/** The problem stands below the head of this test and above that of the next. */
function isIn(test: TestOutcome, { file, row }: CompilerProblem, tests: readonly TestOutcome[]): boolean {
  return test.file === file && test.row <= row && !tests.some((other) => other.file === file && other.row > test.row && other.row <= row)
}
