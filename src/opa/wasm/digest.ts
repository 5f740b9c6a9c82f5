/** Whether the code of a function inside a policy's WebAssembly is the code that was shown to be equal to OPA's. */
import { createHash } from 'node:crypto'
import { LebReader } from './leb.ts'
import { eachInstruction, opcodes } from './opcodes.ts'

/** OPA's compiler writes its code again for each policy: where the two values stand. */
const written = 'opa_boolean'

/** A module's own functions. */
export interface Functions {
  readonly bodies: readonly Uint8Array[]
  /** How many stand before them in the numbering. */
  readonly imported: number
  readonly names: ReadonlyMap<number, string>
}

/**
 * Of a function with all that it calls, as another version of OPA's compiler, or another tool, would have them otherwise.
 */
export function digestOf(index: number, { bodies, imported, names }: Functions): string {
  const bodyOf = (reachedIndex: number) => (names.get(reachedIndex) === written ? undefined : bodies[reachedIndex - imported])
  const reached = new Set([index])
  for (const reachedIndex of reached) for (const callee of calleesOf(bodyOf(reachedIndex))) reached.add(callee)
  const hash = createHash('sha256')
  for (const reachedIndex of [...reached].sort((a, b) => a - b)) hash.update(`${reachedIndex}:`).update(bodyOf(reachedIndex) ?? '')
  return hash.digest('hex').slice(0, 16)
}

function calleesOf(body: Uint8Array | undefined): readonly number[] {
  if (body === undefined) return []
  const callees: number[] = []
  eachInstruction(body, (opcode, at) => {
    if (opcode === opcodes.call) callees.push(new LebReader(body, at + 1).u32())
  })
  return callees
}
