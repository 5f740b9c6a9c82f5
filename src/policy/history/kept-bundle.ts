/** A bundle in the history: checked when it was active, so what is kept is what it says, not its archive. */
import { type JsonObject, parseExactJson } from '../../core/index.ts'
import type { SnapshotBundle } from '../bundle/index.ts'
import type { Objects } from './objects.ts'

export interface KeptBundle {
  readonly revision: string
  readonly roots: readonly string[]
  readonly metadata: JsonObject
  readonly signedAt: number | null
  /** File name → hash. */
  readonly rego: Readonly<Record<string, string>>
  /** Hash of the JSON text. */
  readonly data: string
  /** Entry point → hash of the module in Base64. */
  readonly wasm: Readonly<Record<string, string>>
}

export async function keepBundle(bundle: SnapshotBundle, { keep, keepAll }: Pick<Objects, 'keep' | 'keepAll'>): Promise<KeptBundle> {
  const { revision, roots, metadata, signedAt, rego, data, wasm } = bundle
  const modules = wasm.map(({ entrypoint, module }) => [entrypoint, Buffer.from(module).toString('base64')] as const)
  return {
    revision,
    roots,
    metadata,
    signedAt,
    rego: await keepAll(rego),
    data: await keep(JSON.stringify(data)),
    wasm: await keepAll(Object.fromEntries(modules)),
  }
}

/** Throws where it was changed since. */
export async function readKeptBundle(kept: KeptBundle, { read, readAll }: Pick<Objects, 'read' | 'readAll'>): Promise<SnapshotBundle> {
  const { revision, roots, metadata, signedAt } = kept
  const modules = Object.entries(await readAll(kept.wasm))
  return {
    kind: 'snapshot',
    revision,
    roots,
    metadata,
    signedAt,
    plan: null,
    rego: await readAll(kept.rego),
    data: parseExactJson(await read(kept.data, 'the data of a bundle')) as JsonObject,
    wasm: modules.map(([entrypoint, text]) => ({ entrypoint, module: Buffer.from(text, 'base64') })),
  }
}
