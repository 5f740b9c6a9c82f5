/** The part of the WebAssembly JavaScript interface (W3C) that is used here: TypeScript declares it only together with the DOM. */
declare namespace WebAssembly {
  type ImportValue = unknown
  type Imports = Record<string, Record<string, ImportValue>>
  class Module {
    constructor(bytes: Uint8Array)
    static customSections(module: Module, name: string): ArrayBuffer[]
    // Nominal: a Module comes from a constructor or from compile.
    private readonly module: true
  }
  /** A trap. */
  class RuntimeError extends Error {}
  class Memory {
    constructor(pages: { initial: number; maximum?: number })
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
  class Instance {
    constructor(module: Module, imports: Imports)
    readonly exports: Record<string, unknown>
  }
  function compile(bytes: Uint8Array): Promise<Module>
  function instantiate(module: Module, imports: Imports): Promise<Instance>
}
