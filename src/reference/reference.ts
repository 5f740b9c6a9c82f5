/** Holds the gateway's evaluator to OPA's own SDK: before a policy decides on a sample of inputs, and then on a sample of its decisions. */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { Json } from '../core/index.ts'
import { compare, type Evaluation, type Question, questionOf, type SdkAnswer, type SkipReason } from './evaluation.ts'
import type { SampleInput } from './sample-inputs.ts'
import type { PolicyToAsk, Sdk } from './sdk.ts'

/** A policy with the data of those that are asked for. */
export interface Subject {
  readonly policy: PolicyToAsk
  readonly revision: string
  /** As in `Beside`. */
  readonly hasOddConstants: () => boolean
  /** JSON; `null`: too large. */
  readonly dataFor: (integrations: readonly string[]) => string | null
}

/** Both answers, and what was asked: masked. */
export interface Disagreement {
  readonly id: string
  readonly integration: string
  readonly revision: string
  readonly input: string
  readonly gateway: string
  readonly sdk: string
}

export interface Compared {
  readonly checked: number
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>
}

/** The policy cannot be activated: the gateway would decide otherwise than OPA. */
export class ReferenceDifference extends Error {
  constructor({ integration, input, gateway, sdk }: Disagreement) {
    super(
      `the gateway's evaluator and OPA's own SDK answer differently, so the policy is not activated (report this; "policy.reference: off" activates it unchecked). The gateway: ${gateway}. The SDK: ${sdk}. Integration: ${integration}. Input: ${input}`,
    )
    this.name = 'ReferenceDifference'
  }
}

export interface Reference {
  /** A policy will be checked soon. */
  start(): void
  /** The next decision is one of the sample. */
  isDue(): boolean
  /** Compared later, off the path of the request. */
  sample(subject: Subject, evaluation: Evaluation): void
  /** `onDifference` is called for each difference. */
  compare(subject: Subject, evaluations: readonly Evaluation[]): Promise<Compared>
  /** As `compare`; throws `ReferenceDifference` at the first. */
  check(subject: Subject, evaluations: readonly Evaluation[]): Promise<Compared>
  /** What was sampled recently. */
  recent(): readonly SampleInput[]
  /** Records of earlier decisions, newest first; none where they cannot be read in time. Never rejects. */
  recorded(): Promise<readonly unknown[]>
  /** All that was sampled is compared. */
  settled(): Promise<void>
  close(): void
}

export interface ReferenceOptions {
  readonly sdk: Sdk
  /** Decisions per second. */
  readonly perSecond: number
  readonly redact: { text(text: string): string; document(value: Json): Json }
  readonly recorded?: () => Promise<readonly unknown[]>
  readonly onChecked?: () => void
  readonly onSkipped?: (reason: SkipReason) => void
  readonly onDifference: (difference: Disagreement) => void
  /** A comparison failed in a way that is a bug. */
  readonly onError?: (error: unknown) => void
  /** Sampled decisions that wait; more are skipped. */
  readonly maxWaiting?: number
}

/** A disk that does not answer holds up no activation. */
const maxRecordedMs = 200
const maxInputCharacters = 1024 * 1024
/** Of all that wait, with what the policy asked its host. */
const maxWaitingCharacters = 16 * 1024 * 1024
const maxRecent = 16
const maxRecentCharacters = 64 * 1024

