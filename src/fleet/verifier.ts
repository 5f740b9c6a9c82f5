/** Checks what a fleet's gateways send, message by message, and knows which of them say nothing. */

import { type Checkpoint, openCheckpoint, ProofError, type VerifierKey } from '../proof/index.ts'
import { proveWaiting, takeCheckpoint } from './checkpoints.ts'
import { type Finding, finding } from './finding.ts'
import { continuesRun, type Gateway } from './gateway.ts'
import type { Keys } from './keys.ts'
import { type CheckpointMessage, type FleetMessage, type RawMessage, readMessage } from './message.ts'
import { type Taken, takeLeaves, takeRecord } from './records.ts'
import type { Store } from './store.ts'

export interface FleetVerifier {
  /** `where` names the message: topic, partition and offset. */
  take(raw: RawMessage, where: string): TakenMessage
  /** Gateways that have sent nothing for longer than `afterMs`, each said once. */
  findSilent(nowMs: number, afterMs: number): readonly Finding[]
}

export interface TakenMessage {
  /** Null where it is no message of a gateway, or came before. */
  readonly message: FleetMessage | null
  readonly findings: readonly Finding[]
}

/** `retired`: gateways that are gone, whose silence means nothing. */
export function createFleetVerifier(store: Store, keys: Keys, retired: readonly string[] = []): FleetVerifier {
  const startedMs = Date.now()
  const gone = new Set(retired)
  for (const origin of retired) if (store.gateways.has(origin)) store.gateway(origin).isSilent = false
  const unseen = new Set(keys.expected.filter((origin) => !store.gateways.has(origin) && !gone.has(origin)))

  function take(message: FleetMessage, gateway: Gateway): Taken {
    if (message.kind === 'checkpoint') return verified(message, gateway)
    const hadGap = gateway.missing.length > 0
    const taken = message.kind === 'record' ? takeRecord(store, gateway, message) : takeLeaves(store, gateway, message)
    if (!hadGap || !taken.isNew) return taken
    return { ...taken, findings: [...taken.findings, ...proveWaiting(store, gateway)] }
  }

  function verified(message: CheckpointMessage, gateway: Gateway): Taken {
    const { origin } = gateway
    const { key, findings } = keys.keyOf(gateway, message.key)
    if (key === null) {
      const isSaid = continuesRun(gateway, 'unknown-gateway', 0)
      gateway.runs['unknown-gateway'] = 0
      const unknown = finding('unknown-gateway', origin, null, 'no key of it is known, so that nothing it sends is proven')
      return { isNew: false, findings: isSaid ? findings : [...findings, unknown] }
    }
    const checkpoint = opened(message.note, key)
    if (typeof checkpoint === 'string') {
      const bad = finding('bad-signature', origin, null, `a checkpoint proves nothing: ${checkpoint}`, [message.note])
      return { isNew: false, findings: [...findings, bad] }
    }
    const { size, root } = checkpoint
    const taken = takeCheckpoint(store, gateway, { size, root, message })
    return { ...taken, findings: [...findings, ...taken.findings] }
  }

  return {
    take(raw, where) {
      const message = readMessage(raw)
      if (typeof message === 'string') {
        const origin = raw.key?.toString('utf8') ?? ''
        return { message: null, findings: [finding('malformed', origin, null, `${where} is no message of a gateway: ${message}`)] }
      }
      const gateway = store.gateway(message.origin)
      unseen.delete(message.origin)
      gateway.lastMs = Math.max(gateway.lastMs, raw.timestampMs)
      gateway.isSilent = false
      const { isNew, findings } = take(message, gateway)
      gateway.findings += findings.filter(({ level }) => level === 'error').length
      return { message: isNew ? message : null, findings }
    },
    findSilent(nowMs, afterMs) {
      const silent: Finding[] = []
      for (const { origin, lastMs, hasStopped, isSilent } of store.gateways.values()) {
        if (isSilent || hasStopped || gone.has(origin) || nowMs - lastMs <= afterMs) continue
        store.gateway(origin).isSilent = true
        silent.push(finding('silent', origin, null, `nothing has come from it since ${new Date(lastMs).toISOString()}`))
      }
      if (nowMs - startedMs <= afterMs) return silent
      for (const origin of unseen) silent.push(finding('silent', origin, null, 'nothing has ever come from it'))
      unseen.clear()
      return silent
    },
  }
}

/** A string says what is wrong with it. */
function opened(note: string, key: VerifierKey): Checkpoint | string {
  try {
    return openCheckpoint(Buffer.from(note), key)
  } catch (error) {
    if (error instanceof ProofError) return error.message
    throw error
  }
}
