/** What authors write and nothing would read: refused by its name, since a deny that rests on it would be open. */
import { isDataFile, packageOf } from '../bundles/index.ts'
import { type CompilerProblem, RegoError, type RegoSources } from '../opa/index.ts'

/** Data files among those of the folder of rules: data comes in bundles. Throws `RegoError` that names each. */
export function requireNoData(names: readonly string[]): void {
  const problems = names
    .filter(isDataFile)
    .map((name) => problem(name, 0, 'is data, which the gateway does not read beside rules; put it into a bundle (policy.bundles)'))
  if (problems.length > 0) throw new RegoError(problems)
}

/** What of a package the gateway asks for. */
const asked: Readonly<Record<string, readonly string[]>> = {
  'sallyport.rules': ['deny', 'allow', 'obligations'],
  'system.log': ['mask', 'drop'],
}

/** The head of a rule, as every formatted one begins its line. */
const head = /^(?:default\s+)?([A-Za-z_]\w*)(?=\s*(?:[([{.]|:?=(?!=)|contains\b|if\b))/

/**
 * Files of tests are left out of what decides. Throws `RegoError` at each rule in one that the gateway would ask for, or that
 * the rest rests on: of a rule that has a part there the rest would decide alone, and a reference to it would be undefined.
 */
export function requireNoRulesInTests(sources: RegoSources): void {
  const entries = Object.entries(sources)
  if (!entries.some(([file]) => file.endsWith('_test.rego'))) return
  const deciding = entries
    .filter(([file]) => !file.endsWith('_test.rego'))
    .map(([, text]) => ({ text, path: nameOf(text), heads: new Set(headsOf(text).map(({ name }) => name)) }))
  const isMeant = (path: string, name: string) =>
    asked[path]?.includes(name) === true ||
    deciding.some((file) => (file.path === path ? file.heads.has(name) : refersTo(file.text, path, name)))
  const problems = entries.flatMap(([file, text]) => {
    const path = nameOf(text)
    if (!file.endsWith('_test.rego') || path === null) return []
    return headsOf(text)
      .filter(({ name }) => !/^(?:todo_)?test_/.test(name) && isMeant(path, name))
      .map(({ name, row }) =>
        problem(file, row, `"${name}" in a file of tests does not decide; move it to a file that is not called …_test.rego`),
      )
  })
  if (problems.length > 0) throw new RegoError(problems)
}

function nameOf(text: string): string | null {
  return packageOf(text)?.join('.') ?? null
}

function headsOf(text: string): readonly { readonly name: string; readonly row: number }[] {
  return text.split('\n').flatMap((line, index) => {
    const name = head.exec(line)?.[1]
    return name === undefined ? [] : [{ name, row: index + 1 }]
  })
}

/** Whole, or by the last word of a package that is imported. */
function refersTo(text: string, path: string, name: string): boolean {
  if (text.includes(`data.${path}.${name}`)) return true
  return text.includes(`import data.${path}`) && text.includes(`.${name}`)
}

function problem(file: string, row: number, message: string): CompilerProblem {
  return { file, row, column: row === 0 ? 0 : 1, code: 'file', message }
}
