/** OPA's published SDK over the same tuples, held to the gateway's engine as the reference evaluator does it at an activation. */

import { failureKindOf } from '../../../src/opa/failure.ts'
import { harden } from '../../../src/opa/index.ts'
import { createLibrarySource, libraryNeedOf } from '../../../src/opa/library-source.ts'
import { createPlainDocuments } from '../../../src/policy/documents.ts'
import { createSession } from '../../../src/policy/session.ts'
import { compare, type Evaluation, type HostCall, questionOf, type SkipReason } from '../../../src/reference/evaluation.ts'
import { createSdk } from '../../../src/reference/index.ts'
import { entrypoint, inputOf } from './functions.ts'

export interface SdkColumn {
  /** Of each function some tuples that OPA answers. Gives what is different, as sentences. */
  ask(
    asked: readonly { readonly index: number; readonly tuples: readonly string[] }[],
  ): Promise<readonly { readonly index: number; readonly difference: string }[]>
  /** Tuples: compared, and left out for each reason. */
  readonly counts: { same: number; readonly skipped: Partial<Record<SkipReason, number>> }
  close(): void
}

/** `smallest`: tuples that are still asked on their own where the SDK cannot answer for all of them together. */
export async function createSdkColumn(wasm: Uint8Array, smallest: number): Promise<SdkColumn> {
  const documents = createPlainDocuments(await WebAssembly.compile(harden(wasm)), {})
  const { base } = documents.loader
  const library = createLibrarySource()
  await library.readyFor(libraryNeedOf(base, null))
  const session = createSession({ documents, entrypoint, maxMemoryPages: 4000, maxEvaluationMs: 60_000, library: library.now })
  const sdk = createSdk({ maxQuestionMs: 500, maxMs: 600_000 })
  const policy = { sourceHash: 'differential', wasm, builtins: base.builtins, maxPages: 8192 }
  const counts: SdkColumn['counts'] = { same: 0, skipped: {} }

  function evaluate(input: string): Evaluation {
    const calls: HostCall[] = []
    const ending = (outcome: Evaluation['outcome']) => ({ id: '', integration: '', input, calls, outcome })
    try {
      return ending({ text: session.evaluate(documents.imageFor(undefined), input, 0, (text) => text, undefined, [], calls) })
    } catch (error) {
      return ending({ failed: failureKindOf(error) })
    }
  }

  async function ask(asked: Parameters<SdkColumn['ask']>[0]): ReturnType<SdkColumn['ask']> {
    const all = asked
      .filter(({ tuples }) => tuples.length > 0)
      .map((item) => ({ ...item, evaluation: evaluate(inputOf(item.index, item.tuples)) }))
    const questions = all.map(({ evaluation }) => questionOf(evaluation))
    const open = questions.flatMap((question) => ('skipped' in question ? [] : [question]))
    const answers = open.length === 0 ? [] : await sdk.ask({ policy, data: '{}', questions: open })
    const different: { index: number; difference: string }[] = []
    const again: { index: number; tuples: readonly string[] }[] = []
    let next = 0
    for (const [place, { index, tuples, evaluation }] of all.entries()) {
      const question = questions[place]
      const answer = question === undefined || 'skipped' in question ? undefined : answers[next++]
      const verdict = answer === undefined ? question : compare(evaluation, answer, { data: '{}', hasOddConstants: () => false })
      if (verdict === 'same') counts.same += tuples.length
      else if (tuples.length > smallest) {
        const half = tuples.length >> 1
        again.push({ index, tuples: tuples.slice(0, half) }, { index, tuples: tuples.slice(half) })
      } else if (verdict === 'different')
        different.push({
          index,
          difference: `the SDK for ${tuples.join().slice(0, 300)}: ${JSON.stringify(answer).slice(0, 300)}, and the gateway ${JSON.stringify(evaluation.outcome).slice(0, 300)}`,
        })
      else if (verdict !== undefined && 'skipped' in verdict)
        counts.skipped[verdict.skipped] = (counts.skipped[verdict.skipped] ?? 0) + tuples.length
    }
    return again.length === 0 ? different : [...different, ...(await ask(again))]
  }

  return { ask, counts, close: () => sdk.close() }
}
