/** The records of one arrival, written as text: two per request, on the hot path. */
import {
  type AccessRequest,
  type Arrival,
  type Claim,
  type Contained,
  type Decision,
  type Entry,
  type Identified,
  type Outcome,
  problems,
  type RedactionSettings,
  type Refusal,
} from '../core/index.ts'
import { askedText, type Mask, maskText, mediaTypeText, quote, reasonsText, shortBytes, subjectText } from './text.ts'
import type { Group, Writer } from './writer.ts'

/** What entries share with the log. */
export interface EntryLog {
  readonly writer: Writer
  /** Numbers, times and chains a record; `fields` is `"key":value,…` text. */
  append(type: string, fields: string, urgent: boolean, owner?: string): Group
  /** Counts a refusal of a flood; resolves or rejects, as `Writer.durable`, with the sum that it is in. */
  sum(who: string, code: string, isIntegration: boolean): Promise<void>
  /** An arrival is settled. */
  ended(): void
  readonly mask: AuditMask
  /** The masked input of a decision as JSON text; `null` where it is not recorded. */
  readonly input: ((request: AccessRequest, claim: Claim) => string) | null
  /** Of a request whose caller names no trace. */
  traceId(): string
}

/** Itself for records that are about no integration or about several. */
export interface AuditMask extends Mask {
  /** For records about one integration. */
  of(own: RedactionSettings): Mask
}

export class ArrivalEntry implements Entry {
  readonly #log: EntryLog
  readonly #arrival: Arrival
  #trace: string | null = null
  /** The mask of the integration that the records are about, once it is known. */
  #mask: Mask
  #group: Group | null = null
  /** Of the sum that it is in. */
  #summed: Promise<void> | null = null

  constructor(log: EntryLog, arrival: Arrival) {
    this.#log = log
    this.#arrival = arrival
    this.#mask = log.mask
  }

  /** Throws `Refusal('audit-unavailable')` where the log is known to be broken. */
  decided(request: AccessRequest, claim: Claim, decision: Decision, credential?: string, contained?: Contained): void {
    this.#log.writer.requireWritable()
    const { allow, rule, capability, reasons, revision } = decision
    const { integration, identity, kind, action } = request
    this.#mask = this.#log.mask.of(integration.redaction)
    const fields = `${this.#opening()},"integration":"${integration.name}","identity":"${identity}"${credential === undefined ? '' : `,"credential":"${credential}"`}${containmentText(contained)},"kind":"${kind}","action":${quote(action, shortBytes)},"subject":${subjectText(this.#mask, claim.subject)},"allow":${allow},"rule":${quote(rule, 2 * shortBytes)}${capability === null ? '' : `,"capability":${quote(capability, shortBytes)}`}${reasons.length === 0 ? '' : `,"reasons":${reasonsText(this.#mask, reasons)}`},"revision":"${revision}"${this.#log.input === null ? '' : `,"input":${this.#log.input(request, claim)}`}`
    this.#group = this.#log.append('decided', fields, true, integration.name)
  }

  refused(refusal: Refusal, who: Identified | null): void {
    if (who !== null) this.#mask = this.#log.mask.of(who.integration.redaction)
    const identity = who === null ? '"integration":null' : identityText(who)
    this.#group = this.#log.append(
      'refused',
      `${this.#opening()},${identity},"code":"${refusal.code}","detail":${quote(maskText(this.#mask, refusal.message))}${this.#asked(who)}`,
      true,
      who?.integration.name,
    )
  }

  summed(refusal: Refusal, who: Identified | null): void {
    this.#summed = this.#log.sum(who === null ? `peer ${this.#arrival.peer}` : who.integration.name, refusal.code, who !== null)
  }

  get trace(): string {
    this.#trace ??= this.#arrival.traceContext?.trace ?? this.#log.traceId()
    return this.#trace
  }

  durable(): Promise<void> | null {
    return this.#group === null ? this.#summed : this.#log.writer.durable(this.#group)
  }

  settled(outcome: Outcome): void {
    this.#log.ended()
    if (this.#summed !== null) return
    const { status, problem, forOperator, sentBytes, receivedBytes, durationMs, retried, complete } = outcome
    const { sentType, receivedType, sentSha256, receivedSha256, breaker } = outcome
    const mask = this.#mask
    const fields = `"id":"${this.#arrival.id}","status":${status}${problem === null ? '' : `,"problem":"${problem}","side":"${problems[problem].side}"`}${forOperator === null ? '' : `,"detail":${quote(maskText(mask, forOperator))}`},"sentBytes":${sentBytes}${sentType === null ? '' : `,"sentType":${mediaTypeText(mask, sentType)}`}${hashText('sentSha256', sentSha256)},"receivedBytes":${receivedBytes}${receivedType === null ? '' : `,"receivedType":${mediaTypeText(mask, receivedType)}`}${hashText('receivedSha256', receivedSha256)},"durationMs":${rounded(durationMs)}${phasesText(outcome)}${dialledText(outcome)}${costText(outcome)}${breaker === null ? '' : `,"breaker":"${breaker}"`}${retriedText(retried)},"complete":${complete}`
    this.#log.append('settled', fields, false)
  }

  #opening(): string {
    const { id, parent, door, peer, peerPort } = this.#arrival
    return `"id":"${id}"${parent === undefined ? '' : `,"parent":"${parent}"`},"trace":"${this.trace}","door":"${door}","peer":${quote(peer, shortBytes)}${peerPort === undefined ? '' : `,"peerPort":${peerPort}`}`
  }

  /** Who the caller claims to be matters only where nothing proves it. */
  #asked(who: Identified | null): string {
    const asked = this.#arrival.asked?.() ?? null
    if (asked === null) return ''
    const { claimed = null } = asked
    const subject = `,"subject":${askedText(this.#mask, asked)}`
    return who !== null || claimed === null ? subject : `,"claimed":${quote(maskText(this.#mask, claimed), shortBytes)}${subject}`
  }
}

