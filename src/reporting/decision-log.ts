/** The decision log: each decision as an OPA event, masked, and sent to a server in a later turn. No request ever waits for it. */

import type { Server } from '../bundles/index.ts'
import type { AccessRequest, Arrival, Claim, Decision, DecisionLog, JsonObject, Needs, RedactionSettings } from '../core/index.ts'
import { queuedBytes } from '../policy/index.ts'
import { createFairMemory } from '../shares/index.ts'
import { stringify } from '../text/index.ts'
import { applyMasks } from './apply-masks.ts'
import { type BundleRevisions, createBareEvent, createEvent, type Decided, type DecisionEvent, type Labels, type Redact } from './event.ts'
import { createEventBuffer } from './event-buffer.ts'
import type { MaskResult } from './mask-policy.ts'
import type { PostResult } from './post.ts'
import { createRate } from './rate.ts'
import { shortenWritten } from './shorten.ts'
import { createUploader } from './uploader.ts'

/**
 * What became of an event: `uploaded`; `dropped` by the author's rule; else it was given up: the buffer was full, more came
 * than the stated rate or than could be written, it could not be masked and not be written without what masks are for, it
 * alone is larger than an upload, the server will never take it, or the gateway stopped.
 */
export const eventOutcomes = ['uploaded', 'dropped', 'buffer', 'rate', 'busy', 'mask', 'too-large', 'refused', 'stopped'] as const
export type EventOutcome = (typeof eventOutcomes)[number]

export interface DecisionLogOptions {
  readonly server: Server
  readonly resource: string
  readonly minDelayMs: number
  readonly maxDelayMs: number
  readonly maxUploadBytes: number
  readonly maxBufferBytes: number
  /** `null`: no bound. */
  readonly maxDecisionsPerSecond: number | null
  readonly labels: Labels
  readonly redact: { of(own: RedactionSettings): Redact }
  readonly evaluateMasks: (event: ReturnType<typeof createEvent>) => MaskResult
  /** Of the policy that decided. */
  readonly needs: () => Needs
  readonly readContext: (integration: string, origin: string | null) => JsonObject
  readonly bundles: () => BundleRevisions
  readonly onOutcome: (outcome: EventOutcome, events: number) => void
  /** An event could not be masked or written. */
  readonly onFailure: (error: unknown) => void
  readonly onUpload: (result: PostResult) => void
}

export interface DecisionLogUploader extends DecisionLog {
  bufferBytes(): number
  /** Writes and sends what is left, as far as that can be done within this time. */
  close(flushMs: number): Promise<void>
}

/** More wait only where decisions come faster than they can be written. */
const maxWaiting = 2000
/** Of the bodies and heads that they keep in memory for this alone. */
const maxWaitingBytes = 32 * 1024 * 1024
/** How long writing may keep a turn of the event loop. */
const turnMs = 2

export function createDecisionLog(options: DecisionLogOptions): DecisionLogUploader {
  const { server, resource, minDelayMs, maxDelayMs, maxUploadBytes, maxBufferBytes, maxDecisionsPerSecond } = options
  const { labels, redact, evaluateMasks, needs, readContext, bundles, onOutcome, onFailure, onUpload } = options
  const buffer = createEventBuffer(maxBufferBytes)
  const uploader = createUploader({
    server,
    resource,
    buffer,
    maxUploadBytes,
    minDelayMs,
    maxDelayMs,
    onSent: (events) => onOutcome('uploaded', events),
    onLost: onOutcome,
    onResult: onUpload,
  })
  const mayPass = maxDecisionsPerSecond === null ? (_owner: string) => true : createRate(maxDecisionsPerSecond, () => performance.now())
  const waiting: { readonly decided: Decided; readonly bytes: number }[] = []
  // Half of it for one integration, so that another's are written as well.
  const places = createFairMemory(maxWaiting)
  const memory = createFairMemory(maxWaitingBytes)
  let scheduled = false
  let decisions = 0

  function write(decided: Decided): void {
    try {
      const text = written(decided)
      if (text === null) {
        onOutcome('dropped', 1)
        return
      }
      const given = buffer.push(
        text.byteLength > maxBufferBytes ? (shortenWritten(text, maxBufferBytes) ?? text) : text,
        decided.request.integration.name,
      )
      if (given > 0) onOutcome('buffer', given)
    } catch (error) {
      onOutcome('mask', 1)
      onFailure(error)
    }
  }

  /**
   * `null`: it is to be dropped. Where it cannot be masked, whatever the reason, nothing leaves that masks are for, and the
   * rest does: a caller may have chosen what its masks fail on, and must not choose not to be reported.
   */
  function written(decided: Decided): Buffer | null {
    try {
      const event = createEvent(decided, labels, redact.of(decided.request.integration.redaction))
      const masking = evaluateMasks(event)
      if (masking.drop) return null
      applyMasks(event, masking.masks)
      return toText(event)
    } catch (error) {
      onFailure(error)
      return toText(createBareEvent(decided, labels, redact.of(decided.request.integration.redaction)))
    }
  }

  function writeSome(untilMs: number): void {
    let next = waiting.shift()
    while (next !== undefined) {
      const { decided, bytes } = next
      places.give(decided.request.integration.name, 1)
      memory.give(decided.request.integration.name, bytes)
      write(decided)
      next = performance.now() < untilMs ? waiting.shift() : undefined
    }
    if (buffer.bytes * 2 > maxBufferBytes) uploader.nudge()
  }

  function schedule(): void {
    if (scheduled || waiting.length === 0) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      writeSome(performance.now() + turnMs)
      schedule()
    })
  }

  return {
    decided(arrival: Arrival, request: AccessRequest, claim: Claim, decision: Decision, evaluationMs: number) {
      decisions += 1
      const { name } = request.integration
      if (!mayPass(name)) return onOutcome('rate', 1)
      if (!places.take(name, 1)) return onOutcome('busy', 1)
      const bytes = queuedBytes(request, claim)
      if (!memory.take(name, bytes)) {
        places.give(name, 1)
        return onOutcome('busy', 1)
      }
      // What the policy was shown of the state is gone a turn later.
      const context = needs().context ? readContext(name, claim.origin) : null
      const decided = { arrival, request, claim, decision, evaluationMs, context, bundles: bundles(), number: decisions }
      waiting.push({ decided, bytes })
      schedule()
    },
    bufferBytes: () => buffer.bytes,
    async close(flushMs) {
      writeSome(Number.POSITIVE_INFINITY)
      const left = await uploader.close(flushMs)
      if (left > 0) onOutcome('stopped', left)
    },
  }
}

function toText(event: DecisionEvent): Buffer {
  return Buffer.from(stringify(event as unknown as JsonObject))
}
