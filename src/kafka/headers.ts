/** How messages of the topic are described. */

/** Names of the messages' headers; their values are text, except where it is said. */
export const headers = {
  /** `record`, `leaves` or `checkpoint`. */
  kind: 'kind',
  /** Of the record: its place in the log, from 0. */
  index: 'index',
  /** Hex: SHA-256(0x00 || the record's bytes), as it stands in the log. */
  leaf: 'leaf',
  /** With a record: how many directly before it do not come. Their hashes come before the next checkpoint, as `leaves`. */
  leftOut: 'left-out',
  /** Says what the value is where it is not the record as it stands in the log. */
  view: 'view',
  /** With a checkpoint: the gateway's verifier key (C2SP signed-note). */
  verifierKey: 'verifier-key',
  /** With a checkpoint, where it is known: the compact range at its size, bytes. */
  range: 'range',
} as const