export function createReference({ sdk, perSecond, redact, maxWaiting = 4, ...listeners }: ReferenceOptions): Reference {
  let dueAt = 0
  let waiting = 0
  let waitingCharacters = 0
  let work: Promise<void> = Promise.resolve()
  const recent: SampleInput[] = []

  async function compareAll(subject: Subject, evaluations: readonly Evaluation[]) {
    const skipped: Partial<Record<SkipReason, number>> = {}
    const differences: Disagreement[] = []
    let checked = 0
    const asked: { evaluation: Evaluation; question: Question }[] = []
    const skip = (reason: SkipReason) => {
      skipped[reason] = (skipped[reason] ?? 0) + 1
      listeners.onSkipped?.(reason)
    }
    for (const evaluation of evaluations) {
      const question = evaluation.input.length > maxInputCharacters ? { skipped: 'bounds' as const } : questionFor(evaluation)
      if ('skipped' in question) skip(question.skipped)
      else asked.push({ evaluation, question })
    }
    const data = subject.dataFor([...new Set(asked.map(({ evaluation }) => evaluation.integration))])
    if (data === null) for (const _ of asked.splice(0)) skip('bounds')
    const answers =
      asked.length === 0
        ? []
        : await sdk.ask({ policy: subject.policy, data: data ?? '', questions: asked.map(({ question }) => question) })
    for (const [index, { evaluation }] of asked.entries()) {
      const answer = answers[index] ?? { skipped: 'unavailable' }
      const result = compare(evaluation, answer, { data: data ?? '', hasOddConstants: subject.hasOddConstants })
      if (typeof result === 'object') skip(result.skipped)
      else {
        checked += 1
        listeners.onChecked?.()
      }
      if (result === 'different') differences.push(describe(subject, evaluation, answer))
    }
    for (const difference of differences) listeners.onDifference(difference)
    return { checked, skipped, differences }
  }

  async function compareLater(subject: Subject, evaluation: Evaluation): Promise<void> {
    await turn()
    try {
      await compareAll(subject, [evaluation])
    } catch (error) {
      listeners.onError?.(error)
    } finally {
      waiting -= 1
      waitingCharacters -= charactersOf(evaluation)
    }
  }

  function describe({ revision }: Subject, { id, integration, input, outcome }: Evaluation, answer: SdkAnswer): Disagreement {
    const shown = (text: string) => shorten(JSON.stringify(redact.document(JSON.parse(text) as Json)))
    return {
      ...{ id, integration, revision },
      input: shown(input),
      gateway: 'text' in outcome ? shown(outcome.text) : `fails (${outcome.failed})`,
      sdk: 'text' in answer ? shown(answer.text) : 'error' in answer ? `fails (${shorten(redact.text(answer.error))})` : 'nothing',
    }
  }

  function remember({ integration, input }: Evaluation): void {
    if (input.length > maxRecentCharacters) return
    recent.push({ integration, input })
    if (recent.length > maxRecent) recent.shift()
  }

  return {
    start: () => sdk.start(),
    isDue: () => performance.now() >= dueAt,
    sample(subject, evaluation) {
      dueAt = performance.now() + 1000 / perSecond
      if (waiting >= maxWaiting) {
        listeners.onSkipped?.('busy')
        return
      }
      const characters = charactersOf(evaluation)
      if (waitingCharacters + characters > maxWaitingCharacters) {
        listeners.onSkipped?.('bounds')
        return
      }
      waiting += 1
      waitingCharacters += characters
      remember(evaluation)
      const before = work
      work = compareLater(subject, evaluation).then(() => before)
    },
    async compare(subject, evaluations) {
      const { checked, skipped } = await compareAll(subject, evaluations)
      return { checked, skipped }
    },
    async check(subject, evaluations) {
      const { checked, skipped, differences } = await compareAll(subject, evaluations)
      if (differences[0] !== undefined) throw new ReferenceDifference(differences[0])
      return { checked, skipped }
    },
    recent: () => [...recent],
    async recorded() {
      const late = sleep(maxRecordedMs, [], { ref: false })
      return Promise.race([listeners.recorded?.() ?? [], late]).catch(() => [])
    },
    settled: () => work,
    close: () => sdk.close(),
  }
}

function charactersOf({ input, calls, outcome }: Evaluation): number {
  let sum = input.length + ('text' in outcome ? outcome.text.length : 0)
  for (const { operands, answer } of calls) for (const text of [...operands, answer ?? '']) sum += text.length
  return sum
}

/** What of a call cannot be read is left out, as a call that the SDK cannot be answered. */
function questionFor(evaluation: Evaluation): ReturnType<typeof questionOf> {
  try {
    return questionOf(evaluation)
  } catch {
    return { skipped: 'call' }
  }
}

const maxShown = 2000

function shorten(text: string): string {
  return text.length <= maxShown ? text : `${text.slice(0, maxShown)}…[cut]`
}

/** `38 inputs checked, 2 skipped (function 1, outside 1)`. */
export function describeCompared({ checked, skipped }: Compared): string {
  const reasons = Object.entries(skipped)
  const count = reasons.reduce((sum, [, number]) => sum + number, 0)
  return `${checked} inputs checked, ${count} skipped${count === 0 ? '' : ` (${reasons.map(([reason, number]) => `${reason} ${number}`).join(', ')})`}`
}
