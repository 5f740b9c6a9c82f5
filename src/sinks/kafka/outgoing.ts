/** What goes to the topic for a batch: its messages, and in front of a checkpoint the hashes of the records that it covers and that did not go there. */
import type { Shipped, ShippedCheckpoint } from '../sink.ts'
import { leavesMessage, type MessageContext, messageOf, type TopicMessage } from './messages.ts'
import { compactRange, leafHashes } from './tree-hashes.ts'

export interface OutgoingOptions extends MessageContext {
  /** Of the log. */
  readonly folder: string
  /** Rules or a view can keep records from the topic. */
  readonly isFiltered: boolean
}

export interface Prepared {
  readonly messages: readonly TopicMessage[]
  readonly after: Sent
}

interface Sent {
  /** Index behind the last record that is known of; `null` before the first. */
  readonly next: number | null
  /** Records below that which did not go to the topic since the last checkpoint, `[from, to)`. */
  readonly leftOut: readonly (readonly [number, number])[]
}

export interface Outgoing {
  /** Of a batch that follows what was sent. */
  prepare(batch: readonly Shipped[]): Promise<Prepared>
  /** The batch was taken. */
  sent(prepared: Prepared): void
}

/** Records before the first one that a process knows of: what its predecessor left out since the last checkpoint is among them. */
const recent = 4096

export function createOutgoing(options: OutgoingOptions): Outgoing {
  const { folder, isFiltered } = options
  let state: Sent = { next: null, leftOut: [] }

  async function* before({ size }: ShippedCheckpoint, leftOut: Sent['leftOut']): AsyncGenerator<TopicMessage> {
    for (const [from, to] of leftOut)
      for await (const { index, hashes } of leafHashes(folder, from, Math.min(to, size))) yield leavesMessage(index, hashes, options)
  }

  return {
    async prepare(batch) {
      const messages: TopicMessage[] = []
      let after = state
      for (const item of batch) {
        after = withItem(after, item, isFiltered)
        if (item.kind === 'record') messages.push(messageOf(item, options))
        else {
          for await (const message of before(item, after.leftOut)) messages.push(message)
          messages.push(messageOf(item, options, await compactRange(folder, item.size)))
          after = { ...after, leftOut: after.leftOut.filter(([, to]) => to > item.size) }
        }
      }
      return { messages, after }
    },
    sent({ after }) {
      state = after
    },
  }
}

function withItem({ next, leftOut }: Sent, item: Shipped, isFiltered: boolean): Sent {
  const [from, to, behind] =
    item.kind === 'record' ? [item.index - item.leftOut, item.index, item.index + 1] : [next ?? item.size, item.size, item.size]
  const unknown: readonly (readonly [number, number])[] = next === null && isFiltered ? [[Math.max(0, from - recent), from]] : []
  const own: readonly (readonly [number, number])[] = from < to ? [[from, to]] : []
  return { next: Math.max(next ?? 0, behind), leftOut: [...leftOut, ...unknown, ...own] }
}
