/** The gateway's engine over many tuples at once, with failed functions undefined as OPA has them by default. */
import { readFile } from 'node:fs/promises'
import { createLibrary } from '../../../src/opa/builtins/library.ts'
import { builtinLibrary, programPath } from '../../../src/opa/compiler/program.ts'
import { createBuiltins, createEvaluator, createLoader, harden } from '../../../src/opa/index.ts'
import { entrypoint, inputOf, listsIn } from './functions.ts'

/** One list per tuple; `null`: the evaluation did not come to its end, and `onRefused` was told. */
export type AskEngine = (
  index: number,
  tuples: readonly string[],
  onRefused: (tuple: string, error: unknown) => void,
) => readonly (string | null)[]

export async function createEngineColumn(wasm: Uint8Array): Promise<AskEngine> {
  const { base, load } = createLoader(await WebAssembly.compile(harden(wasm)))
  const image = load('{}')
  const library = createLibrary(await WebAssembly.compile(await readFile(await programPath(builtinLibrary))))
  const hosted = createBuiltins({ library: () => library, onTicks: () => {}, lenient: true })
  const engine = createEvaluator({
    base,
    entrypoint: base.entrypoints[entrypoint] as number,
    maxImageBytes: image.bytes.byteLength,
    maxMemoryPages: 4000,
    format: 'value',
    host: { callBuiltin: hosted.call, onTicks: () => {}, onFailed: hosted.failed },
  })
  return function ask(index, tuples, onRefused): readonly (string | null)[] {
    hosted.begin(0)
    try {
      return listsIn(engine.evaluate(image, inputOf(index, tuples)), tuples.length)
    } catch (error) {
      engine.renew()
      if (tuples.length === 1) {
        onRefused(tuples[0] ?? '', error)
        return [null]
      }
      const half = tuples.length >> 1
      return [...ask(index, tuples.slice(0, half), onRefused), ...ask(index, tuples.slice(half), onRefused)]
    }
  }
}
