/** The WebAssembly of the library of built-in functions, loaded once and only where a policy needs it. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isQuick } from './builtins/index.ts'
import { builtinLibrary, builtPath, programPath } from './compiler/index.ts'

export interface LibrarySource {
  /** What cannot be answered without the library must not wait for it at a request. */
  readyFor(builtins: readonly string[]): Promise<void>
  /** For the rare call of a quick function that needs it after all. */
  now(): WebAssembly.Module
}

export function createLibrarySource(): LibrarySource {
  let library: WebAssembly.Module | null = null
  return {
    async readyFor(builtins) {
      if (builtins.every(isQuick)) return
      library ??= await WebAssembly.compile(await readFile(await programPath(builtinLibrary)))
    },
    now() {
      library ??= new WebAssembly.Module(readFileSync(builtPath(builtinLibrary)))
      return library
    },
  }
}
