/** `patch.json` of a delta bundle: what to change in the data of the bundle before. */
import { z } from 'zod'
import type { Json } from '../../core/index.ts'
import type { BundleFiles, Patch } from './bundle.ts'
import { BundleError } from './bundle-error.ts'
import { decodeDocument } from './decode-document.ts'

export const patchFile = 'patch.json'

const json = z.custom<Json>((value) => value !== undefined, 'is missing')
const path = z.string().max(64 * 1024)
const schema = z.strictObject({
  data: z.array(
    z.discriminatedUnion('op', [
      z.strictObject({ op: z.literal('upsert'), path, value: json }),
      z.strictObject({ op: z.literal('replace'), path, value: json }),
      // Go writes every field, `"value": null` too.
      z.strictObject({ op: z.literal('remove'), path, value: z.unknown().optional() }),
    ]),
  ),
})

/** Throws `BundleError`. */
export function readPatch({ origin, contents }: BundleFiles): readonly Patch[] {
  const given = decodeDocument(origin, patchFile, contents.get(patchFile) ?? new Uint8Array())
  const result = schema.safeParse(given)
  if (!result.success) {
    const issue = result.error.issues[0]
    const place = issue?.path.map(String).join('.') ?? ''
    throw new BundleError(
      origin,
      patchFile,
      `${place}: ${issue?.message ?? ''}; expected upsert, replace and remove operations, each with a path`,
    )
  }
  const operations = result.data.data
  // OPA takes such a bundle for an empty snapshot, which wipes everything.
  if (operations.length === 0) throw new BundleError(origin, patchFile, 'holds no operation; leave the bundle out, or send a snapshot')
  return operations.map((operation, index) => {
    const segments = segmentsOf(operation.path)
    if (segments === null)
      throw new BundleError(origin, patchFile, `data.${index}.path: expected a path below the top such as "/acme/roles/~1"; correct it`)
    return operation.op === 'remove' ? { op: 'remove', path: segments } : { op: operation.op, path: segments, value: operation.value }
  })
}

/** URL-escaped first, as OPA has it, then RFC 6901 §4. */
function segmentsOf(path: string): readonly string[] | null {
  const trimmed = path.replace(/^\/+|\/+$/g, '')
  if (trimmed === '') return null
  try {
    const segments = trimmed.split('/').map((segment) => decodeURIComponent(segment).replaceAll('~1', '/').replaceAll('~0', '~'))
    return segments.includes('__proto__') || segments.length > 1000 ? null : segments
  } catch {
    return null
  }
}
