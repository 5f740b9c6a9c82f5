/** Checks each signed checkpoint of a gateway against the records that came. */
import { Frontier } from '../proof/index.ts'
import { type Finding, finding } from './finding.ts'
import type { Gateway } from './gateway.ts'
import type { CheckpointMessage } from './message.ts'
import { recordsOf, type Taken } from './records.ts'
import type { KeptCheckpoint, Store } from './store.ts'

/** A checkpoint whose signature has been checked. */
export interface SignedCheckpoint {
  readonly size: number
  readonly root: Buffer
  readonly message: CheckpointMessage
}

export function takeCheckpoint(store: Store, gateway: Gateway, { size, root, message }: SignedCheckpoint): Taken {
  const { note, range } = message
  const { origin } = gateway
  const before = store.checkpoint(gateway, size)
  if (before?.root.equals(root) === true) {
    gateway.duplicates += 1
    return { isNew: false, findings: [] }
  }
  if (before !== null) {
    const text = `two checkpoints of ${size} records are signed, with different roots: the log was rewritten, or is shown differently`
    return { isNew: true, findings: [finding('rolled-back', origin, size, text, [before.note, note])] }
  }
  const findings: Finding[] = []
  if (gateway.first === null && size > 0) {
    // What it covers came before the consumer began to read.
    gateway.first = size
    gateway.next = size
    findings.push(finding('started-late', origin, size, `its records begin with ${size}: what was before is not in the topic`))
  } else if (size > gateway.next) {
    gateway.missing.push([gateway.next, size])
    findings.push(
      finding('gap', origin, gateway.next, `${recordsOf(gateway.next, size)} missing: a checkpoint of ${size} records came`, [note]),
    )
    gateway.next = size
  }
  findings.push(...breakPromises(gateway, size))
  const kept: KeptCheckpoint = { size, root, note, isProven: false }
  if (gateway.proven !== null && size < gateway.proven.size)
    return { isNew: true, findings: [...findings, ...compareOlder(store, gateway, kept)] }
  findings.push(...prove(store, gateway, kept, anchorOf(range, size, root)))
  return { isNew: true, findings }
}

/** Hashes that were announced come before the checkpoint that covers their records. */
function breakPromises(gateway: Gateway, size: number): readonly Finding[] {
  const broken = gateway.promised.filter(([from]) => from < size)
  gateway.promised = gateway.promised.filter(([from]) => from >= size)
  gateway.missing.push(...broken)
  return broken.map(([from, to]) =>
    finding('gap', gateway.origin, from, `${recordsOf(from, to)} missing: the hashes that were to come instead of them did not come`),
  )
}

/** Once a gap has closed: those that waited for it. */
export function proveWaiting(store: Store, gateway: Gateway): readonly Finding[] {
  return store.waiting(gateway).flatMap((kept) => (kept.size < (gateway.proven?.size ?? 0) ? [] : prove(store, gateway, kept, null)))
}

/** Proves a checkpoint from the one that was proven last, or begins anew with its own compact range, which its root proves. */
function prove(store: Store, gateway: Gateway, kept: KeptCheckpoint, anchor: Frontier | null): readonly Finding[] {
  const { size, root, note } = kept
  const { proven, origin } = gateway
  const range = proven === null ? null : extend(store, gateway, Frontier.of(proven.size, proven.range.map(fromHex)), size)
  const isProven = range?.root().equals(root) === true
  const onwards = isProven ? range : anchor
  if (onwards !== null) gateway.proven = { size, root: root.toString('hex'), range: onwards.subtrees.map((hash) => hash.toString('hex')) }
  // What cannot be computed yet waits for the records that are missing; what differs has been said, and waits for nothing.
  store.putCheckpoint(gateway, { ...kept, isProven: isProven || range !== null || anchor !== null })
  if (range === null || isProven) return []
  const from = proven?.size ?? 0
  const text = `the gateway signed other records than came: ${recordsOf(from, size)} not what its checkpoint of ${size} says`
  return [finding('checkpoint-mismatch', origin, size, text, [note])]
}

/** An older checkpoint than the proven one, which has not come before: it must be of the same log. */
function compareOlder(store: Store, gateway: Gateway, kept: KeptCheckpoint): readonly Finding[] {
  const { size, root, note } = kept
  const { origin, proven } = gateway
  const range = gateway.first === 0 ? extend(store, gateway, new Frontier(), size) : null
  if (range === null) {
    const text = `a checkpoint of ${size} records came although ${proven?.size} are proven; the hashes to compare it with are not held`
    return [finding('not-compared', origin, size, text, [note])]
  }
  store.putCheckpoint(gateway, { ...kept, isProven: true })
  if (range.root().equals(root)) return []
  const text = `a checkpoint of ${size} records is of another log than the ${proven?.size} records that are proven: the log was rolled back`
  return [finding('rolled-back', origin, size, text, [note, store.checkpoint(gateway, proven?.size ?? 0)?.note ?? ''])]
}

/** `from`, grown to `size` leaves; null where some are missing. */
function extend(store: Store, gateway: Gateway, from: Frontier | null, size: number): Frontier | null {
  if (from === null) return null
  for (const leaf of store.leaves(gateway, from.size, size)) from.push(leaf)
  return from.size === size ? from : null
}

/** The root is signed, so that a range which gives it is the gateway's word. */
function anchorOf(range: readonly Buffer[] | null, size: number, root: Buffer): Frontier | null {
  const anchor = range === null ? null : Frontier.of(size, range)
  return anchor?.root().equals(root) === true ? anchor : null
}

const fromHex = (hash: string) => Buffer.from(hash, 'hex')
