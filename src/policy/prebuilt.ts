/** A policy that a bundle brings as WebAssembly: it takes the place of the default policy and needs no compiler. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type CompiledPolicy, entrypoint, policySurroundings } from './build.ts'
import { BundleError, manifestFile, type SnapshotBundle } from './bundle/index.ts'
import { everything } from './compiler/index.ts'

export type Prebuilt = CompiledPolicy

const path = z.array(z.array(z.string()))
const sight = z.strictObject({
  reads: path,
  probes: path,
  builtins: z.array(z.string()),
  volatile: z.array(z.string()),
  ownOnly: z.boolean(),
})
/** `wasm`: SHA-256 of the module that it was told of, hex. */
const metadata = z.object({ sallyport: z.object({ sight, wasm: z.string().optional() }).optional() })

/** `null`: the bundle brings none. Throws `BundleError`. */
export function prebuiltOf(name: string, bundle: SnapshotBundle): Prebuilt | null {
  if (bundle.wasm.length === 0) return null
  const refused = (problem: string) => new BundleError(`bundle ${name}`, manifestFile, problem)
  const found = bundle.wasm.find((one) => one.entrypoint === entrypoint)
  if (found === undefined)
    throw refused(
      `wasm: has the entry points ${bundle.wasm.map((one) => one.entrypoint).join(', ')}; expected ${entrypoint}, or no WebAssembly at all`,
    )
  const said = metadata.safeParse(bundle.metadata)
  if (!said.success) throw refused('metadata.sallyport: expected what "sallyport policy build" writes; build the bundle anew')
  // Of a policy that others built, or built anew, nothing is known: it sees everything, and nothing of it is remembered.
  const { sallyport } = said.data
  const seen = sallyport !== undefined && sallyport.wasm === sha256(found.module) ? sallyport.sight : everything
  const sourceHash = sha256(found.module, JSON.stringify(seen))
  return { wasm: found.module, sourceHash, sight: seen, rulePaths: [] }
}

/** What the compiler refuses at a build is refused in what others built: a function that reaches out of the policy, or is none of OPA's. */
export async function requireKnownBuiltins(names: readonly string[], grants: readonly string[]): Promise<void> {
  const { capabilities } = (await policySurroundings(grants)) as { capabilities: { builtins: readonly { readonly name: string }[] } }
  const known = new Set(capabilities.builtins.map(({ name }) => name))
  const unknown = names.filter((name) => !known.has(name))
  if (unknown.length > 0) throw new Error(`the WebAssembly calls ${unknown.join(', ')}, which no policy may call here`)
}

function sha256(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
