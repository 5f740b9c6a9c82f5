/** OPA's Go packages as WebAssembly: built from rego/compiler on first need, then kept in a cache by the hash of what they were built from. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { libraryHook } from '../builtins/index.ts'
import { meter } from '../wasm/index.ts'

const run = promisify(execFile)
const sourceFolder = join(import.meta.dirname, '../../../rego/compiler')

interface Program {
  readonly name: string
  /** Below rego/compiler. */
  readonly package: string
  readonly arguments: readonly string[]
  readonly finish: (wasm: Uint8Array) => Uint8Array
}

/** Compiles, tests and formats Rego; one run a request. */
export const compiler: Program = { name: 'rego-compiler', package: '.', arguments: [], finish: (wasm) => wasm }
/** The built-in functions; stays loaded, and is metered like a policy. */
export const builtinLibrary: Program = {
  name: 'rego-builtins',
  package: './builtins',
  arguments: ['-buildmode=c-shared'],
  finish: (wasm) => meter(wasm, libraryHook),
}

/** `$XDG_CACHE_HOME/sallyport`, or `~/.cache/sallyport`. */
export function defaultCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sallyport')
}

/** The path of a program; builds it where the cache has none. Throws what `go` throws. */
export async function programPath(program: Program, cacheFolder: string = defaultCacheFolder()): Promise<string> {
  const target = builtPath(program, cacheFolder)
  const cached = await access(target).then(
    () => true,
    () => false,
  )
  if (cached) return target
  await mkdir(cacheFolder, { recursive: true, mode: 0o700 })
  // Two processes may build at once: each into a file of its own, and the rename is atomic.
  const temporary = `${target}.${process.pid}.tmp`
  try {
    await run('go', ['build', '-trimpath', '-ldflags=-s -w', ...program.arguments, '-o', temporary, program.package], {
      cwd: sourceFolder,
      env: { ...process.env, GOOS: 'wasip1', GOARCH: 'wasm', CGO_ENABLED: '0' },
      timeout: 600_000,
    })
    await writeFile(temporary, program.finish(await readFile(temporary)))
    await rename(temporary, target)
  } finally {
    await rm(temporary, { force: true })
  }
  return target
}

/** Where a program lies once it is built. */
export function builtPath(program: Program, cacheFolder: string = defaultCacheFolder()): string {
  return join(cacheFolder, `${program.name}-${hashOfSources()}.wasm`)
}

function hashOfSources(): string {
  const hash = createHash('sha256')
  const names = readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.go$|^go\.(mod|sum)$/.test(name))
  for (const name of names.sort()) hash.update(`${name}\0`).update(readFileSync(join(sourceFolder, name)))
  for (const own of ['meter.ts', 'opcodes.ts', 'leb.ts', 'sections.ts', 'imports.ts'])
    hash.update(readFileSync(join(import.meta.dirname, '../wasm', own)))
  return hash.digest('hex').slice(0, 16)
}
