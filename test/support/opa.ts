/** The real `opa`, to build and sign bundles with: from PATH, or built once from its Go module into the user's cache. */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const version = 'v1.22.2'

/** Path of the binary; building it takes a minute or two. */
export function findOpa(): string {
  try {
    return execFileSync('sh', ['-c', 'command -v opa'], { encoding: 'utf8' }).trim()
  } catch {
    return builtOpa()
  }
}

function builtOpa(): string {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sallyport', `opa-${version}`)
  const binary = join(cache, 'opa')
  if (existsSync(binary)) return binary
  mkdirSync(cache, { recursive: true })
  // Test files run side by side: each builds into a folder of its own, and the last one's rename wins.
  const folder = mkdtempSync(join(cache, 'build-'))
  try {
    execFileSync('go', ['install', `github.com/open-policy-agent/opa@${version}`], {
      env: { ...process.env, GOBIN: folder },
      stdio: 'inherit',
    })
    renameSync(join(folder, 'opa'), binary)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return binary
}

const run = promisify(execFile)

/** Runs `opa` in `folder`; rejects with what it said. */
export async function opa(folder: string, ...args: readonly string[]): Promise<void> {
  await run(findOpa(), args, { cwd: folder })
}
