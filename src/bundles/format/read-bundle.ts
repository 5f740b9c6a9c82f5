/** Bytes or a folder as a checked bundle: whatever is wrong with it is found here, before anything of it counts. */
import { abiOf, isKnownAbi } from '../../opa/index.ts'
import type { Bundle, BundleFiles, DeltaBundle, SnapshotBundle } from './bundle.ts'
import { BundleError, decodeText, normalizeName } from './bundle-error.ts'
import { type Manifest, manifestFile, readManifest } from './manifest.ts'
import { isDataFile, mergeData } from './merge-data.ts'
import { readArchive } from './read-archive.ts'
import { readFolder } from './read-folder.ts'
import { patchFile, readPatch } from './read-patch.ts'
import { readPlan } from './read-plan.ts'
import { packageOf } from './rego-package.ts'
import { rootsContain } from './roots.ts'
import { type Verification, verifySignatures } from './verify-signatures.ts'

export interface ReadFolderOptions {
  /** `null`: signatures are not asked for; a bundle that has some is refused, since they could not be verified. */
  readonly verification: Verification | null
  /** Of the files together, unpacked. */
  readonly maxBytes?: number
  /** Names at the top of the data that no bundle may define. */
  readonly reservedRoots?: readonly string[]
}

export interface ReadBundleOptions extends ReadFolderOptions {
  /** URL or path, for messages. */
  readonly origin: string
}

/** `data.integrations` holds the manifests, `data.sallyport` the gateway's own rules. */
const gatewayRoots = ['integrations', 'sallyport']

/** `bytes` is a tar archive, gzip'd or plain. Throws `BundleError`. */
export async function readBundle(bytes: Uint8Array, options: ReadBundleOptions): Promise<Bundle> {
  return assemble(await readArchive(bytes, options.origin, options.maxBytes), options)
}

/** Throws `BundleError`. `folder` is absolute. */
export async function readBundleFolder(folder: string, options: ReadFolderOptions): Promise<Bundle> {
  return assemble(await readFolder(folder, options.maxBytes), options)
}

async function assemble(files: BundleFiles, { verification, reservedRoots = gatewayRoots }: ReadFolderOptions): Promise<Bundle> {
  const signedAt = await verifySignatures(files, verification)
  const manifest = readManifest(files)
  return { ...(files.contents.has(patchFile) ? delta : snapshot)(files, manifest, reservedRoots), signedAt }
}

function snapshot(files: BundleFiles, manifest: Manifest, reservedRoots: readonly string[]): Omit<SnapshotBundle, 'signedAt'> {
  const { origin, contents } = files
  const { revision, roots, metadata } = manifest
  for (const name of contents.keys()) {
    if (/\.pb$/.test(name)) throw new BundleError(origin, name, 'is in protobuf; build the bundle with a manifest and plan in JSON')
    // OPA takes it for the bundle's, wherever it lies.
    if (name !== manifestFile && name.endsWith(manifestFile))
      throw new BundleError(origin, name, `expected ${manifestFile} at the top; move it`)
  }
  return {
    kind: 'snapshot',
    revision,
    roots,
    rego: regoOf(files, roots),
    data: mergeData(files, roots, reservedRoots),
    wasm: wasmOf(files, manifest),
    plan: readPlan(files),
    metadata,
  }
}

function delta(files: BundleFiles, { revision }: Manifest, reservedRoots: readonly string[]): Omit<DeltaBundle, 'signedAt'> {
  const { origin } = files
  for (const name of files.contents.keys())
    if (isDataFile(name) || /\.(?:rego|wasm)$/.test(name))
      throw new BundleError(origin, name, `is beside ${patchFile}; a delta bundle may hold only that and .manifest`)
  const patch = readPatch(files)
  const reserved = patch.find(({ path }) => reservedRoots.includes(path[0] ?? ''))
  if (reserved !== undefined)
    throw new BundleError(origin, patchFile, `changes data.${reserved.path[0]}, which is the gateway's own; choose another name`)
  return { kind: 'delta', revision, patch }
}

function regoOf({ origin, contents }: BundleFiles, roots: readonly string[]): Readonly<Record<string, string>> {
  const modules: [string, string][] = []
  for (const [name, bytes] of contents) {
    if (!name.endsWith('.rego')) continue
    const text = decodeText(origin, name, bytes)
    const path = packageOf(text)
    if (path === null) throw new BundleError(origin, name, 'expected a module that begins with "package" and its name')
    if (!rootsContain(roots, path))
      throw new BundleError(origin, name, `is package ${path.join('.')}, outside of the roots ${roots.join(', ')}; move it or add a root`)
    modules.push([name, text])
  }
  return Object.fromEntries(modules)
}

function wasmOf({ origin, contents }: BundleFiles, manifest: Manifest): SnapshotBundle['wasm'] {
  const used = new Set<string>()
  const entrypoints = new Set<string>()
  const modules = manifest.wasm.map(({ entrypoint, module }) => {
    const spelled = normalizeName(module)
    const name = 'name' in spelled ? spelled.name : ''
    const bytes = contents.get(name)
    if (bytes === undefined)
      throw new BundleError(origin, '.manifest', `wasm: names the module "${module}", which the bundle has not; build it again`)
    if (!isWasm(bytes)) throw new BundleError(origin, name, 'is not a WebAssembly module; build the bundle with "opa build -t wasm"')
    const abi = abiOf(bytes)
    if (!isKnownAbi(abi))
      throw new BundleError(
        origin,
        name,
        `is for ${abi === null ? 'no ABI of OPA' : `OPA's ABI ${abi.major}.${abi.minor}`}; expected 1.2 or later of 1, build the bundle with OPA 1`,
      )
    if (entrypoints.has(entrypoint))
      throw new BundleError(origin, '.manifest', `wasm: the entrypoint "${entrypoint}" is there twice; keep one`)
    if (!rootsContain(manifest.roots, entrypoint.split('/')))
      throw new BundleError(origin, '.manifest', `wasm: the entrypoint "${entrypoint}" lies outside of the roots; add a root`)
    used.add(name)
    entrypoints.add(entrypoint)
    return { entrypoint, module: bytes }
  })
  // Rules that silently do not count are worse than none.
  for (const name of contents.keys())
    if (/(?:^|\/)policy\.wasm$/.test(name) && !used.has(name))
      throw new BundleError(origin, name, 'is named by no entrypoint in .manifest; build the bundle with "opa build -t wasm -e …"')
  return modules
}

/** `\0asm`, version 1. */
function isWasm(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 8)).toString('hex') === '0061736d01000000'
}
