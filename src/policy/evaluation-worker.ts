/** The thread of `evaluation-thread.ts`: one policy at a time, evaluated as the gateway does. */
import { type MessagePort, parentPort } from 'node:worker_threads'
import { type Decision, type Integration, isEngineFailure, type JsonObject } from '../core/index.ts'
import { createLibrarySource, ExternalCallNeeded, failureKindOf, type LibrarySource, UnreadPart } from '../opa/index.ts'
import type { HostCall } from '../reference/index.ts'
import { parseExactJson } from '../text/index.ts'
import { entrypoint as decisionEntrypoint } from './build.ts'
import { createDecisionReader } from './decision-reader.ts'
import { createOwnDocuments, createPlainDocuments, type Documents } from './documents.ts'
import type { ThreadAnswer, ThreadMessage, ThreadPolicy, ThreadQuestion } from './evaluation-thread.ts'
import { createSession, type Session } from './session.ts'

interface Loaded {
  readonly policy: ThreadPolicy
  readonly documents: Documents
  readonly library: LibrarySource
  readonly integrations: Map<number, Integration>
  /** Throws on what is not a result set. */
  readonly read: (text: string) => Decision
  /** The last entry point's: each has a memory of its own. */
  session: { readonly entrypoint: string; readonly session: Session } | null
}

type Asked = Omit<ThreadQuestion, 'integration'> & { readonly number: number | null }

/** External calls are not made here: one fails the evaluation, with the name of the function. */
async function load(policy: ThreadPolicy): Promise<Loaded> {
  const { module, documents, library: code } = policy
  const data = parseExactJson(documents.data) as JsonObject
  const library = createLibrarySource(() => Promise.resolve(code as WebAssembly.Module))
  if (code !== null) await library.readyFor({ always: ['the rules'], sometimes: [] })
  return {
    policy,
    documents: documents.kind === 'own' ? createOwnDocuments(module, data) : createPlainDocuments(module, data),
    library,
    integrations: new Map(),
    read: createDecisionReader('').read,
    session: null,
  }
}

function sessionFor(loaded: Loaded, entrypoint: string): Session {
  if (loaded.session?.entrypoint !== entrypoint) {
    const { maxMemoryPages, maxEvaluationMs } = loaded.policy
    const { documents, library } = loaded
    const session = createSession({ documents, entrypoint, maxMemoryPages, maxEvaluationMs, library: library.now })
    loaded.session = { entrypoint, session }
  }
  return loaded.session.session
}

function answer(loaded: Loaded, { entrypoint, number, input, atMs, unread, isObserved }: Asked): ThreadAnswer {
  const calls: HostCall[] | null = isObserved ? [] : null
  try {
    const data = loaded.documents.imageFor(number === null ? undefined : loaded.integrations.get(number))
    const session = sessionFor(loaded, entrypoint)
    const isDecision = entrypoint === decisionEntrypoint
    // Read within the evaluation, as the gateway's own: an instance that gives what cannot be read is not asked again.
    const read = (text: string) => ({ text, isOdd: isDecision && isEngineFailure(loaded.read(text)) })
    const { text, isOdd } = session.evaluate(data, input, atMs, read, new Map(), unread, calls)
    if (isOdd) session.renew()
    return { text, calls }
  } catch (error) {
    if (error instanceof UnreadPart) return { lacks: 'part' }
    if (error instanceof ExternalCallNeeded) return { lacks: error.builtin }
    return { failed: failureKindOf(error), message: error instanceof Error ? error.message : String(error), calls }
  }
}

function serve(port: MessagePort): void {
  let last: Promise<Loaded | null> = Promise.resolve(null)
  port.on('message', (message: ThreadMessage) => {
    last = last.then(async (loaded) => {
      if ('load' in message) return load(message.load)
      if (loaded === null) throw new Error('no policy was given')
      for (const [number, integration] of message.integrations) loaded.integrations.set(number, integration)
      port.postMessage(message.questions.map((question) => answer(loaded, question)))
      return loaded
    })
  })
}

if (parentPort !== null) serve(parentPort)
