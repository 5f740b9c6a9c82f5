/** What the consumer of a fleet's records finds, and how grave it is. */

/**
 * An `error` is what no gateway and no broker in order does, and ends the command with 1; a `notice` is what an auditor should know.
 */
export type FindingLevel = 'error' | 'notice'

const levels = {
  /** Records that have not come although later ones have. */
  gap: 'error',
  /** Records that came behind later ones. */
  reordered: 'error',
  /** Records that came once more, as other ones. */
  rewritten: 'error',
  /** What came does not have the hash that came with it. */
  altered: 'error',
  /** The records that came are not those that the gateway has signed. */
  'checkpoint-mismatch': 'error',
  /** The log is shorter than it was, or was signed twice at the same size. */
  'rolled-back': 'error',
  'bad-signature': 'error',
  'unknown-gateway': 'error',
  'key-changed': 'error',
  /** No message of the format that gateways send. */
  malformed: 'error',
  /** Nothing has come for too long. */
  silent: 'error',
  /** The topic has lost messages that were not read yet. */
  'topic-cut': 'error',
  'new-gateway': 'notice',
  /** What was before is not in the topic any more. */
  'started-late': 'notice',
  /** Content in a view, or masked: only its hash can be checked. */
  'not-covered': 'notice',
  /** Content that the gateway's rules keep from this topic; its hashes are checked. */
  'left-out': 'notice',
  /** An older checkpoint for which no hashes are held. */
  'not-compared': 'notice',
} as const satisfies Record<string, FindingLevel>

export type FindingKind = keyof typeof levels

export interface Finding {
  readonly kind: FindingKind
  readonly level: FindingLevel
  readonly origin: string
  /** Index of the first record, or the size of the checkpoint; null where it is about no record. */
  readonly index: number | null
  /** One line, for a person. */
  readonly text: string
  /** Signed notes that prove it. */
  readonly notes: readonly string[]
}

export function finding(kind: FindingKind, origin: string, index: number | null, text: string, notes: readonly string[] = []): Finding {
  return { kind, level: levels[kind], origin, index, text, notes }
}
