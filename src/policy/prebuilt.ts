/** A policy that a bundle holds as WebAssembly: it replaces the default policy and needs no compiler. */
import { createHash } from 'node:crypto'
import { BundleError, manifestFile, type SnapshotBundle } from '../bundles/index.ts'
import { everything } from '../opa/index.ts'
import { type CompiledPolicy, compilerEnvironment, entrypoint } from './build.ts'

export type Prebuilt = CompiledPolicy

/** `null`: the bundle has none. Throws `BundleError`. */
export function prebuiltOf(name: string, bundle: SnapshotBundle): Prebuilt | null {
  if (bundle.wasm.length === 0) return null
  const refused = (problem: string) => new BundleError(`bundle ${name}`, manifestFile, problem)
  const found = bundle.wasm.find((module) => module.entrypoint === entrypoint)
  if (found === undefined)
    throw refused(
      `wasm: has the entry points ${bundle.wasm.map((module) => module.entrypoint).join(', ')}; expected ${entrypoint}, or no WebAssembly at all`,
    )
  // Only its plan would show what it looks at, and whether a function of it looks at the clock; what a bundle says of itself
  // is not proof. So it sees everything, and nothing of it is remembered.
  return {
    wasm: found.module,
    sourceHash: createHash('sha256').update(found.module).digest('hex'),
    policyReads: everything,
    rulePaths: [],
    references: [],
  }
}

/** A prebuilt policy may call no function that the compiler would refuse: one that reaches out of the policy, or that OPA does not have. */
export async function requireKnownBuiltins(names: readonly string[], grants: readonly string[]): Promise<void> {
  const { capabilities } = (await compilerEnvironment(grants)) as { capabilities: { builtins: readonly { readonly name: string }[] } }
  const known = new Set(capabilities.builtins.map(({ name }) => name))
  const unknown = names.filter((name) => !known.has(name))
  if (unknown.length > 0) throw new Error(`the WebAssembly calls ${unknown.join(', ')}, which no policy may call here`)
}
