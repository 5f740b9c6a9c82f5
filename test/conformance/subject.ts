/** The engine's side of the conformance run: one case in, the set of bindings or the error out. */
import { lookup } from 'node:dns/promises'
import type { Integration } from '../../src/core/index.ts'
import { createLibrary } from '../../src/opa/builtins/library.ts'
import { type Answers, createBuiltins, createEvaluator, createLoader, ExternalCallNeeded, harden } from '../../src/opa/index.ts'
import { createExternalCaller } from '../../src/policy/index.ts'
import { createCaller } from '../support/caller.ts'

/** As rego/compiler/conformance/main.go writes it. */
export interface Question {
  readonly note: string
  /** Base64. */
  readonly wasm: string
  readonly data: unknown
  readonly input: string | null
  readonly strict: boolean
  readonly env?: Readonly<Record<string, string>>
}

export type Answer = { readonly result: string } | { readonly error: string }

/** The names that the suite looks up are those of this machine. */
const ask = createExternalCaller({
  send: () => Promise.reject(new Error('nothing is sent')),
  lookup: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
})

export function createSubject(module: WebAssembly.Module): (question: Question) => Promise<Answer> {
  let env: Question['env']
  const library = createLibrary(module)
  const options = { library: () => library, onTicks: () => {}, runtime: () => JSON.stringify(env === undefined ? {} : { env }) }
  const builtins = { strict: createBuiltins(options), lenient: createBuiltins({ ...options, lenient: true }) }
  return async ({ wasm, data, input, strict, env: given }) => {
    try {
      env = given
      const { base, load } = createLoader(await WebAssembly.compile(harden(Buffer.from(wasm, 'base64'))))
      const image = load(JSON.stringify(data))
      const used = strict ? builtins.strict : builtins.lenient
      const { evaluate, renew } = createEvaluator({
        base,
        entrypoint: 0,
        maxImageBytes: image.bytes.byteLength,
        maxMemoryPages: 2000,
        format: 'value',
        host: { callBuiltin: used.call, onTicks: () => {}, onFailed: used.failed },
      })
      const answers: Answers = new Map()
      for (;;) {
        try {
          used.begin(Date.now(), answers)
          return { result: evaluate(image, input) }
        } catch (error) {
          if (!(error instanceof ExternalCallNeeded)) throw error
          renew()
          answers.set(
            error.question,
            await ask(error, 5000, { id: '', integration: { name: '' } as Integration, hangup: createCaller().hangup }),
          )
        }
      }
    } catch (error) {
      return { error: String(error) }
    }
  }
}
