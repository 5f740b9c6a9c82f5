/** The records of one arrival, written as text: two per request, on the hot path. */
import {
  type AccessRequest,
  type Arrival,
  type Claim,
  type Decision,
  type Entry,
  type Identified,
  type Json,
  type JsonObject,
  type Outcome,
  problems,
  type RedactionSettings,
  type Refusal,
} from '../core/index.ts'
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
}

/** Masks in texts from outside. */
export interface Mask {
  text(text: string): string
  query(query: string): string
}

/** Itself for records that are about no integration or about several. */
export interface AuditMask extends Mask {
  /** For records about one integration. */
  of(own: RedactionSettings): Mask
}

/** Longer texts are cut: a record stays below 32 KiB whatever a caller sends. */
const maxTextCharacters = 4096

export class ArrivalEntry implements Entry {
  readonly #log: EntryLog
  readonly #arrival: Arrival
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
  decided(request: AccessRequest, claim: Claim, { allow, rule, capability, reasons, revision }: Decision): void {
    this.#log.writer.requireWritable()
    const { integration, identity, kind, action } = request
    this.#mask = this.#log.mask.of(integration.redaction)
    const fields = `${this.#opening()},"integration":"${integration.name}","identity":"${identity}","kind":"${kind}","action":${quote(action)},"subject":${this.#subject(claim.subject)},"allow":${allow},"rule":${quote(rule)}${capability === null ? '' : `,"capability":${quote(capability)}`}${reasons.length === 0 ? '' : `,"reasons":${this.#reasons(reasons)}`},"revision":"${revision}"`
    this.#group = this.#log.append('decided', fields, true, integration.name)
  }

  refused(refusal: Refusal, who: Identified | null): void {
    if (who !== null) this.#mask = this.#log.mask.of(who.integration.redaction)
    const integration = who === null ? 'null' : `"${who.integration.name}"`
    this.#group = this.#log.append(
      'refused',
      `${this.#opening()},"integration":${integration},"code":"${refusal.code}","detail":${quote(this.#mask.text(refusal.message))}`,
      true,
      who?.integration.name,
    )
  }

  summed(refusal: Refusal, who: Identified | null): void {
    this.#summed = this.#log.sum(who === null ? `peer ${this.#arrival.peer}` : who.integration.name, refusal.code, who !== null)
  }

  durable(): Promise<void> | null {
    return this.#group === null ? this.#summed : this.#log.writer.durable(this.#group)
  }

  settled({ status, problem, forOperator, sentBytes, receivedBytes, durationMs, retried, complete }: Outcome): void {
    this.#log.ended()
    if (this.#summed !== null) return
    const fields = `"id":"${this.#arrival.id}","status":${status}${problem === null ? '' : `,"problem":"${problem}","side":"${problems[problem].side}"`}${forOperator === null ? '' : `,"detail":${quote(this.#mask.text(forOperator))}`},"sentBytes":${sentBytes},"receivedBytes":${receivedBytes},"durationMs":${Math.round(durationMs * 1000) / 1000}${retriedFields(retried)},"complete":${complete}`
    this.#log.append('settled', fields, false)
  }

  #opening(): string {
    const { id, parent, door, peer } = this.#arrival
    return `"id":"${id}"${parent === undefined ? '' : `,"parent":"${parent}"`},"door":"${door}","peer":${quote(peer)}`
  }

  #subject(subject: JsonObject): string {
    let text = ''
    for (const key in subject) text += `${text === '' ? '{' : ','}"${key}":${this.#value(key, subject[key] as Json)}`
    return text === '' ? '{}' : `${text}}`
  }

  #value(key: string, value: Json): string {
    if (typeof value !== 'string') return JSON.stringify(value)
    return quote(key === 'query' ? this.#mask.query(value) : this.#mask.text(value))
  }

  #reasons(reasons: readonly string[]): string {
    return `[${reasons
      .slice(0, 32)
      .map((reason) => quote(this.#mask.text(reason).slice(0, 500)))
      .join(',')}]`
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const plain = /^[^"\\\x00-\x1f\ud800-\udfff]*$/

/** A JSON string; most texts need no escaping. */
function quote(text: string): string {
  const kept = text.length > maxTextCharacters ? `${text.slice(0, maxTextCharacters)}…[cut]` : text
  return plain.test(kept) ? `"${kept}"` : JSON.stringify(kept.toWellFormed())
}

/** Nothing where the destination was asked once. */
function retriedFields(retried: Outcome['retried']): string {
  if (retried.length === 0) return ''
  const attempts = retried.map(({ problem, status, sentBytes, afterMs }) => ({
    ...(problem === null ? { status } : { problem }),
    ...(sentBytes > 0 && { sentBytes }),
    afterMs: Math.round(afterMs * 1000) / 1000,
  }))
  return `,"attempts":${retried.length + 1},"retried":${JSON.stringify(attempts)}`
}
