/** The library of built-in functions, loaded before a policy that needs it is activated, and shared by all that do. */
import { readFile } from 'node:fs/promises'
import { answeredHere, BuiltinError, createLibrary, type Library } from './builtins/index.ts'
import { builtinLibrary, type CompilerFolders, CompilerMissing, commandFolders, programPath, type RegoSources } from './compiler/index.ts'

export interface LibraryNeed {
  /** Functions that nothing else answers. */
  readonly always: readonly string[]
  /** Only some calls with unusual operands need it: a machine without it activates the policy all the same. */
  readonly sometimes: readonly string[]
}

export interface LibrarySource {
  /** Before activation. Throws `CompilerMissing` where what is needed always cannot be had. */
  readyFor(need: LibraryNeed): Promise<void>
  /** Never loads the library, since a request must not wait for that. Throws `BuiltinError` where it is not loaded. */
  now(builtin: string): Library
  /** What it was made of, for another thread; `null`: it was not loaded. */
  code(): WebAssembly.Module | null
  /** What another thread needs; nothing is made of it here. `null`: nothing, or it is not here. Throws as `readyFor`. */
  codeFor(need: LibraryNeed): Promise<WebAssembly.Module | null>
}

interface AskedOfHost {
  readonly builtins: readonly string[]
  readonly neverInside: readonly string[]
}

/** What a policy needs whose functions are answered by the host. `rules`: the sources beside the default policy; `null` where they are unknown. */
export function libraryNeedOf({ builtins, neverInside }: AskedOfHost, rules: RegoSources | null): LibraryNeed {
  const texts = rules === null ? null : Object.values(rules)
  return {
    always: builtins.filter((name) => answeredHere(name) === 'never' || neverInside.includes(name)),
    // The default policy's own calls are all such as are answered here; and it does no arithmetic.
    sometimes: builtins.filter(
      (name) => answeredHere(name) === 'mostly' && (operators.has(name) || (texts?.some((text) => text.includes(name)) ?? true)),
    ),
  }
}

/** By their names in a plan; rules write signs. */
const operators: ReadonlySet<string> = new Set(['plus', 'minus', 'mul', 'div', 'rem'])

/** `onMissing`: a policy is activated without the library, and says which of its calls may fail, and why. */
export function createLibrarySource(
  load: () => Promise<WebAssembly.Module> = libraryIn(commandFolders()),
  onMissing: (problem: string) => void = () => {},
): LibrarySource {
  let library: Library | null = null
  let code: WebAssembly.Module | null = null

  /** `null`: nothing is needed, or the policy gets along without. */
  async function loaded({ always, sometimes }: LibraryNeed): Promise<WebAssembly.Module | null> {
    if (code !== null || always.length + sometimes.length === 0) return code
    try {
      code = await load()
    } catch (error) {
      if (always.length > 0)
        throw new CompilerMissing(
          error,
          `the rules call ${always.join(', ')}, which OPA's own library answers, and that is built with Go: install Go (1.26 or later; https://go.dev/doc/install), then try again (${(error as Error).message})`,
        )
      onMissing(
        `the rules call ${sometimes.join(', ')}: with unusual values OPA's own library answers, which is not here, and the request is denied (policy-failed). It is built with Go: install Go (1.26 or later; https://go.dev/doc/install) and reload`,
      )
    }
    return code
  }

  return {
    code: () => code,
    codeFor: loaded,
    async readyFor(need) {
      if (library !== null) return
      const module = await loaded(need)
      if (module !== null) library ??= createLibrary(module)
    },
    now(builtin) {
      if (library !== null) return library
      throw new BuiltinError(
        builtin,
        "with these operands it is answered by OPA's own library, which is not here: install Go (1.26 or later; https://go.dev/doc/install) and reload",
      )
    },
  }
}

/** Off the event loop. */
export function libraryIn(folders: CompilerFolders): () => Promise<WebAssembly.Module> {
  return async () => WebAssembly.compile(await readFile(await programPath(builtinLibrary, folders)))
}
