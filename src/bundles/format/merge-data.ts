/** The data files of a bundle as one tree: `acme/data.json` stands at `acme`. */
import type { Json, JsonObject } from '../../core/index.ts'
import { isJsonObject } from '../../text/index.ts'
import type { BundleFiles } from './bundle.ts'
import { BundleError, shortened } from './bundle-error.ts'
import { decodeDocument } from './decode-document.ts'
import { rootsContain, rootsReachInto } from './roots.ts'

type Tree = { [key: string]: Json }

const maxFolders = 1000

export function isDataFile(name: string): boolean {
  return /(?:^|\/)data\.(?:json|ya?ml)$/.test(name)
}

/** Throws `BundleError` where two files define one value, or one defines a value outside the roots or below a reserved one. */
export function mergeData({ origin, contents }: BundleFiles, roots: readonly string[], reservedRoots: readonly string[]): JsonObject {
  const data: Tree = {}
  for (const [name, bytes] of contents) {
    if (!isDataFile(name)) continue
    const folders = name.split('/').slice(0, -1)
    if (folders.length > maxFolders || folders.includes('__proto__'))
      throw new BundleError(origin, name, 'lies in a folder that no data has; rename or flatten its folders')
    const value = decodeDocument(origin, name, bytes)
    if (folders.length === 0 && !isTree(value)) throw new BundleError(origin, name, 'expected an object at the top of the data')
    const outside = outsideOf(value, folders, roots)
    if (outside !== null)
      throw new BundleError(origin, name, `defines ${dotted(outside)}, outside of the roots ${roots.join(', ')}; move it or add a root`)
    const clash = insert(data, folders, value)
    if (clash !== null) throw new BundleError(origin, name, `defines ${dotted(clash)}, which another data file defines; keep one of them`)
    const reserved = reservedRoots.find((root) => Object.hasOwn(data, root))
    if (reserved !== undefined)
      throw new BundleError(origin, name, `defines data.${reserved}, which is the gateway's own; choose another name`)
  }
  return data
}

/** The first path of `value` that no root allows. The empty object alone defines nothing. */
function outsideOf(value: Json, path: readonly string[], roots: readonly string[]): readonly string[] | null {
  if (rootsContain(roots, path)) return null
  if (!isTree(value) || !rootsReachInto(roots, path)) return isTree(value) && Object.keys(value).length === 0 ? null : path
  for (const [key, item] of Object.entries(value)) {
    const found = outsideOf(item, [...path, key], roots)
    if (found !== null) return found
  }
  return null
}

/** Puts `value` at `folders`; objects merge. The path at which two values meet, `null` where none do. */
function insert(data: Tree, folders: readonly string[], value: Json): readonly string[] | null {
  const wrapped = folders.toReversed().reduce<Json>((inner, folder) => ({ [folder]: inner }), value)
  return merge(data, wrapped as JsonObject, [])
}

function merge(into: Tree, from: JsonObject, path: readonly string[]): readonly string[] | null {
  for (const [key, value] of Object.entries(from)) {
    const here = Object.hasOwn(into, key) ? into[key] : undefined
    if (here === undefined) into[key] = value
    else if (!isTree(here) || !isTree(value)) return [...path, key]
    else {
      const clash = merge(here, value, [...path, key])
      if (clash !== null) return clash
    }
  }
  return null
}

function isTree(value: Json): value is Tree {
  return isJsonObject(value)
}

function dotted(path: readonly string[]): string {
  return shortened(['data', ...path].join('.'))
}
