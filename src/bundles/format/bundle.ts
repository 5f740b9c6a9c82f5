/** A bundle as it was read and checked: a whole policy with its data, or changes to the data of the one before. */
import type { Json, JsonObject } from '../../core/index.ts'

export interface SnapshotBundle {
  readonly kind: 'snapshot'
  /** The author's word for this version; empty where there is none. */
  readonly revision: string
  /** Paths such as `acme/hr` that the bundle may define; `''` is everything. */
  readonly roots: readonly string[]
  /** Modules by their path in the bundle. */
  readonly rego: Readonly<Record<string, string>>
  readonly data: JsonObject
  readonly wasm: readonly WasmModule[]
  /** What `opa build -t plan` gave; `null` where there is none. */
  readonly plan: unknown
  readonly metadata: JsonObject
  readonly signedAt: SignedAt
}

/** Seconds since the epoch, as the signature says; `null` where it does not, or there is none. */
export type SignedAt = number | null

export interface WasmModule {
  /** `acme/allow` */
  readonly entrypoint: string
  readonly module: Uint8Array
}

export interface DeltaBundle {
  readonly kind: 'delta'
  readonly revision: string
  readonly patch: readonly Patch[]
  readonly signedAt: SignedAt
}

export type Patch =
  | { readonly op: 'upsert' | 'replace'; readonly path: readonly string[]; readonly value: Json }
  | { readonly op: 'remove'; readonly path: readonly string[] }

export type Bundle = SnapshotBundle | DeltaBundle

/** The files of a bundle before anything is known about them, by normalized path (`acme/data.json`). */
export interface BundleFiles {
  /** URL or path, for messages. */
  readonly origin: string
  readonly contents: ReadonlyMap<string, Uint8Array>
}

/** By the names that the configuration gives them. */
export type BundleSet = ReadonlyMap<string, SnapshotBundle>
