/** The audit log over HTTP, below `/v1/audit/`, and the incidents that are made from it: who may ask was looked at before. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Refusal } from '../../core/index.ts'
import type { Principal } from '../../operators/index.ts'
import { sendProblem } from '../answers.ts'
import { type Ask, createAsk } from './ask.ts'
import { type AskedQuestion, indexOf, questionFrom } from './asked-question.ts'
import { createExplanations, type Explain } from './explanations.ts'
import { askedOf, BadQuestion, readQuestion, refuseHidden } from './filter.ts'
import { createLogReader, type LogPlaces } from './log-reader.ts'
import type { Question } from './process-messages.ts'
import { createReads, type ReadsOptions } from './reads.ts'
import { createStreams, type StreamsOptions } from './streams.ts'
import { sendTile, tileAt } from './tiles.ts'

export interface LogAccessOptions extends ReadsOptions, LogPlaces, Pick<StreamsOptions, 'maxStreams' | 'heartbeatMs' | 'slowMs'> {
  /** Members of records that only some principals see. */
  readonly personal: readonly string[]
  /** Index of the next record that will be written. */
  readonly next: () => number
  readonly explain: Explain
  readonly onBug: (error: unknown) => void
}

export interface LogAccess {
  serve(req: IncomingMessage, res: ServerResponse, principal: Principal): void
  /** For what is done with the answer here: it is no read of the log. */
  ask: Ask
  /** How many streams are open. */
  streams(): number
  close(): void
}

/** More are for programs, which read all. */
const maxSample = 1000

const known = 'records, sums, requests/<id>, explanations/<id>, proofs/<index>, consistency, checkpoint, tile/… and stream'

export function createLogAccess(options: LogAccessOptions): LogAccess {
  const { folder, archive, personal, next, onBug } = options
  const reads = createReads(options)
  // Apart: a question that takes too long ends with its process.
  const [following, asking] = [createLogReader(options), createLogReader(options)]
  const streams = createStreams({ ...options, reader: following, reads, onFailed: onBug })
  const ask = createAsk(asking, onBug)
  const explanations = createExplanations(options.explain, reads)
  const hiddenFrom = (principal: Principal) => (principal.personal ? [] : personal)

  async function answer(req: IncomingMessage, res: ServerResponse, principal: Principal): Promise<void> {
    const { pathname, searchParams } = new URL(req.url ?? '', 'http://localhost')
    const path = pathname.replace(/^\/v1(?:\/audit\/)?/, '')
    if (req.method !== 'GET') return sendProblem(res, 405, 'the log is only read here', { allow: 'GET' })
    if (path === 'stream') return await stream(req, res, principal, searchParams)
    const [, explained = null] = /^explanations\/([^/]+)$/.exec(path) ?? []
    if (explained !== null) return await explanations(res, principal, decodeURIComponent(explained), hiddenFrom(principal))
    const question = questionFrom(path, searchParams, hiddenFrom(principal))
    if (question !== null) return await answerQuestion(res, principal, question)
    const tile = tileAt(path)
    if (tile === null) return sendProblem(res, 404, `below /v1/audit/ there are ${known}`)
    // A hash of a record would confirm a guess of what is masked in it.
    if (tile === 'tile' && hiddenFrom(principal).length > 0)
      throw new BadQuestion(403, 'tiles are records and their hashes, and some members of records are personal (audit.personal)')
    await reads.together(principal, tile)
    await sendTile(res, path, archive === null ? [folder] : [folder, archive])
  }

  async function answerQuestion(res: ServerResponse, principal: Principal, { question, asked }: AskedQuestion): Promise<void> {
    const answer = await ask(principal, question)
    if ('status' in answer) {
      const seconds = 'retryAfterS' in answer ? answer.retryAfterS : answer.status === 503 ? 5 : null
      return sendProblem(res, answer.status, answer.detail, seconds === null ? {} : { 'retry-after': String(seconds) })
    }
    await reads.once(principal, question.kind, answer.records, asked)
    const type = typeOf(question)
    res
      .writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(answer.text), 'cache-control': 'no-store' })
      .end(answer.text)
  }

  async function stream(req: IncomingMessage, res: ServerResponse, principal: Principal, query: URLSearchParams): Promise<void> {
    const hidden = hiddenFrom(principal)
    const { filter, given } = readQuestion(query, ['from', 'sample'])
    refuseHidden(filter, null, hidden)
    const after = req.headers['last-event-id']
    const from =
      after !== undefined
        ? indexOf('Last-Event-ID', String(after)) + 1
        : given.has('from')
          ? indexOf('from', given.get('from') ?? '')
          : next()
    if (from > next()) throw new BadQuestion(400, `the log has ${next()} records by now, and none of index ${from - 1}: is it another log?`)
    const sample = given.has('sample') ? indexOf('sample', given.get('sample') ?? '') : null
    if (sample !== null && (sample < 1 || sample > maxSample))
      throw new BadQuestion(400, `sample is from 1 to ${maxSample} requests a second`)
    await streams.open(res, principal, { kind: 'stream', from, filter, sample, hidden }, askedOf(filter))
  }

  function fail(res: ServerResponse, error: unknown): void {
    if (res.headersSent) res.destroy()
    else if (error instanceof BadQuestion) sendProblem(res, error.status, error.message)
    else if (error instanceof Refusal && error.code === 'audit-unavailable') sendProblem(res, 503, unrecorded)
    else {
      onBug(error)
      sendProblem(res, 500, 'the operator’s log says why')
    }
  }

  return {
    serve: (req, res, principal) => void answer(req, res, principal).catch((error: unknown) => fail(res, error)),
    ask,
    streams: streams.count,
    close() {
      streams.close()
      reads.close()
      following.close()
      asking.close()
    },
  }
}

function typeOf(question: Question): string {
  if (question.kind === 'proof') return 'text/plain; charset=utf-8'
  const isMarkdown = question.kind === 'incident' && question.format === 'md'
  return isMarkdown ? 'text/markdown; charset=utf-8' : 'application/json; charset=utf-8'
}

/** Every read is recorded before its answer leaves. */
const unrecorded =
  'the audit log cannot be written, so that it cannot be recorded that you read it; on the machine itself "sallyport audit" reads its folder'
