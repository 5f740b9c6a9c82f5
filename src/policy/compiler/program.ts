/** The compiler's WebAssembly: built from rego/compiler with Go on first need, then kept in a cache by the hash of what it was built from. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const sourceFolder = join(import.meta.dirname, '../../../rego/compiler')

/** `$XDG_CACHE_HOME/sallyport`, or `~/.cache/sallyport`. */
export function defaultCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sallyport')
}

/** The path of the program; builds it where the cache has none. Throws what `go` throws. */
export async function compilerProgram(cacheFolder: string): Promise<string> {
  const target = join(cacheFolder, `rego-compiler-${await hashOfSources()}.wasm`)
  const cached = await readFile(target).then(
    () => true,
    () => false,
  )
  if (cached) return target
  await mkdir(cacheFolder, { recursive: true, mode: 0o700 })
  // Two processes may build at once: each into a file of its own, and the rename is atomic.
  const temporary = `${target}.${process.pid}.tmp`
  try {
    await run('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', temporary, '.'], {
      cwd: sourceFolder,
      env: { ...process.env, GOOS: 'wasip1', GOARCH: 'wasm', CGO_ENABLED: '0' },
      timeout: 600_000,
    })
    await rename(temporary, target)
  } finally {
    await rm(temporary, { force: true })
  }
  return target
}

async function hashOfSources(): Promise<string> {
  const hash = createHash('sha256')
  const names = (await readdir(sourceFolder)).filter((name) => /\.go$|^go\.(mod|sum)$/.test(name)).sort()
  for (const name of names) hash.update(`${name}\0`).update(await readFile(join(sourceFolder, name)))
  return hash.digest('hex').slice(0, 16)
}
