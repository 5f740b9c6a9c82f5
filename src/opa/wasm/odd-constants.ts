/** Whether a policy's rules hold numbers that another evaluator of the same module takes for other numbers. */

import { eachInstruction, opcodes } from './opcodes.ts'
import { readBodies, readFunctionNames, readImports, readSections, sections } from './sections.ts'

/** OPA's compiler writes each spelled number as text with a zero byte behind it; a string that looks like a number is counted as one. */
const spelled = /(?<![\w.+-])-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?=\0)/g

/** `isOdd` is asked of the spelling of each constant. `wasm`: as the compiler made it. Throws where it is not a module. */
export function hasOddConstants(wasm: Uint8Array, isOdd: (spelling: string) => boolean): boolean {
  const module = readSections(wasm)
  const data = Buffer.from(module.get(sections.data) ?? []).toString('latin1')
  for (const [spelling] of data.matchAll(spelled)) if (isOdd(spelling)) return true
  const imported = readImports(module, null).functions
  const bodies = readBodies(module.get(sections.code))
  return [...readFunctionNames(wasm)].some(
    ([index, name]) => /^g\d+\.|^eval$/.test(name) && integersIn(bodies[index - imported]).some((value) => isOdd(String(value))),
  )
}

/** The constants of 64 bits in a function's body: integers of the rules. */
function integersIn(body: Uint8Array | undefined): readonly bigint[] {
  if (body === undefined) return []
  const found: bigint[] = []
  eachInstruction(body, (opcode, at, next) => {
    if (opcode === opcodes.i64Const) found.push(signedAt(body.subarray(at + 1, next)))
  })
  return found
}

function signedAt(bytes: Uint8Array): bigint {
  const value = bytes.reduceRight((sum, byte) => (sum << 7n) | BigInt(byte & 0x7f), 0n)
  return BigInt.asIntN(64, ((bytes.at(-1) ?? 0) & 0x40) === 0 ? value : value - (1n << BigInt(7 * bytes.length)))
}