function identityText({ integration, identity, credential, contained }: Identified): string {
  const proved = `"integration":"${integration.name}","identity":"${identity}"`
  return `${proved}${credential === undefined ? '' : `,"credential":"${credential}"`}${containmentText(contained)}`
}

function containmentText(contained: Contained | undefined): string {
  return contained === undefined ? '' : `,"containment":"${contained.state}"`
}

function hashText(name: string, hash: string | null | undefined): string {
  return hash == null ? '' : `,"${name}":"${hash}"`
}

/** To the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

/** Each phase that the request came to the end of; `durationMs` is all of it. */
function phasesText({ phases }: Outcome): string {
  const { identifyMs, limitsMs, policyMs, admitMs, queueMs, made, firstByteMs, bodyMs, recordMs } = phases
  const connecting =
    made === null ? '' : `${phaseText('dnsMs', made.dnsMs)}${phaseText('connectMs', made.tcpMs)}${phaseText('tlsMs', made.tlsMs)}`
  return `${waitText('identifyMs', identifyMs)}${waitText('limitsMs', limitsMs)}${phaseText('policyMs', policyMs)}${waitText('admitMs', admitMs)}${phaseText('queueMs', queueMs)}${connecting}${phaseText('firstByteMs', firstByteMs)}${phaseText('bodyMs', bodyMs)}${waitText('recordMs', recordMs)}`
}

/** What takes no time but where something is waited for. */
const leastWaitMs = 0.1

function waitText(name: string, ms: number | null): string {
  return ms === null || ms < leastWaitMs ? '' : phaseText(name, ms)
}

function costText({ cost }: Outcome): string {
  if (cost === undefined) return ''
  const { cpuMs, tokens } = cost
  const taken = tokens === null ? '' : `,"tokens":{"requests":${tokens.requests},"bytesOut":${tokens.bytesOut},"bytesIn":${tokens.bytesIn}}`
  return `${phaseText('cpuMs', cpuMs)}${taken}`
}

function phaseText(name: string, ms: number | null): string {
  return ms === null ? '' : `,"${name}":${rounded(ms)}`
}

function dialledText({ connection }: Outcome): string {
  if (connection === null) return ''
  const { address, port, certificate } = connection
  return `,"dialled":{"address":${quote(address, shortBytes)},"port":${port}${certificate === null ? '' : `,"certificate":"${certificate}"`}}`
}

/** Nothing where the destination was asked once. */
function retriedText(retried: Outcome['retried']): string {
  if (retried.length === 0) return ''
  const attempts = retried.map(({ problem, status, sentBytes, afterMs }) => ({
    ...(problem === null ? { status } : { problem }),
    ...(sentBytes > 0 && { sentBytes }),
    afterMs: rounded(afterMs),
  }))
  return `,"attempts":${retried.length + 1},"retried":${JSON.stringify(attempts)}`
}
