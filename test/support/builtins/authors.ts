/** What `policy test` and `policy eval` run: OPA's interpreter and the gateway's engine, in both of which a failed function ends the evaluation. */

import type { Compile } from '../../../src/opa/index.ts'
import { createGatewayEngine } from '../../../src/policy/gateway-engine.ts'
import { beyondJson, canonicalMembers } from '../value-text.ts'
import { entrypoint, inputOf, listsIn } from './functions.ts'

export interface AskedStrictly {
  readonly index: number
  readonly tuples: readonly string[]
  /** What OPA's interpreter gave by its default, in one spelling. */
  readonly expected: readonly string[]
}

/** What is different, as sentences. */
export type AskAuthors = (asked: readonly AskedStrictly[]) => Promise<readonly { readonly index: number; readonly difference: string }[]>

/** Of what failed or was undefined so many are asked per function, each in an evaluation of its own. */
const maxFailing = 3

export async function createAuthorColumns(compile: Compile, sources: Readonly<Record<string, string>>): Promise<AskAuthors> {
  const engine = await createGatewayEngine(compile, { sources, capabilities: undefined, data: {} }, [entrypoint])
  return async (asked) => {
    const questions = asked.flatMap(({ index, tuples, expected }) => {
      const answered = expected.flatMap((list, place) => (list === '[]' ? [] : [place]))
      const failing = expected.flatMap((list, place) => (list === '[]' ? [place] : [])).slice(0, maxFailing)
      return [answered, ...failing.map((place) => [place])]
        .filter((places) => places.length > 0)
        .map((places) => ({
          index,
          input: inputOf(
            index,
            places.map((place) => tuples[place] as string),
          ),
          count: places.length,
          expected: places.map((place) => expected[place] as string),
        }))
    })
    const query = { query: 'data.sallyport.decision', inputTexts: questions.map(({ input }) => input), asText: true }
    const { results = [] } = await compile({ command: 'eval', sources, ...query })
    return questions.flatMap(({ index, input, count, expected }, place) => {
      const { value, error } = results[place] ?? {}
      const differ = (who: string, said: string) => ({ index, difference: `${who} for ${input.slice(0, 300)}: ${said.slice(0, 300)}` })
      const answer = engine(entrypoint, input)
      if ('error' in answer !== (error !== undefined))
        return [
          differ('policy test and eval', `the interpreter ${JSON.stringify(error ?? value)}, and the engine ${JSON.stringify(answer)}`),
        ]
      if (error !== undefined) return expected.every((list) => list === '[]') ? [] : [differ('policy eval', error.message)]
      const interpreted = listsIn(String(value), count)
      const spelled = expected.map((list) => canonicalMembers(`[${list}]`, true)[0] as string)
      const decided = listsIn('text' in answer ? (answer.text ?? '') : '', count, true)
      return interpreted.flatMap((list, at) => [
        ...(list === expected[at] ? [] : [differ('policy eval --engine opa', `${list}, and by default ${expected[at]}`)]),
        ...(decided[at] === spelled[at] || spelled[at]?.includes(`${beyondJson}:`)
          ? []
          : [differ('policy eval --engine gateway', `${decided[at]}, and OPA ${spelled[at]}`)]),
      ])
    })
  }
}
