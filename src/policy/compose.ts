/** A set of what can be in force, as one policy: Rego to compile, data beside the manifests, or WebAssembly that replaces it whole. */
import { createHash } from 'node:crypto'
import { BundleError, type BundleSet, overlapOf, packageOf, type SnapshotBundle } from '../bundles/index.ts'
import type { Integration, Json, JsonObject } from '../core/index.ts'
import type { ManifestDefaults, ManifestTexts } from '../manifests/index.ts'
import type { RegoSources } from '../opa/index.ts'
import { isJsonObject } from '../text/index.ts'
import { divideRules } from './divide-rules.ts'
import { type Prebuilt, prebuiltOf } from './prebuilt.ts'
import { requireNoRulesInTests } from './refuse-unread-files.ts'

/** A set as programs are prepared from it. */
export interface Composed {
  readonly integrations: readonly Integration[]
  readonly bundles: BundleSet
  /** What is compiled to decide requests. */
  readonly deciding: RegoSources
  /** `package system…`: what is compiled, with `all` that it may call, to mask reports. */
  readonly reporting: RegoSources
  readonly all: RegoSources
  readonly data: JsonObject
  /** Of the data; empty where there is none. */
  readonly dataHash: string
  readonly dataBytes: number
  /** A policy that a bundle holds as WebAssembly; then `deciding` is empty. */
  readonly prebuilt: Prebuilt | null
}

/** Throws `BundleError` where bundles meet one another, the gateway's own names, or rules that would not count; `RegoError` for rules among tests. */
export function compose({ integrations, rules, bundles }: Pick<PolicySet, 'integrations' | 'rules' | 'bundles'>): Composed {
  rejectRootOverlap(bundles)
  const rego: Record<string, string> = {}
  const companions: Record<string, string> = {}
  const hash = createHash('sha256')
  let data: JsonObject = {}
  let dataBytes = 0
  let prebuilt: { readonly from: string; readonly policy: Prebuilt } | null = null
  for (const [name, bundle] of [...bundles].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const policy = prebuiltOf(name, bundle)
    if (policy !== null) prebuilt = { from: name, policy }
    // The sources of a prebuilt policy are not compiled again to decide; masks may call them.
    Object.assign(policy === null ? rego : companions, policy === null ? regoOf(name, bundle) : companionModules(name, bundle))
    const { text, digest } = dataOf(bundle)
    if (text === '{}') continue
    requireNoMaskData(name, bundle)
    data = merged(data, bundle.data)
    dataBytes += text.length
    hash.update(digest)
  }
  const all = { ...companions, ...rego, ...rules }
  requireNoRulesInTests(all)
  const { deciding } = divideRules({ ...rego, ...rules })
  const { reporting } = divideRules(all)
  const [uncounted] = Object.keys(deciding)
  if (prebuilt !== null && uncounted !== undefined)
    throw new BundleError(
      `bundle ${prebuilt.from}`,
      null,
      `brings a policy that replaces all rules, so ${uncounted} would not count; remove one of the two`,
    )
  return {
    integrations,
    bundles,
    deciding,
    reporting,
    all,
    data,
    dataBytes,
    dataHash: dataBytes === 0 ? '' : hash.digest('hex'),
    prebuilt: prebuilt?.policy ?? null,
  }
}

/** Two bundles that may both define a path: which of the two counts would be undefined. */
function rejectRootOverlap(bundles: BundleSet): void {
  const roots = [...bundles].map(([name, bundle]) => ({ name, roots: bundle.roots }))
  for (const [index, bundle] of roots.entries())
    for (const other of roots.slice(index + 1)) {
      const overlap = overlapOf([...bundle.roots, ...other.roots])
      if (overlap === null) continue
      const [a, b] = overlap.map((root) => `"${root}"`)
      throw new BundleError(
        `bundle ${other.name}`,
        '.manifest',
        `roots: ${a} and ${b} overlap between it and the bundle ${bundle.name}; set them apart`,
      )
    }
}

/** `sallyport.rules_test` is where tests of rules stand. */
const openPackages: readonly string[] = ['rules', 'rules_test']

function regoOf(name: string, { rego }: SnapshotBundle): RegoSources {
  const sources: Record<string, string> = {}
  for (const [file, text] of Object.entries(rego)) {
    const path = packageOf(text) ?? []
    if (path[0] === 'integrations' || (path[0] === 'sallyport' && !openPackages.includes(path[1] ?? '')))
      throw new BundleError(
        `bundle ${name}`,
        file,
        `is package ${path.join('.')}, which is the gateway's own; write rules in package sallyport.rules, or in one of your own`,
      )
    sources[`bundles/${name}/${file}`] = text
  }
  return sources
}

/** Without what stands for the default policy, of which the gateway has its own. */
function companionModules(name: string, { rego }: SnapshotBundle): RegoSources {
  const modules = Object.entries(rego).filter(([, text]) => packageOf(text)?.[0] !== 'sallyport')
  return Object.fromEntries(modules.map(([file, text]) => [`bundles/${name}/${file}`, text]))
}

/** Masks are asked as rules; as data they would be passed over, and more would be reported than their author wants. */
function requireNoMaskData(name: string, { data }: SnapshotBundle): void {
  const system = Object.hasOwn(data, 'system') ? data['system'] : undefined
  if (isJsonObject(system) && Object.hasOwn(system, 'log'))
    throw new BundleError(
      `bundle ${name}`,
      null,
      'defines data.system.log, which would not count; write mask and drop as rules of package system.log',
    )
}

const written = new WeakMap<SnapshotBundle, { text: string; digest: string }>()

/** Once for each bundle: it may be megabytes. */
function dataOf(bundle: SnapshotBundle): { text: string; digest: string } {
  let known = written.get(bundle)
  if (known === undefined) {
    const text = JSON.stringify(bundle.data)
    known = { text, digest: createHash('sha256').update(text).digest('hex') }
    written.set(bundle, known)
  }
  return known
}

/** Their roots do not overlap, so only objects are merged. */
function merged(into: JsonObject, from: JsonObject): JsonObject {
  const result: Record<string, Json> = { ...into }
  for (const [key, value] of Object.entries(from)) {
    const here = Object.hasOwn(into, key) ? into[key] : undefined
    result[key] = isJsonObject(here) && isJsonObject(value) ? merged(here, value) : value
  }
  return result
}

export interface PolicySet {
  readonly integrations: readonly Integration[]
  /** What they were read from. */
  readonly manifests: ManifestTexts
  /** What the manifests left to sallyport.yaml. */
  readonly defaults?: ManifestDefaults
  readonly rules: RegoSources
  readonly bundles: BundleSet
}
