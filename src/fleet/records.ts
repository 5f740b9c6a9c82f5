/** Checks that the records of a gateway come whole, in order and each once as what it is. */
import { leafHash } from '../proof/index.ts'
import { type Finding, type FindingKind, finding } from './finding.ts'
import { continuesRun, fill, type Gateway } from './gateway.ts'
import type { LeavesMessage, RecordMessage } from './message.ts'
import type { Store } from './store.ts'

export interface Taken {
  /** It has not come before. */
  readonly isNew: boolean
  readonly findings: readonly Finding[]
}

export function takeRecord(store: Store, gateway: Gateway, message: RecordMessage): Taken {
  const findings: Finding[] = []
  const { index, leaf, value, leftOut, isView } = message
  const note = (kind: FindingKind, text: string) => {
    if (!continuesRun(gateway, kind, index)) findings.push(finding(kind, gateway.origin, index, text))
  }
  const isWhole = leafHash(value).equals(leaf)
  if (!isWhole && !isView) note('altered', `record ${index} does not have the hash that came with it: it was changed on its way`)
  const isNew = takeLeaf(store, gateway, { index, leaf, leftOut }, note)
  if (!isNew) return { isNew, findings }
  if (!isWhole && isView)
    note('not-covered', `record ${index} is in a view, or masked: its place and hash are checked, its content cannot be`)
  gateway.hasStopped = isWhole && value.includes('"type":"stopped"')
  return { isNew, findings }
}

/** Hashes of records whose content is kept from the topic. */
export function takeLeaves(store: Store, gateway: Gateway, { index: first, leaves }: LeavesMessage): Taken {
  const findings: Finding[] = []
  let isNew = false
  leaves.forEach((leaf, place) => {
    const index = first + place
    const note = (kind: FindingKind, text: string) => {
      if (!continuesRun(gateway, kind, index)) findings.push(finding(kind, gateway.origin, index, text))
    }
    if (!takeLeaf(store, gateway, { index, leaf, leftOut: 0 }, note)) return
    isNew = true
    note(
      'left-out',
      `of record ${index} only the hash came: the gateway's rules keep it from this topic, or it was removed before it was sent`,
    )
  })
  return { isNew, findings }
}

/** False where it has come before. */
function takeLeaf(
  store: Store,
  gateway: Gateway,
  { index, leaf, leftOut }: Pick<RecordMessage, 'index' | 'leaf' | 'leftOut'>,
  note: (kind: FindingKind, text: string) => void,
): boolean {
  const { next, first } = gateway
  if (first === null) {
    const start = index - leftOut
    gateway.first = start
    if (leftOut > 0) gateway.promised.push([start, index])
    if (start > 0) note('started-late', `its records begin with ${start}: what was before is not in the topic`)
    else gateway.proven ??= { size: 0, root: '', range: [] }
  } else if (index < first) {
    // Sent once more, and before what the topic begins with: there is nothing to hold it against.
    return false
  } else if (index < next) {
    const before = store.leaf(gateway, index)
    if (before?.equals(leaf) === true) {
      gateway.duplicates += 1
      return false
    }
    if (before !== null) {
      note('rewritten', `record ${index} came once more as another one: the log was rewritten, or went on from an older copy`)
      return false
    }
    if (!fill(gateway.promised, index)) {
      fill(gateway.missing, index)
      note('reordered', `record ${index} came behind record ${next - 1}`)
    }
  } else if (index > next) {
    const announced = Math.max(next, index - leftOut)
    if (announced < index) gateway.promised.push([announced, index])
    if (announced > next) {
      gateway.missing.push([next, announced])
      note('gap', `${recordsOf(next, announced)} missing: record ${index} came behind record ${next - 1}`)
    }
  }
  store.putLeaf(gateway, index, leaf)
  gateway.next = Math.max(gateway.next, index + 1)
  gateway.records += 1
  return true
}

/** `record 5 is`, `records 5 to 9 are`. */
export function recordsOf(from: number, to: number): string {
  return to - from === 1 ? `record ${from} is` : `records ${from} to ${to - 1} are`
}
