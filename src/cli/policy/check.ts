/** `sallyport policy check`: whether rules or a bundle compile, for people and for editors. */

import { checkPolicy } from '../../authoring/index.ts'
import type { SignatureAlgorithm, Verification } from '../../bundles/index.ts'
import { readText } from '../../config/index.ts'
import { RegoError } from '../../opa/index.ts'
import { commandCompiler } from '../compiler.ts'
import { CommandError } from '../exit.ts'
import { readGiven } from './policy-options.ts'

export interface CheckFlags {
  readonly verificationKey?: string
  readonly verificationKeyId: string
  readonly signingAlg: string
  readonly scope?: string
  readonly json?: boolean
}

/** What to print; `ok` says how to end. With `json` what is wrong with the rules is printed, not thrown. */
export async function check(
  paths: readonly string[],
  config: string | undefined,
  flags: CheckFlags,
  grants: readonly string[],
): Promise<{ text: string; ok: boolean }> {
  try {
    const { sources, data } = await readGiven(paths, config, verificationFrom(flags))
    const warnings = await checkPolicy(commandCompiler().compile, sources, grants, data)
    const files = Object.keys(sources)
    if (flags.json === true) return { text: `${JSON.stringify({ ok: true, files, problems: [], warnings })}\n`, ok: true }
    return { text: `${asWarnings(warnings)}OK: ${files.length} file${files.length === 1 ? '' : 's'}\n`, ok: true }
  } catch (error) {
    if (flags.json !== true || !(error instanceof RegoError)) throw error
    // An editor asks for places; rows and columns count from 1, and 0 is the whole file.
    return { text: `${JSON.stringify({ ok: false, problems: error.problems })}\n`, ok: false }
  }
}

export function asWarnings(warnings: readonly string[]): string {
  return warnings.map((text) => `warning: ${text}\n`).join('')
}

function verificationFrom({ verificationKey, verificationKeyId, signingAlg, scope }: CheckFlags): Verification | null {
  if (verificationKey === undefined) return null
  const content = readText(verificationKey)
  if ('problem' in content) throw new CommandError(`the key ${verificationKey} ${content.problem}`)
  const key = { algorithm: signingAlg as SignatureAlgorithm, key: content.text, ...(scope !== undefined && { scope }) }
  return { keys: { [verificationKeyId]: key }, keyId: verificationKeyId }
}
