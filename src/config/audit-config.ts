/** The audit log as it is configured. */
import type { KeepConfig } from './keep-schema.ts'
import type { ReviewConfig } from './review-schema.ts'
import type { VaultKeyConfig } from './signer-schema.ts'
import type { SinkConfig } from './sinks/index.ts'
import type { WitnessConfig } from './witness-schema.ts'

export interface AuditConfig {
  readonly folder: string
  readonly maxSegmentBytes: number
  readonly durability: 'reply' | 'strict'
  /** Whether decisions are recorded with their input, masked. */
  readonly input: boolean
  /** Whether settlements are recorded with the SHA-256 of bodies. */
  readonly bodyHashes: boolean
  readonly key: AuditKey
  /** Whether a process keeps the index of the log current. */
  readonly index: boolean
  /** Where records are shipped to. */
  readonly sinks: readonly SinkConfig[]
  /** Members of records that only some principals see over HTTP. */
  readonly personal: readonly string[]
  readonly keep: KeepConfig
  /** Where bundles are moved to that are not kept; `null`: they are removed. */
  readonly archive: string | null
  /** Free space below which new work is refused. */
  readonly reserveBytes: number
  /** Checks on a schedule; `null`: none. */
  readonly review: ReviewConfig | null
  readonly witness: WitnessConfig | null
}

/** Of Ed25519; PKCS #8 in PEM where it is the gateway's own. The first start makes a file that is not there. */
export type AuditKey = { readonly file: string } | { readonly pem: string } | { readonly vault: VaultKeyConfig }
