/** OPA's own SDK (@open-policy-agent/opa-wasm), in a process of its own: it may hang, die or use up its memory, and nothing else does. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Script } from 'node:vm'
// Not by its face: a process that starts often loads no more than it needs.
import { createInside, type Inside } from '../opa/index.ts'
import type { KnownCall, Question, SdkAnswer } from './evaluation.ts'
import type { Job, PolicyToAsk } from './sdk.ts'
import { callKey, keyOf, readValue } from './value-key.ts'

interface Policy {
  evaluate(input: ArrayBuffer, entrypoint: string): unknown
  setData(data: ArrayBuffer): void
}

// Its ES module offers only a way that loads an HTTP client as well.
const require = createRequire(import.meta.url)
const sdk = require('@open-policy-agent/opa-wasm') as {
  loadPolicySync(
    wasm: WebAssembly.Module,
    memory: { readonly initial: number; readonly maximum: number },
    builtins: Record<string, (...operands: unknown[]) => unknown>,
  ): Policy
}

const ownFunctions = require(join(dirname(require.resolve('@open-policy-agent/opa-wasm')), 'builtins/index.js')) as Readonly<
  Record<string, (...operands: unknown[]) => unknown>
>

/** What the SDK cannot be given or cannot say, which does not count as a difference. */
class Skipped extends Error {
  readonly reason: 'set' | 'call' | 'sdk-function' | 'inside'

  constructor(reason: 'set' | 'call' | 'sdk-function' | 'inside') {
    super(reason)
    this.reason = reason
  }
}

interface State {
  loaded: (PolicyToAsk & { readonly module: WebAssembly.Module }) | null
  data: string
  /** `null`: a new instance is needed. */
  policy: Policy | null
  question: Question | null
  /** The functions inside the policy's WebAssembly; `null`: a new instance is needed. */
  inside: Inside | null
}

const state: State = { loaded: null, data: '{}', policy: null, question: null, inside: null }

process.on('message', ({ policy, data, questions, maxMs }: Job) => {
  if (policy !== undefined) state.inside = null
  if (policy !== undefined) state.loaded = { ...policy, module: new WebAssembly.Module(Buffer.from(policy.wasm)) }
  if (data !== undefined) state.data = data
  if (policy !== undefined || data !== undefined) state.policy = null
  process.send?.(questions.map((question) => answer(question, maxMs)))
})
process.once('disconnect', () => process.exit())

function answer(question: Question, maxMs: number): SdkAnswer {
  state.question = question
  try {
    return { text: bounded(() => JSON.stringify(evaluate(question)), maxMs) }
  } catch (error) {
    // A throw leaks the instance's stack, and what it leaves in memory is not to be trusted.
    state.policy = null
    state.inside = null
    return failureOf(error)
  }
}

function evaluate({ input, calls }: Question): unknown {
  for (const call of calls.values()) {
    requireSameOf(call)
    requireSameInside(call)
  }
  state.policy ??= load()
  return state.policy.evaluate(bytesOf(input), 'sallyport/decision')
}

/** Its own functions take precedence over those that it is given, and do not always answer as OPA does. */
function requireSameOf({ name, operands, answer }: KnownCall): void {
  const own = Object.hasOwn(ownFunctions, name) ? ownFunctions[name] : undefined
  if (own === undefined) return
  if (!saysSo(() => own(...operands), answer)) throw new Skipped('sdk-function')
}

/** It gives back memory that is not its own: the answer may be right, and whatever the instance says after it is not. */
const unsafeInside: ReadonlySet<string> = new Set(['json.is_valid'])

/** What stands inside the WebAssembly the SDK takes from there; the gateway asks OPA's library where that is not known to be equal. */
function requireSameInside({ name, texts, answer }: KnownCall): void {
  if (unsafeInside.has(name) || !insideSaysSo(name, texts, answer)) throw new Skipped('inside')
}

function insideSaysSo(name: string, texts: readonly string[], answer: string | null): boolean {
  if (state.loaded === null) return true
  try {
    state.inside ??= createInside(state.loaded.wasm)
    const said = state.inside(name, texts)
    return said === undefined || isSame(said, answer)
  } catch {
    state.inside = null
    return false
  }
}

function isSame(first: string | null, other: string | null): boolean {
  if (first === null || other === null) return first === other
  const [a, b] = [readValue(first), readValue(other)]
  return a.isBeyondJson === b.isBeyondJson && keyOf(a.value) === keyOf(b.value)
}

function saysSo(say: () => unknown, answer: string | null): boolean {
  try {
    const said = say()
    return said === undefined ? answer === null : answer !== null && keyOf(said) === keyOf(JSON.parse(answer))
  } catch {
    return false
  }
}

function load(): Policy {
  if (state.loaded === null) throw new Error('no policy was given')
  const { module, builtins, maxPages } = state.loaded
  const functions = Object.fromEntries(builtins.map((name) => [name, (...operands: unknown[]) => answerOf(name, operands)]))
  const policy = sdk.loadPolicySync(module, { initial: 8, maximum: maxPages }, functions)
  policy.setData(bytesOf(state.data))
  return policy
}

/** What the gateway was answered; as bytes, so that numbers keep their spelling. */
function answerOf(name: string, operands: readonly unknown[]): ArrayBuffer | undefined {
  const found = state.question?.calls.get(callKey(name, operands))
  if (found === undefined) throw new Skipped('call')
  if (found.isBeyondJson) throw new Skipped('set')
  return found.answer === null ? undefined : bytesOf(found.answer)
}

function failureOf(error: unknown): SdkAnswer {
  if (error instanceof Skipped) return { skipped: error.reason }
  const text = typeof error === 'string' ? error : String((error as { message?: unknown } | null)?.message ?? error)
  if ((error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return { skipped: 'time' }
  return /opa_malloc|Memory\.grow|out of memory|out of bounds|call stack/i.test(text)
    ? { skipped: 'memory' }
    : { error: text.slice(0, 500) }
}

const script = new Script('sallyportRun()')
const place = globalThis as { sallyportRun?: () => unknown }

/** Ends what does not end: a policy's loop, and a regular expression of the SDK's own. */
function bounded<Result>(run: () => Result, maxMs: number): Result {
  place.sallyportRun = run
  return script.runInThisContext({ timeout: maxMs }) as Result
}

function bytesOf(text: string): ArrayBuffer {
  return new TextEncoder().encode(text).slice().buffer
}
