/** Messages that wait for their receivers: bounded, and what is given up is counted and said. */
import type { AlertChange } from './alert.ts'
import type { Ledger } from './ledger.ts'
import { type Dropped, type Notice, type NoticeEvent, type Receiver, wants } from './receiver.ts'

export interface Outbox {
  /** For every receiver that wants it. */
  queue(event: NoticeEvent, change: Pick<AlertChange, 'alert' | 'previousSeverity'>, now: number): void
  /** Those that are due: their receiver's `remindAfterMs` ago it took its last message of an alert that is open still. */
  remind(now: number): void
  /** For this receiver, since the process began. */
  droppedFor(receiver: string): number
  /** The receiver has it. */
  taken(notice: Notice, now: number): void
}

const maxNamed = 20

export function createOutbox(ledger: Ledger, receivers: readonly Receiver[]): Outbox {
  const droppedTotals = new Map<string, number>()
  const known = new Set(receivers.map(({ name }) => name))
  // Their receiver is not in the configuration any more.
  for (const name of ledger.receivers()) if (!known.has(name)) for (const notice of ledger.waiting(name)) ledger.remove(notice)

  function queueFor(receiver: Receiver, notice: Omit<Notice, 'seq' | 'receiver'>): void {
    const { name, isLatestEnough, maxWaiting } = receiver
    const waiting = ledger.waiting(name)
    if (isLatestEnough) for (const older of waiting) if (isReplaced(older, notice)) ledger.remove(older)
    const left = ledger.waiting(name)
    for (const oldest of left.slice(0, Math.max(0, left.length + 1 - maxWaiting))) {
      ledger.remove(oldest)
      droppedTotals.set(name, (droppedTotals.get(name) ?? 0) + 1)
      ledger.setDropped(name, dropOf(ledger.dropped.get(name), oldest))
    }
    ledger.queue({ ...notice, receiver: name })
  }

  return {
    queue(event, { alert, previousSeverity }, now) {
      for (const receiver of receivers) if (wants(receiver, alert)) queueFor(receiver, { event, alert, previousSeverity, at: now })
    },
    remind(now) {
      for (const receiver of receivers) {
        if (receiver.remindAfterMs === null) continue
        const waiting = ledger.waiting(receiver.name)
        const busy = new Set(waiting.map(({ alert }) => alert.id))
        // One that is far behind is given the rest first.
        let room = Math.floor(receiver.maxWaiting / 2) - waiting.length
        for (const alert of ledger.active()) {
          if (room <= 0) break
          if (alert.state !== 'open' || busy.has(alert.id) || !wants(receiver, alert)) continue
          const since = Math.max(alert.delivered[receiver.name] ?? 0, alert.firstAt)
          // One in the future is of a clock that was set back since.
          if (since <= now && now - since < receiver.remindAfterMs) continue
          queueFor(receiver, { event: 'reminder', alert, previousSeverity: null, at: now })
          room -= 1
        }
      }
    },
    droppedFor: (name) => droppedTotals.get(name) ?? 0,
    taken(notice, now) {
      ledger.remove(notice)
      const alert = ledger.byId(notice.alert.id)
      if (alert !== null) ledger.save({ ...alert, delivered: { ...alert.delivered, [notice.receiver]: now } })
    },
  }
}

/** An escalation says what was before: it stays. */
function isReplaced(older: Notice, { alert }: Pick<Notice, 'alert'>): boolean {
  return older.alert.id === alert.id && older.event !== 'escalated'
}

function dropOf(before: Dropped | undefined, { at, alert }: Notice): Dropped {
  const { count, from, alerts } = before ?? { count: 0, from: at, alerts: [] }
  return { count: count + 1, from, to: at, alerts: [...new Set([...alerts, alert.id])].slice(0, maxNamed) }
}
