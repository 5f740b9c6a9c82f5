/** A delta bundle applied to the snapshot before it: all of its operations, or none. */
import type { Json, JsonObject } from '../../core/index.ts'
import { hasMembers } from '../../text/index.ts'
import type { DeltaBundle, Patch, SnapshotBundle } from './bundle.ts'
import { BundleError, shortened } from './bundle-error.ts'
import { patchFile } from './read-patch.ts'
import { rootsContain } from './roots.ts'

/** A new snapshot that shares what did not change; `base` stays as it is. Throws `BundleError` with `origin`. */
export function applyDelta(base: SnapshotBundle, delta: DeltaBundle, origin: string): SnapshotBundle {
  const problem = (path: readonly string[], what: string) =>
    new BundleError(origin, patchFile, `${shortened(`/${path.join('/')}`)}: ${what}`)
  if (delta.patch.length === 0) throw new BundleError(origin, patchFile, 'holds no operation; send a snapshot')
  let data: Json = base.data
  for (const patch of delta.patch) {
    if (!rootsContain(base.roots, patch.path))
      throw problem(patch.path, `lies outside of the roots ${base.roots.join(', ')}; send a snapshot`)
    data = changed(data, patch, 0, (what) => problem(patch.path, what))
  }
  return { ...base, revision: delta.revision, data: data as JsonObject, signedAt: delta.signedAt }
}

type Problem = (what: string) => BundleError

/** `node` with the operation applied at the rest of its path. */
function changed(node: Json, patch: Patch, depth: number, problem: Problem): Json {
  const key = patch.path[depth] ?? ''
  const isLast = depth === patch.path.length - 1
  if (Array.isArray(node)) return changedList(node, patch, depth, problem)
  if (!hasMembers(node)) throw problem('leads into a value that has no parts; send a snapshot')
  const object = node as JsonObject
  const has = Object.hasOwn(object, key)
  if (!has && patch.op !== 'upsert') throw problem('there is no such value; send a snapshot')
  if (!isLast) return { ...object, [key]: changed(has ? (object[key] as Json) : {}, patch, depth + 1, problem) }
  if (patch.op !== 'remove') return { ...object, [key]: patch.value }
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key))
}

/** RFC 6902: an added item moves those behind it, `-` is the end. */
function changedList(list: readonly Json[], patch: Patch, depth: number, problem: Problem): Json {
  const key = patch.path[depth] ?? ''
  const isLast = depth === patch.path.length - 1
  const isAdded = isLast && patch.op === 'upsert'
  const index = key === '-' && isAdded ? list.length : /^(?:0|[1-9]\d{0,9})$/.test(key) ? Number(key) : -1
  if (index < 0 || index > list.length || (index === list.length && !isAdded)) throw problem('there is no such item; send a snapshot')
  if (!isLast) return list.with(index, changed(list[index] as Json, patch, depth + 1, problem))
  if (patch.op === 'remove') return list.toSpliced(index, 1)
  return patch.op === 'upsert' ? list.toSpliced(index, 0, patch.value) : list.with(index, patch.value)
}
