/** Which version of HTTP an origin is asked in: that of the caller, if the origin speaks it, and else the other. */
import { type Progress, Refusal, type Reply, type RequestBody } from '../../core/index.ts'
import { speaksHttp2Only } from '../../egress/index.ts'
import type { OriginVersions } from './origin-pool.ts'
import { RepeatableBody } from './repeatable-body.ts'

export interface EitherVersion {
  /** The caller asks in HTTP/2, and its origin can be asked whether it speaks that. */
  readonly prefersHttp2: boolean
  readonly body: RequestBody | null
  readonly progress: Progress
  /** What is known of the origin. */
  readonly versions: OriginVersions
  readonly overHttp1: (body: RequestBody | null, progress: Progress) => Promise<Reply>
  /** `null`: the origin speaks HTTP/1.1, and nothing was sent. */
  readonly overHttp2: (body: RequestBody | null) => Promise<Reply | null>
}

/** Throws `Refusal`: as `overHttp1` and `overHttp2`. */
export function askInEither(options: EitherVersion): Promise<Reply> {
  const { prefersHttp2, body, progress, versions, overHttp1, overHttp2 } = options
  if (prefersHttp2 || versions.http2Only)
    return overHttp2(body).then((reply) => {
      if (reply !== null) return reply
      versions.http2Only = false
      return overHttp1(body, progress)
    })
  if (versions.http1) return overHttp1(body, progress)
  return askUnknown(options)
}

/** The first requests to it: one that an origin without HTTP/1.1 cannot have read is sent again. */
async function askUnknown({ body, progress, versions, overHttp1, overHttp2 }: EitherVersion): Promise<Reply> {
  const repeatable = body === null ? null : new RepeatableBody(body)
  try {
    const reply = await overHttp1(repeatable, releasing(progress, repeatable))
    versions.http1 = true
    return reply
  } catch (error) {
    const said = error instanceof Refusal ? speaksHttp2Only(error) : null
    if (said !== null) versions.http2Only = true
    if (said === null || repeatable?.canRepeat === false) {
      await repeatable?.leave()
      throw error
    }
    if (said === 'reply') progress.retrying({ problem: 'origin-failed', status: null, sentBytes: body?.whole?.byteLength ?? 0 })
  }
  repeatable?.again()
  const reply = await overHttp2(repeatable)
  if (reply === null) throw new Refusal('origin-failed', 'the destination changes between the versions of HTTP')
  return reply
}

/** Once it has a connection, its body is sent, and not kept. */
function releasing(progress: Progress, body: RepeatableBody | null): Progress {
  if (body === null) return progress
  return {
    dialling: () => progress.dialling(),
    dialled: (connection) => progress.dialled(connection),
    started: (connection) => {
      body.release()
      progress.started(connection)
    },
    answered: () => progress.answered(),
    retrying: (attempt) => progress.retrying(attempt),
    outgoing: (headers) => progress.outgoing(headers),
  }
}
