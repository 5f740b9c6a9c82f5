/** Answers questions to the log, where nothing else waits for them: by its index, and by its tree. */
import type { Json, JsonObject } from '../../core/index.ts'
import { findIncident, listIncidents, markdownOf, reportOf } from '../../incidents/index.ts'
import { formatProof, openProver, ProofError, type Prover } from '../../proof/index.ts'
import { type Entry, FilterError, type LogIndex, openIndex, type Shown, sumKeys } from '../../query/index.ts'
import type { StoredRecord } from '../../records/index.ts'
import { parseJson, visibleLines, visibleText } from '../../text/index.ts'
import { hiddenColumns } from './filter.ts'
import type { LogPlaces } from './log-reader.ts'
import { createMask } from './masks.ts'
import type { Answer, Hidden, Question } from './process-messages.ts'

/** Nobody waits longer for the index: it goes on being built, and the next question finds more of it. */
const freshMs = 5000

export interface Questions {
  /** Rejects with what is wrong with the log or the index. */
  answer(question: Question): Promise<Answer>
  /** Whether the index is being built. */
  isBusy(): boolean
}

export function createQuestions({ folder: log, indexFolder, archive }: LogPlaces): Questions {
  let index: LogIndex | null = null
  let catching: Promise<void> | null = null

  async function answer(question: Question): Promise<Answer> {
    if (question.kind === 'proof' || question.kind === 'consistency') return proved(log, archive, question)
    index ??= openIndex({ log, folder: indexFolder })
    const asked = index
    catching ??= asked.catchUp().finally(() => {
      catching = null
    })
    const isFresh = await Promise.race([catching.then(() => true), late()])
    if (!isFresh) return { status: 503, detail: `the index of the log is being built: it has ${asked.records()} records by now` }
    if (question.kind === 'incident' || question.kind === 'incidents') return await askIncidents({ log, index: asked }, archive, question)
    return await askIndex(asked, question)
  }

  return {
    isBusy: () => catching !== null,
    async answer(question) {
      try {
        return await answer(question)
      } catch (error) {
        if (error instanceof FilterError) return { status: 400, detail: error.message }
        if (error instanceof ProofError) return { status: 404, detail: error.message }
        throw error
      }
    },
  }
}

function late(): Promise<boolean> {
  return new Promise((resolve) => void setTimeout(resolve, freshMs, false).unref())
}

async function askIndex(
  index: LogIndex,
  question: Exclude<Question, { kind: 'proof' | 'consistency' | 'incident' | 'incidents' }>,
): Promise<Answer> {
  if (question.kind === 'sums') {
    const { filter, by } = question
    if (!sumKeys.includes(by)) return { status: 400, detail: `there are no sums by that: there are ${sumKeys.join(', ')}` }
    return asJson({ by, sums: await index.sums(filter, by) }, 0)
  }
  if (question.kind === 'request') {
    const shown = await index.show(question.requestId)
    if (shown === null) return { status: 404, detail: 'no record of the log is about this id' }
    return asJson(shownTo(shown, question.hidden), shown.records.length)
  }
  const { filter, limit, cursor, oldestFirst, hidden } = question
  const { entries, next } = await index.ask(filter, { limit, oldestFirst, ...(cursor !== null && { cursor }) })
  return asJson({ entries: entries.map((entry) => entryTo(entry, hidden)), next }, entries.length)
}

type AboutIncidents = Extract<Question, { kind: 'incident' | 'incidents' }>

async function askIncidents(source: { readonly log: string; readonly index: LogIndex }, archive: string | null, question: AboutIncidents) {
  const { incidentId, hidden } = question
  const mask = createMask(hidden)
  if (incidentId === null) {
    const incidents = await listIncidents(source.index)
    return asJson({ incidents: mask(incidents as unknown as Json) }, recordsOf(incidents))
  }
  const incident = await findIncident(source.index, incidentId)
  if (incident === null) return { status: 404 as const, detail: 'the log has no incident of this id' }
  if (question.kind === 'incidents') return asJson({ incidents: [mask(incident as unknown as Json)] }, incident.records.length)
  const { report } = await reportOf(source, mask(incident as unknown as Json) as unknown as typeof incident, {
    ...{ now: Date.now(), archive },
    ...(hidden.length > 0 && { mask: (record) => mask(record as JsonObject) }),
  })
  if (question.format === 'md') return { text: visibleLines(markdownOf(report)), records: report.window.records }
  return asJson(report, report.window.records)
}

function recordsOf(incidents: readonly { readonly records: readonly number[] }[]): number {
  return incidents.reduce((sum, { records }) => sum + records.length, 0)
}

function entryTo(entry: Entry, hidden: Hidden): Json {
  const { time, ...rest } = entry
  return createMask(hiddenColumns(hidden))({ time: time === null ? null : new Date(time).toISOString(), ...rest })
}

function shownTo({ entry, others, parent, inside, hasMoreInside, records }: Shown, hidden: Hidden): Json {
  const to = (given: Entry) => entryTo(given, hidden)
  return {
    entry: entry === null ? null : to(entry),
    parent: parent === null ? null : to(parent),
    inside: inside.map(to),
    hasMoreInside,
    others: others.map(to),
    records: records.map((record) => recordTo(record, hidden)),
  }
}

/** Its text as it is in the log is what its hash and its proof are of. */
function recordTo({ index, text }: StoredRecord, hidden: Hidden): Json {
  if (hidden.length > 0) return { index, record: createMask(hidden)(read(text)) }
  return { index, record: read(text), text, proof: `/v1/audit/proofs/${index}` }
}

function read(text: string): Json {
  try {
    return parseJson(text)
  } catch {
    return { type: 'unreadable' }
  }
}

/** What acts on a terminal is escaped: of JSON the value stays the same. */
function asJson(value: Json | object, records: number): Answer {
  return { text: visibleText(JSON.stringify(value)), records }
}

function proved(log: string, archive: string | null, question: Extract<Question, { kind: 'proof' | 'consistency' }>): Answer {
  const prover = openProver(log, { archive })
  try {
    if (question.kind === 'proof') return { text: formatProof(prover.prove(question.index)), records: 1 }
    const [older, newer] = [question.older, question.newer ?? prover.checkpoint.size].map((size) => headOf(prover, size))
    if (older === undefined || newer === undefined) throw new ProofError('there is nothing to compare')
    const proof = prover.consistency(older, newer).map((hash) => hash.toString('base64'))
    return asJson({ old: shownHead(older), new: shownHead(newer), proof }, 0)
  } finally {
    prover.close()
  }
}

interface Head {
  readonly size: number
  readonly root: Buffer
}

function headOf(prover: Prover, size: number): Head {
  if (size < 1 || size > prover.checkpoint.size)
    throw new ProofError(`the checkpoint covers ${prover.checkpoint.size} records, and not ${size}`)
  return { size, root: prover.root(size) }
}

const shownHead = ({ size, root }: Head) => ({ size, root: root.toString('base64') })
