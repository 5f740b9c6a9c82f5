/** A policy beside OPA's own SDK: the inputs on which both are compared before it decides, recorded ones among them, and the samples while it does. */
import type { Integration, JsonObject } from '../core/index.ts'
import { ExternalCallNeeded, failureKindOf, hasOddConstants, type RegoSources } from '../opa/index.ts'
import {
  type Compared,
  type Evaluation,
  generatedInputs,
  type HostCall,
  inputsInTests,
  isOddNumber,
  type Reference,
  type SampleInput,
  type Subject,
} from '../reference/index.ts'
import type { CompiledPolicy } from './build.ts'
import type { Observer } from './engine.ts'
import { createWriteInput, type ReadContext } from './input.ts'
import { type DecidedRecord, isDecided, requestOf } from './recorded.ts'
import type { Session } from './session.ts'

export interface ComparisonOptions {
  readonly reference: Reference
  readonly session: Session
  readonly policy: CompiledPolicy
  readonly revision: string
  readonly integrations: readonly Integration[]
  readonly readContext: ReadContext
  /** What an evaluation may use beyond its data. */
  readonly maxMemoryPages: number
}

export interface Comparison extends Observer {
  /** Throws `ReferenceDifference`. `sources`: where tests may stand. */
  agree(sources: RegoSources): Promise<Compared>
}

/** Of the other evaluator, whatever the policy may have. */
const maxPages = 8192
const pageBytes = 64 * 1024

export function createComparison(options: ComparisonOptions): Comparison {
  const { reference, session, policy, revision, integrations, readContext, maxMemoryPages } = options
  const { documents } = session
  const { builtins } = documents.loader.base
  const byName = new Map(integrations.map((integration) => [integration.name, integration]))
  // In steps, so that it is the same for one policy while its data changes a little.
  const dataPages = 256 * Math.ceil((16 * documents.largest()) / pageBytes / 256)
  // Looked for at a difference alone: it reads the whole module.
  let isOdd: boolean | null = null
  const subject: Subject = {
    policy: { sourceHash: policy.sourceHash, wasm: policy.wasm, builtins, maxPages: Math.min(maxPages, maxMemoryPages + dataPages) },
    revision,
    hasOddConstants: () => (isOdd ??= hasOddConstants(policy.wasm, isOddNumber)),
    dataFor: (names) => documents.textFor(names.flatMap((name) => byName.get(name) ?? [])),
  }

  function evaluate({ integration, input }: SampleInput, at: number): Evaluation {
    const calls: HostCall[] = []
    const data = documents.imageFor(byName.get(integration))
    const ending = (outcome: Evaluation['outcome']) => ({ id: 'reference', integration, input, calls, outcome })
    try {
      return ending({ text: session.evaluate(data, input, at, (text) => text, undefined, [], calls) })
    } catch (error) {
      return ending({ failed: error instanceof ExternalCallNeeded ? 'external-call' : failureKindOf(error) })
    }
  }

  return {
    isDue: reference.isDue,
    take: (evaluation) => reference.sample(subject, evaluation),
    async agree(sources) {
      const at = Date.now()
      const recorded = recordedInputs(await reference.recorded(), byName, readContext)
      const context = (name: string): JsonObject => readContext(name, null)
      // Integrations' data of one kind holds several here: what a policy says of one does not depend on the others.
      const inputs = [...inputsInTests(sources), ...reference.recent(), ...recorded, ...generatedInputs(integrations, context, at)]
      return reference.check(
        subject,
        inputs.map((sampled) => evaluate(sampled, at)),
      )
    },
  }
}

const maxInputs = 32

/**
 * Of each way to a decision the newest, so that one busy caller is not all there is. What is masked or cut in a record is
 * left out of its input, which is one all the same: both evaluators are asked about what is there.
 */
export function recordedInputs(
  records: readonly unknown[],
  integrations: ReadonlyMap<string, Integration>,
  readContext: ReadContext,
): readonly SampleInput[] {
  const write = createWriteInput({ reads: [[]], probes: [] }, readContext)
  const ways = new Map<string, DecidedRecord>()
  for (const record of records) {
    if (!isDecided(record)) continue
    const { integration, kind, action, allow, rule } = record
    const way = JSON.stringify([integration, kind, action, allow, rule])
    if (!ways.has(way)) ways.set(way, record)
    if (ways.size === maxInputs) break
  }
  return [...ways.values()].flatMap((record) => {
    try {
      const { request, claim } = requestOf(record, (name) => integrations.get(name))
      return [{ integration: record.integration, input: write(request, claim) }]
    } catch {
      // Of another version, or changed by hand.
      return []
    }
  })
}
