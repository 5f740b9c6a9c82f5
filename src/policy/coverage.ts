/** Whether anything covers a request, said before its rules make external calls: no call is made for a request that nothing covers. */
import { ExternalCallNeeded, type Image, UnreadPart } from '../opa/index.ts'
import type { Session } from './session.ts'
/** `unread`: that depends on the body, which has to be read first. `uncovered`: why it is denied. */
export type Coverage = 'covered' | 'unread' | { readonly uncovered: readonly string[] }

/** What it takes is as in `Session.evaluate`; throws what ended the evaluation. */
export type ReadCoverage = (data: Image, input: string, atMs: number, unread: readonly string[]) => Coverage

/** `session` evaluates `coverageEntrypoint`. */
export function createReadCoverage(session: Session): ReadCoverage {
  return (data, input, atMs, unread) => {
    try {
      return session.evaluate(data, input, atMs, readAnswer, new Map(), unread)
    } catch (error) {
      if (error instanceof UnreadPart) return 'unread'
      if (error instanceof ExternalCallNeeded) return { uncovered: [mustAsk] }
      throw error
    }
  }
}

/** The answer of an external call may narrow what the manifest covers, and not widen it. */
const mustAsk = 'nothing in the manifest covers the request, and whether a rule allows it cannot be known without an external call'

/** `[]` or `[{"result": […]}]`. Throws on anything else: who built the policy may not be who built the gateway. */
function readAnswer(text: string): Coverage {
  const results: unknown = JSON.parse(text)
  if (!Array.isArray(results) || results.length > 1) throw new Error('the policy’s WebAssembly gave no result set')
  if (results.length === 0) return 'covered'
  const { result } = results[0] as { readonly result?: unknown }
  if (!Array.isArray(result) || !result.every((reason) => typeof reason === 'string')) throw new Error('the policy gave no reasons')
  return { uncovered: result }
}
