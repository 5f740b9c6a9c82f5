/** What authors write and nothing would read: refused by its name, since a deny that rests on it would be open. */
import { readdir } from 'node:fs/promises'
import { packageOf } from './bundle/index.ts'
import { type CompilerProblem, RegoError } from './compiler/index.ts'
import type { RegoSources } from './rego-files.ts'

/** Data files below the folder of rules: data comes in bundles. Throws `RegoError` that names each; a folder that cannot be read is not told of here. */
export async function requireNoData(folder: string, prefix: string): Promise<void> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const problems = names
    .filter((name) => /(?:^|\/)data\.(?:json|ya?ml)$/.test(name))
    .sort()
    .map((name) =>
      problem(`${prefix}${name}`, 0, 'is data, which the gateway does not read beside rules; put it into a bundle (policy.bundles)'),
    )
  if (problems.length > 0) throw new RegoError(problems)
}

/** What of a package the gateway asks for. */
const asked: Readonly<Record<string, RegExp>> = {
  'sallyport.rules': /^(?:default\s+)?(deny|allow|obligations)\b/,
  'system.log': /^(?:default\s+)?(mask|drop)\b/,
}

/** Files of tests are left out of what decides. Throws `RegoError` at each rule in one that was meant to decide. */
export function requireNoRulesInTests(sources: RegoSources): void {
  const problems = Object.entries(sources).flatMap(([file, text]) => {
    const pattern = file.endsWith('_test.rego') ? asked[packageOf(text)?.join('.') ?? ''] : undefined
    if (pattern === undefined) return []
    return text.split('\n').flatMap((line, index) => {
      const name = pattern.exec(line)?.[1]
      if (name === undefined) return []
      return [problem(file, index + 1, `"${name}" in a file of tests does not decide; move it to a file that is not called …_test.rego`)]
    })
  })
  if (problems.length > 0) throw new RegoError(problems)
}

function problem(file: string, row: number, message: string): CompilerProblem {
  return { file, row, column: row === 0 ? 0 : 1, code: 'file', message }
}
