/** `.manifest`: which revision this is, what the bundle may define, and what its Wasm modules are for. */
import { z } from 'zod'
import type { Json, JsonObject } from '../../core/index.ts'
import type { BundleFiles } from './bundle.ts'
import { BundleError } from './bundle-error.ts'
import { decodeDocument } from './decode-document.ts'
import { overlapOf, trimRoot } from './roots.ts'

export const manifestFile = '.manifest'

export interface Manifest {
  readonly revision: string
  readonly roots: readonly string[]
  readonly wasm: readonly { readonly entrypoint: string; readonly module: string }[]
  readonly metadata: JsonObject
}

// https://www.openpolicyagent.org/docs/management-bundles#bundle-file-format
const schema = z.strictObject({
  revision: z.string().max(4096).default(''),
  roots: z.array(z.string().max(4096)).max(10_000).default(['']),
  wasm: z
    .array(z.strictObject({ entrypoint: z.string().min(1), module: z.string().min(1), annotations: z.unknown().optional() }))
    .max(10_000)
    .default([]),
  // The compiler reads Rego of version 1 alone.
  rego_version: z.literal(1).optional(),
  file_rego_versions: z.record(z.string(), z.literal(1)).optional(),
  metadata: z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value)).default({}),
})

/** What holds where there is none. Throws `BundleError`. */
export function readManifest({ origin, contents }: BundleFiles): Manifest {
  const bytes = contents.get(manifestFile)
  const given = bytes === undefined ? {} : decodeDocument(origin, manifestFile, bytes)
  const result = schema.safeParse(given)
  if (!result.success) throw new BundleError(origin, manifestFile, explain(result.error.issues[0], given))
  const roots = result.data.roots.map(trimRoot)
  const overlap = overlapOf(roots)
  if (overlap !== null)
    throw new BundleError(origin, manifestFile, `roots: "${overlap[0]}" covers "${overlap[1]}"; expected roots that lie apart, remove one`)
  const wasm = result.data.wasm.map(({ entrypoint, module }) => ({ entrypoint: trimRoot(entrypoint), module }))
  return { revision: result.data.revision, roots, wasm, metadata: result.data.metadata }
}

function explain(issue: z.core.$ZodIssue | undefined, given: Json): string {
  const path = issue?.path.map(String).join('.') ?? ''
  const place = path === '' ? '' : `${path}: `
  if (issue?.code === 'unrecognized_keys') {
    const known = path === '' ? `; known are ${Object.keys(schema.shape).join(', ')}` : ''
    return `${place}unknown key "${issue.keys[0]}"${known}; remove it, or ask for a release that knows it`
  }
  if (/rego_version/.test(path)) return `${place}expected 1; rewrite the modules with "opa fmt --v0-v1" and build the bundle again`
  if (typeof given !== 'object' || given === null) return 'expected an object such as {"revision": "v1", "roots": ["acme"]}'
  return `${place}${issue?.message ?? 'is not as expected'}; correct it and build the bundle again`
}
