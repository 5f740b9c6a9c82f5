/** A rule of the wrong form breaks the default policy that reads it: the author gets the place of the rule, not of what it broke. */

import { type CompilerProblem, RegoError, type RegoSources } from '../opa/index.ts'

const expected = {
  deny: 'a set of strings: write "deny contains …"',
  allow: 'a set of strings: write "allow contains …"',
  obligations: 'a set of objects: write "obligations contains …"',
} as const

/** Runs `work`; of the `RegoError` it throws, problems inside the default policy become the author's. */
export async function mapRegoErrors<T>(sources: RegoSources, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof RegoError)) throw error
    const own = error.problems.filter(({ file }) => file.startsWith('sallyport/'))
    const found = own.length === 0 ? [] : misshapen(sources)
    if (found.length === 0) throw error
    throw new RegoError([...found, ...error.problems.filter((problem) => !own.includes(problem))])
  }
}

function misshapen(sources: RegoSources): readonly CompilerProblem[] {
  return Object.entries(sources).flatMap(([file, text]) =>
    /^\s*package\s+sallyport\.rules\s*(?:#.*)?$/m.test(text)
      ? text.split('\n').flatMap((line, index) => {
          const [, name] = /^(?:default\s+)?(deny|allow|obligations)\b(?!\s+contains\b)/.exec(line) ?? []
          if (name === undefined) return []
          const message = `"${name}" is ${expected[name as keyof typeof expected]}`
          return [{ file, row: index + 1, column: 1, code: 'rule', message }]
        })
      : [],
  )
}
