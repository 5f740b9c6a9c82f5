/** A bundle in the history: checked when it was active, so what is kept is what it says, not its archive. */

import type { SnapshotBundle } from '../../bundles/index.ts'
import type { JsonObject } from '../../core/index.ts'
import { parseExactJson } from '../../text/index.ts'

/** One JSON text; numbers keep their spelling, modules are in Base64. */
export function writeBundle({ revision, roots, metadata, signedAt, rego, data, wasm }: SnapshotBundle): string {
  const modules = wasm.map(({ entrypoint, module }) => ({ entrypoint, module: Buffer.from(module).toString('base64') }))
  return JSON.stringify({ revision, roots, metadata, signedAt, rego, data, wasm: modules })
}

/** Of a text that `writeBundle` made. */
export function readKeptBundle(text: string): SnapshotBundle {
  const { data, metadata } = parseExactJson(text) as { readonly data: JsonObject; readonly metadata: JsonObject }
  const { revision, roots, signedAt, rego, wasm } = JSON.parse(text) as Omit<SnapshotBundle, 'wasm'> & {
    readonly wasm: readonly { readonly entrypoint: string; readonly module: string }[]
  }
  const modules = wasm.map(({ entrypoint, module }) => ({ entrypoint, module: Buffer.from(module, 'base64') }))
  return { kind: 'snapshot', revision, roots, metadata, signedAt, plan: null, rego, data, wasm: modules }
}
